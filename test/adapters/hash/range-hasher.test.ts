import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rangeHasher } from '../../../src/adapters/hash/range-hasher.ts'

const bytes = randomBytes(40 * 1024 * 1024 + 77)
let folder: string
let path: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-hash-'))
  path = join(folder, 'data')
  await writeFile(path, bytes)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('every range gets the digest of exactly its bytes, and all bytes are told', async () => {
  const ranges = [
    { position: 0, length: bytes.length },
    { position: 5, length: 0 },
    { position: 17, length: 3 * 1024 * 1024 + 1 },
    { position: bytes.length - 9, length: 9 },
  ]
  const found = new Map<number, string>()
  let told = 0
  await rangeHasher.hash(path, ranges, { onHash: (i, hex) => found.set(i, hex), onBytes: (n) => (told += n) })
  for (const [i, { position, length }] of ranges.entries())
    expect(found.get(i)).toBe(
      createHash('sha256')
        .update(bytes.subarray(position, position + length))
        .digest('hex'),
    )
  expect(told).toBe(ranges.reduce((sum, { length }) => sum + length, 0))
})

test('a range past the end of the file fails instead of hashing less', async () => {
  await expect(
    rangeHasher.hash(path, [{ position: bytes.length - 1, length: 2 }], { onHash: () => undefined }),
  ).rejects.toThrow('ends at byte')
})

test('a file that is not there fails', async () => {
  await expect(
    rangeHasher.hash(join(folder, 'none'), [{ position: 0, length: 1 }], { onHash: () => undefined }),
  ).rejects.toThrow('ENOENT')
})

test('hashing stops when it is told to', async () => {
  const stop = new AbortController()
  const ranges = Array.from({ length: 40 }, () => ({ position: 0, length: bytes.length }))
  const running = rangeHasher.hash(path, ranges, { onHash: () => stop.abort(new Error('enough')), signal: stop.signal })
  await expect(running).rejects.toThrow('enough')
})
