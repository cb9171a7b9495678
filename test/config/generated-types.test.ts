import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { bundleLockSchema } from '../../src/config/bundle-lock.schema.gen.ts'
import { bundleSchema } from '../../src/config/bundle.schema.gen.ts'
import { releaseSchema } from '../../src/config/release.schema.gen.ts'

const ROOT = new URL('../../', import.meta.url)

test.each([
  ['bundle', bundleSchema],
  ['bundle-lock', bundleLockSchema],
  ['release', releaseSchema],
])('what is validated at run time is schemas/%s.schema.json', async (name, schema) => {
  expect(schema).toEqual(JSON.parse(await readFile(new URL(`schemas/${name}.schema.json`, ROOT), 'utf8')))
})

test('the types are those of the schemas', () => {
  execFileSync(process.execPath, ['scripts/generate-types.ts', '--check'], { cwd: ROOT, stdio: 'pipe' })
})
