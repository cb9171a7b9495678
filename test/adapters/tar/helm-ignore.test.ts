import { describe, expect, test } from 'vitest'
import { parseHelmIgnore } from '../../../src/adapters/tar/helm-ignore.ts'

// The cases of Helm's own tests (helm.sh/helm, internal/ignore) are the reference.
const cases: [rules: string, path: string, isFolder: boolean, ignored: boolean][] = [
  ['helm.txt', 'helm.txt', false, true],
  ['helm.*', 'helm.txt', false, true],
  ['helm.*', 'rudder.txt', false, false],
  ['*.txt', 'tiller.txt', false, true],
  ['*', 'tiller.txt', false, true],
  ['cargo/*.txt', 'cargo/a.txt', false, true],
  ['cargo/*.*', 'mast/a.txt', false, false],
  ['*/*.txt', 'cargo/deep/a.txt', false, false],
  ['cargo/', 'cargo', true, true],
  ['cargo/', 'cargo', false, false],
  ['cargo', 'deep/cargo', true, true],
  ['/cargo', 'deep/cargo', true, false],
  ['/a.txt', 'a.txt', false, true],
  ['/a.txt', 'cargo/a.txt', false, false],
  ['a[a-z].txt', 'ab.txt', false, true],
  ['a[^a-z].txt', 'ab.txt', false, false],
  ['a[^a-z].txt', 'a1.txt', false, true],
  ['a?.txt', 'ab.txt', false, true],
  ['a\\*.txt', 'a*.txt', false, true],
  ['a\\*.txt', 'ab.txt', false, false],
  ['a.txt', 'axtxt', false, false],
  ['!helm.txt', 'helm.txt', false, false],
  ['!helm.txt', 'tiller.txt', false, true],
  ['!cargo/', 'mast', true, true],
  ['# a.txt', 'a.txt', false, false],
  ['  a.txt  ', 'a.txt', false, true],
  ['', 'templates/.dotfile', false, true],
  ['', 'templates/a.yaml', false, false],
]

describe('.helmignore', () => {
  test.each(cases)('%j and %s (a folder: %s): ignored %s', (rules, path, isFolder, ignored) => {
    expect(parseHelmIgnore(rules, './chart')(path, isFolder)).toBe(ignored)
  })

  test.each(['**/x', 'a[', 'a[]', 'a\\'])('%s is refused as Helm refuses it', (rule) => {
    expect(() => parseHelmIgnore(rule, './chart')).toThrow(`./chart: .helmignore`)
  })
})
