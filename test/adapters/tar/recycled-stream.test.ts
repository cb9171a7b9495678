import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openRandomAccessFile } from '../../../src/adapters/tar/random-access-file.ts'

const MIB = 1024 * 1024
const content = randomBytes(7 * MIB + 12_345)
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-stream-'))
  await writeFile(join(folder, 'file'), content)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('a recycling stream gives the same bytes to a consumer that holds one piece back', async () => {
  const file = await openRandomAccessFile(join(folder, 'file'))
  const seen: Buffer[] = []
  const memory = new Set<ArrayBufferLike>()
  let held: Uint8Array | undefined
  for await (const piece of file.stream(77, content.length - 77, { recycle: true })) {
    memory.add(piece.buffer)
    if (held) seen.push(Buffer.from(held))
    held = piece
  }
  if (held) seen.push(Buffer.from(held))
  await file.close()
  expect(Buffer.concat(seen).equals(content.subarray(77))).toBe(true)
  expect(memory.size).toBe(3)
})

it('pieces of a stream that does not recycle are the consumer’s for ever', async () => {
  const file = await openRandomAccessFile(join(folder, 'file'))
  const pieces: Uint8Array[] = []
  for await (const piece of file.stream(0, content.length)) pieces.push(piece)
  await file.close()
  expect(Buffer.concat(pieces).equals(content)).toBe(true)
})
