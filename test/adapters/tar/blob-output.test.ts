import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openBlobOutput } from '../../../src/adapters/tar/blob-output.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-blob-output-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('what another thread writes lies in the file that was made for it, empty pieces and all', async () => {
  const path = join(folder, 'a.partial')
  await writeFile(path, Buffer.alloc(20))
  const output = await openBlobOutput(path)
  await output.write(3, [Buffer.from('abc'), Buffer.alloc(0), Buffer.from('de')])
  expect((await readFile(path)).toString('latin1').replaceAll('\0', '.')).toBe('...abcde............')
})

test('a file that is gone is named', async () => {
  const path = join(folder, 'gone.partial')
  await expect(openBlobOutput(path)).rejects.toMatchObject({
    code: 'io-file',
    message: expect.stringContaining(path) as string,
  })
})
