import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { shareReading } from '../../src/bundle/shared-reading.ts'
import { memoryFile } from '../fakes/memory-file.ts'

const MIB = 1024 * 1024

it('gives exactly the part that was asked for', async () => {
  const bytes = randomBytes(3 * MIB)
  await fc.assert(
    fc.asyncProperty(fc.nat(3 * MIB), fc.nat(3 * MIB), async (a, b) => {
      const [position, end] = [Math.min(a, b), Math.max(a, b)]
      const pieces: Uint8Array[] = []
      for await (const piece of shareReading()(memoryFile(bytes), { position, length: end - position }))
        pieces.push(piece)
      expect(Buffer.concat(pieces).equals(bytes.subarray(position, end))).toBe(true)
    }),
    { numRuns: 20 },
  )
})

it('one reader gets large pieces, many get small ones, and large ones again when the others have gone', async () => {
  const file = memoryFile(Buffer.alloc(8 * MIB))
  const readPart = shareReading()
  const begin = () => readPart(file, { position: 0, length: file.size })[Symbol.asyncIterator]()
  const sizeOf = async (reader: AsyncIterator<Uint8Array>) => ((await reader.next()).value as Uint8Array).length
  const first = begin()
  expect(await sizeOf(first)).toBe(MIB)
  const others = Array.from({ length: 255 }, begin)
  for (const other of others) await other.next()
  // One piece was read ahead before the others came.
  await first.next()
  expect(await sizeOf(first)).toBe(128 * 1024)
  for (const other of others) await other.return?.()
  await first.next()
  expect(await sizeOf(first)).toBe(MIB)
})

it('a reader that stops early is not read for any more', async () => {
  const file = memoryFile(Buffer.alloc(8 * MIB))
  for await (const piece of shareReading()(file, { position: 0, length: file.size })) {
    expect(piece).toHaveLength(MIB)
    break
  }
  expect(file.bytesRead).toBe(2 * MIB)
})

it('a failure comes when its piece is due', async () => {
  const file = memoryFile(Buffer.alloc(2 * MIB), {
    beforeRead: (position) => (position === 0 ? undefined : Promise.reject(new Error('EIO'))),
  })
  const reader = shareReading()(file, { position: 0, length: file.size })[Symbol.asyncIterator]()
  expect(((await reader.next()).value as Uint8Array).length).toBe(MIB)
  await expect(reader.next()).rejects.toThrow('EIO')
})
