import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findViolations } from './architecture-rules.ts'

const SRC = join(import.meta.dirname, '..', 'src')

test('every file of src keeps the rules of the house', () => {
  const paths = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  expect(paths.length).toBeGreaterThan(20)
  expect(findViolations(new Map(paths.map((path) => [path, readFileSync(join(SRC, path), 'utf8')])))).toEqual([])
})

describe('the rules find', () => {
  const house = {
    'errors.ts': '',
    'oci/copy.ts': '',
    'bundle/layout-tar.ts': '',
    'bundle/lock.ts': '',
    'app/lock.ts': '',
  }
  const check = (files: Readonly<Record<string, string>>) =>
    findViolations(new Map(Object.entries({ ...house, ...files })))

  test.each<[what: string, path: string, text: string, found: string]>([
    [
      'an import against the arrows',
      'oci/a.ts',
      `import { x } from '../bundle/lock.ts'`,
      'must not import bundle/lock.ts',
    ],
    [
      'a type import against the arrows',
      'oci/a.ts',
      `import type { X } from '../app/lock.ts'`,
      'must not import app/lock.ts',
    ],
    ['an inline type import', 'trust/a.ts', `let x: import('../bundle/lock.ts').X`, 'must not import bundle/lock.ts'],
    ['a re-export', 'config/a.ts', `export * from '../bundle/lock.ts'`, 'must not import bundle/lock.ts'],
    ['a dynamic import', 'app/a.ts', `await import('../adapters/tar/x.ts')`, 'must not import adapters/tar/x.ts'],
    ['an import for effect', 'bundle/a.ts', `import '../cli/x.ts'`, 'must not import cli/x.ts'],
    ['a computed import', 'cli/a.ts', 'await import(`./commands/${name}.ts`)', 'imports a computed name'],
    [
      'an adapter that knows the lock',
      'adapters/tar/a.ts',
      `import '../../bundle/lock.ts'`,
      'must not import bundle/lock.ts',
    ],
    [
      'an adapter that knows another',
      'adapters/registry/a.ts',
      `import '../tar/x.ts'`,
      'must not import adapters/tar/x.ts',
    ],
    [
      'the command line that knows an adapter',
      'cli/a.ts',
      `import '../adapters/tar/x.ts'`,
      'must not import adapters/tar/x.ts',
    ],
    [
      'I/O where only values belong',
      'bundle/a.ts',
      `import { open } from 'node:fs/promises'`,
      'does I/O by node:fs/promises',
    ],
    ['I/O in a plan', 'install/plan-hosts.ts', `import 'node:net'`, 'does I/O by node:net'],
    [
      'a vendor package away from home',
      'app/a.ts',
      `import { request } from 'undici'`,
      'imports undici, which lives in adapters/registry/',
    ],
    ['a sub-path of one', 'app/a.ts', `import Ajv from 'ajv/dist/2020.js'`, 'imports ajv, which lives in config/'],
    ['a vendor package without a home', 'app/a.ts', `import x from '@scope/new/sub'`, '@scope/new has no home'],
    ['a file that is not there', 'app/a.ts', `import './b.ts'`, 'imports ./b.ts, which is no file of src'],
    ['a default export', 'app/a.ts', 'export default function run() {}', 'has a default export'],
    ['a default expression', 'app/a.ts', 'export default 1', 'has a default export'],
    ['a renamed default', 'app/a.ts', 'const a = 1; export { a as default }', 'has a default export'],
    ['a barrel', 'app/index.ts', '', 'says nothing'],
    ['a bag', 'app/utils.ts', '', 'says nothing'],
    ['a name in camel case', 'app/runPlan.ts', '', 'not kebab-case'],
  ])('%s', (_, path, text, found) => {
    const violations = check({ 'adapters/tar/x.ts': '', 'cli/x.ts': '', [path]: text })
    expect(violations).toHaveLength(1)
    expect(violations[0]).toContain(`${path}: `)
    expect(violations[0]).toContain(found)
  })

  test('cycles, each once, type imports included', () => {
    const cycle = {
      'app/a.ts': `import '../oci/copy.ts'; import './b.ts'`,
      'app/b.ts': `import type { C } from './c.ts'`,
      'app/c.ts': `export { a } from './a.ts'`,
    }
    expect(check(cycle)).toEqual(['cycle: app/a.ts -> app/b.ts -> app/c.ts -> app/a.ts'])
  })

  test('nothing in a house that is in order', () => {
    const inOrder = {
      'main.ts': `import './adapters/tar/x.ts'; import './cli/x.ts'`,
      'adapters/tar/x.ts': `import 'tar'; import 'node:fs'; import '../../bundle/layout-tar.ts'; import '../../oci/copy.ts'; import './y.ts'`,
      'adapters/tar/y.ts': '',
      'cli/x.ts': `import '../app/lock.ts'; await import('../errors.ts')`,
      'config/bundle.schema.gen.ts': `import '../oci/copy.ts'; import 'ajv'; import { createHash } from 'node:crypto'`,
    }
    expect(check(inOrder)).toEqual([])
  })
})
