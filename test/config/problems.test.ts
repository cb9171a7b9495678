import { describe, expect, test } from 'vitest'
import { formatProblems } from '../../src/config/problems.ts'
import { showValue } from '../../src/config/shown-value.ts'
import { editDistance, suggest } from '../../src/config/suggest.ts'
import { pathText } from '../../src/config/text-place.ts'
import { toUtcSeconds } from '../../src/config/utc-time.ts'

test('problems are shown below their file, places in one column, hints indented', () => {
  const file = 'bundles/platform/bundle.yaml'
  expect(
    formatProblems([
      { file, line: 14, column: 9, path: 'images[3]', message: 'no such tag: v3.31.22', hint: 'Near: v3.31.2' },
      { file, line: 131, column: 5, path: 'charts[1].verison', message: 'unknown key. Did you mean version?' },
      { file, message: 'the file is empty' },
      { file: 'other.yaml', line: 1, message: 'x' },
      { message: 'no file' },
    ]),
  ).toBe(
    [
      'bundles/platform/bundle.yaml',
      '  14:9    images[3]: no such tag: v3.31.22',
      '            Near: v3.31.2',
      '  131:5   charts[1].verison: unknown key. Did you mean version?',
      '  the file is empty',
      'other.yaml',
      '  1:1     x',
      '  no file',
    ].join('\n'),
  )
})

test('paths read as people write them', () => {
  expect(pathText(['spec', 'images', 3, 'ref'])).toBe('images[3].ref')
  expect(pathText(['spec'])).toBe('spec')
  expect(pathText(['spec', 'registries', 'a.b:5000', 'mirrors', 0])).toBe('registries["a.b:5000"].mirrors[0]')
  expect(pathText([])).toBe('')
})

describe('a wrong value in a message', () => {
  test('stays on its line and cannot steer a terminal', () => {
    expect(showValue('a\n\u001b[2J\u009b\u202e')).toBe('"a\\n\\u001b[2J\\u009b\\u202e"')
    expect(showValue('x'.repeat(500))).toHaveLength(83)
  })
  test('shows no credentials', () => {
    expect(showValue('https://me:secret@host/x')).toBe('"https://***@host/x"')
    expect(showValue('https://me:p@ss@host/x')).toBe('"https://***@host/x"')
    expect(showValue('https://me@host/x?token=sesame&a=b')).toBe('"https://***@host/x?…"')
    expect(showValue('is it a:b?')).toBe('"is it a:b?"')
  })
})

describe('suggestions', () => {
  test('are the nearest word, if it is near', () => {
    expect(suggest('verison', ['name', 'version', 'repo'])).toBe('version')
    expect(suggest('plainHTTP', ['plainHttp', 'mirrors'])).toBe('plainHttp')
    expect(suggest('platform', ['platforms', 'ref'])).toBe('platforms')
    expect(suggest('colour', ['name', 'version'])).toBeUndefined()
  })
  test('count insertions, deletions, replacements and swaps', () => {
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('abc', 'acb')).toBe(1)
    expect(editDistance('kitten', 'sitting')).toBe(3)
  })
})

describe('RFC 3339 times', () => {
  test.each([
    ['2027-01-31T12:00:00Z', '2027-01-31T12:00:00Z'],
    ['2027-01-31t12:00:00.999z', '2027-01-31T12:00:00Z'],
    ['2028-02-29T23:30:00-01:00', '2028-03-01T00:30:00Z'],
    ['2027-01-01T00:30:00+01:00', '2026-12-31T23:30:00Z'],
  ])('%s is %s', (text, utc) => expect(toUtcSeconds(text)).toBe(utc))
  test.each([
    '2027-02-29T00:00:00Z',
    '2027-13-01T00:00:00Z',
    '2027-01-01T00:00:00+24:00',
    '0000-01-01T00:00:00+01:00',
    '2027-1-1T00:00:00Z',
    '',
  ])('%j is none', (text) => expect(toUtcSeconds(text)).toBeUndefined())
})
