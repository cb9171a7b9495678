import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVerifiedBlobs, type BlobCopy } from '../../src/bundle/verified-blobs.ts'
import type { FerryError } from '../../src/errors.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { memoryFile, type MemoryFile, type MemoryFileOptions } from '../fakes/memory-file.ts'

const PIECE = 100

interface Gate {
  readonly bytes: Buffer
  readonly descriptor: Descriptor
  /** Where the copies lie; the blob is at 50. */
  readonly files: MemoryFile[]
  readonly barred: FerryError[]
  readonly blobs: ReturnType<typeof createVerifiedBlobs>
}

function gate(size: number, options: MemoryFileOptions & { copies?: number } = {}): Gate {
  const bytes = randomBytes(size)
  const digest = digestOf(bytes)
  const files = Array.from({ length: options.copies ?? 1 }, (_, i) =>
    memoryFile(Buffer.concat([Buffer.alloc(50), bytes, Buffer.alloc(50)]), {
      name: `${i}.tar`,
      piece: PIECE,
      ...options,
    }),
  )
  const copies: BlobCopy[] = files.map((file) => {
    const place = { path: `blobs/sha256/${digest.slice(7)}`, size, headerOffset: 0, offset: 50 }
    return { digest, file, place }
  })
  const barred: FerryError[] = []
  const blobs = createVerifiedBlobs({
    copiesOf: () => copies,
    onBarred: (error) => barred.push(error),
    readPart: (file, { position, length }) => file.stream(position, length),
  })
  return { bytes, descriptor: { mediaType: 'x/y', digest, size }, files, barred, blobs }
}

/** What of a stream came before it ended or failed. */
async function take(pieces: AsyncIterable<Uint8Array>): Promise<{ bytes: Buffer; error?: unknown }> {
  const got: Uint8Array[] = []
  try {
    for await (const piece of pieces) got.push(piece)
  } catch (error) {
    return { bytes: Buffer.concat(got), error }
  }
  return { bytes: Buffer.concat(got) }
}

function damage(file: MemoryFile | undefined, at: number): void {
  const position = 50 + at
  if (file) file.bytes[position] = (file.bytes[position] ?? 0) ^ 1
}

const DAMAGED = { code: 'bundle-digest' }

describe('reading all of a blob', () => {
  it('gives its bytes, reads them once, and the second time too', async () => {
    const { blobs, descriptor, bytes, files } = gate(1050)
    expect(await take(await blobs.readBlob(descriptor))).toEqual({ bytes })
    expect(files[0]?.bytesRead).toBe(1050)
    expect(await take(await blobs.readBlob(descriptor))).toEqual({ bytes })
    expect(files[0]?.bytesRead).toBe(2100)
  })

  it('never gives out the last piece of a damaged blob, wherever the damage is', async () => {
    for (const at of [0, 500, 1049]) {
      const { blobs, descriptor, files, barred } = gate(1050)
      damage(files[0], at)
      const { bytes, error } = await take(await blobs.readBlob(descriptor))
      expect(error).toMatchObject(DAMAGED)
      expect(bytes.length).toBe(1000)
      expect(barred).toHaveLength(1)
    }
  })

  it('gives out nothing at all of a damaged blob of one piece', async () => {
    const { blobs, descriptor, files } = gate(PIECE)
    damage(files[0], 7)
    expect(await take(await blobs.readBlob(descriptor))).toEqual({
      bytes: Buffer.alloc(0),
      error: expect.objectContaining(DAMAGED) as unknown,
    })
  })

  it('bars a damaged blob: nobody gets a byte of it again, and it is told once', async () => {
    const { blobs, descriptor, files, barred } = gate(1050)
    damage(files[0], 3)
    expect(blobs.isBarred(descriptor)).toBe(false)
    await take(await blobs.readBlob(descriptor))
    expect(blobs.isBarred(descriptor)).toBe(true)
    const read = files[0]?.bytesRead
    await expect(blobs.readBlob(descriptor)).rejects.toMatchObject(DAMAGED)
    await expect(blobs.readBlob(descriptor, { range: { start: 0, end: 1 } })).rejects.toMatchObject(DAMAGED)
    expect(files[0]?.bytesRead).toBe(read)
    expect(barred.map(({ message }) => message)).toEqual([
      expect.stringContaining(`0.tar: blobs/sha256/${descriptor.digest.slice(7)}`),
    ])
  })

  it('does not trust a blob that somebody read only in part', async () => {
    const { blobs, descriptor, files } = gate(1050)
    damage(files[0], 1049)
    for await (const piece of await blobs.readBlob(descriptor)) {
      expect(piece).toHaveLength(PIECE)
      break
    }
    expect(files[0]?.openStreams).toBe(0)
    expect((await take(await blobs.readBlob(descriptor))).error).toMatchObject(DAMAGED)
  })

  it('withholds the last piece from a slow reader when another one finds the damage', async () => {
    const { blobs, descriptor, files } = gate(1050)
    damage(files[0], 0)
    const slow = (await blobs.readBlob(descriptor))[Symbol.asyncIterator]()
    await slow.next()
    await take(await blobs.readBlob(descriptor))
    await expect(slow.next()).rejects.toMatchObject(DAMAGED)
  })

  it('finishes for a slow reader when another one has verified the blob meanwhile', async () => {
    const { blobs, descriptor, bytes } = gate(1050)
    const slow = (await blobs.readBlob(descriptor))[Symbol.asyncIterator]()
    const first = await slow.next()
    await take(await blobs.readBlob(descriptor))
    const rest = await take({ [Symbol.asyncIterator]: () => slow })
    expect(Buffer.concat([first.value as Uint8Array, rest.bytes])).toEqual(bytes)
  })

  it('an empty blob is verified like any other', async () => {
    const { blobs, descriptor, bytes } = gate(0)
    expect(await take(await blobs.readBlob(descriptor))).toEqual({ bytes })
  })

  it('a file that cannot be read is no damage: the next reader may succeed', async () => {
    let broken = true
    const { blobs, descriptor, bytes, barred } = gate(1050, {
      beforeRead: (position) => (broken && position > 400 ? Promise.reject(new Error('EIO')) : undefined),
    })
    expect((await take(await blobs.readBlob(descriptor))).error).toMatchObject({ message: 'EIO' })
    await expect(blobs.readBlob(descriptor, { range: { start: 0, end: 1 } })).rejects.toThrow('EIO')
    broken = false
    expect(barred).toEqual([])
    expect(await take(await blobs.readBlob(descriptor))).toEqual({ bytes })
  })
})

describe('reading a range', () => {
  it('verifies the whole blob first, once', async () => {
    const { blobs, descriptor, bytes, files } = gate(1050)
    const range = { start: 500, end: 510 }
    expect(await take(await blobs.readBlob(descriptor, { range }))).toEqual({ bytes: bytes.subarray(500, 510) })
    expect(files[0]?.bytesRead).toBe(1060)
    await take(await blobs.readBlob(descriptor, { range }))
    expect(files[0]?.bytesRead).toBe(1070)
  })

  it('gives out no byte of a blob that is damaged elsewhere', async () => {
    const { blobs, descriptor, files } = gate(1050)
    damage(files[0], 0)
    await expect(blobs.readBlob(descriptor, { range: { start: 500, end: 510 } })).rejects.toMatchObject(DAMAGED)
  })

  it('many at once share one verification', async () => {
    const { blobs, descriptor, bytes, files } = gate(1050)
    const ranges = Array.from({ length: 20 }, (_, i) => ({ start: i, end: i + 1 }))
    const got = await Promise.all(ranges.map(async (range) => take(await blobs.readBlob(descriptor, { range }))))
    expect(Buffer.concat(got.map((one) => one.bytes))).toEqual(bytes.subarray(0, 20))
    expect(files[0]?.bytesRead).toBe(1050 + 20)
  })

  it('is exactly that part of the content, whatever the sizes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(500),
        fc.nat(500),
        fc.nat(500),
        fc.integer({ min: 1, max: 600 }),
        async (a, b, c, piece) => {
          const [start = 0, end = 0, size = 0] = [a, b, c].toSorted((x, y) => x - y)
          const { blobs, descriptor, bytes } = gate(size, { piece })
          const got = await take(await blobs.readBlob(descriptor, { range: { start, end } }))
          expect(got).toEqual({ bytes: bytes.subarray(start, end) })
        },
      ),
      { numRuns: 50 },
    )
  })

  it('one who goes away does not stop the verification that others wait for', async () => {
    const { blobs, descriptor, bytes } = gate(1050, { beforeRead: () => turn() })
    const gone = new AbortController()
    const range = { start: 1, end: 2 }
    const first = blobs.readBlob(descriptor, { range, signal: gone.signal })
    const second = blobs.readBlob(descriptor, { range })
    gone.abort()
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    expect((await take(await second)).bytes).toEqual(bytes.subarray(1, 2))
  })

  it('the reading stops when all have gone away, and begins anew for the next', async () => {
    const { blobs, descriptor, files, bytes } = gate(100_000, { beforeRead: () => turn() })
    const gone = new AbortController()
    const reading = blobs.readBlob(descriptor, { range: { start: 1, end: 2 }, signal: gone.signal })
    await turn()
    gone.abort()
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
    for (let i = 0; i < 5; i++) await turn()
    expect(files[0]?.openStreams).toBe(0)
    expect(files[0]?.bytesRead).toBeLessThan(1000)
    const again = await take(await blobs.readBlob(descriptor, { range: { start: 1, end: 2 } }))
    expect(again.bytes).toEqual(bytes.subarray(1, 2))
  })
})

describe('a blob that lies in two bundles', () => {
  it('is read from the other one when the first is damaged', async () => {
    const { blobs, descriptor, files, bytes, barred } = gate(1050, { copies: 2 })
    damage(files[0], 0)
    expect((await take(await blobs.readBlob(descriptor))).error).toMatchObject(DAMAGED)
    expect(blobs.isBarred(descriptor)).toBe(false)
    expect(await take(await blobs.readBlob(descriptor))).toEqual({ bytes })
    expect(barred).toHaveLength(1)
  })

  it('a range passes over the damaged copy without anybody noticing', async () => {
    const { blobs, descriptor, files, bytes } = gate(1050, { copies: 2 })
    damage(files[0], 0)
    const got = await take(await blobs.readBlob(descriptor, { range: { start: 0, end: 1050 } }))
    expect(got).toEqual({ bytes })
  })

  it('is barred when both are', async () => {
    const { blobs, descriptor, files } = gate(1050, { copies: 2 })
    for (const file of files) damage(file, 0)
    await expect(blobs.readBlob(descriptor, { range: { start: 0, end: 1 } })).rejects.toMatchObject(DAMAGED)
    expect(blobs.isBarred(descriptor)).toBe(true)
  })
})

it('a copy of another size than the manifest says is not looked at', async () => {
  const { blobs, descriptor } = gate(1050)
  await expect(blobs.readBlob({ ...descriptor, size: 1049 })).rejects.toMatchObject({ code: 'bundle-content' })
})
