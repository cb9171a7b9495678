import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { Parser, type ReadEntry } from 'tar'
import { describe, expect, test } from 'vitest'
import {
  BLOCK,
  blobPath,
  encodeHeader,
  END_MARK_BYTES,
  headerBytes,
  padded,
  PAX_FROM,
  placeEntries,
  signaturePaths,
} from '../../src/bundle/layout.ts'

const MTIME = 1_790_000_000

const entries = fc.uniqueArray(
  fc.record({ seed: fc.string({ maxLength: 8 }), bytes: fc.uint8Array({ maxLength: 2000 }) }),
  { selector: ({ seed }) => seed, minLength: 1, maxLength: 12 },
)

describe('the tar of a bundle', () => {
  test('any content placed by the layout reads back with a stock tar reader', async () => {
    await fc.assert(
      fc.asyncProperty(entries, async (contents) => {
        const named = contents.map(({ seed, bytes }) => ({
          path: blobPath(createHash('sha256').update(seed).digest('hex')),
          size: bytes.length,
          bytes,
        }))
        const layout = placeEntries(named)
        const file = Buffer.alloc(layout.totalBytes)
        for (const [i, entry] of layout.entries.entries()) {
          file.set(encodeHeader(entry, MTIME), entry.headerOffset)
          file.set(named[i]!.bytes, entry.offset)
        }
        const read = await readTar(file)
        expect(read.map(({ path, size }) => ({ path, size }))).toEqual(named.map(({ path, size }) => ({ path, size })))
        for (const [i, entry] of read.entries()) {
          expect(entry.bytes.equals(Buffer.from(named[i]!.bytes))).toBe(true)
          expect(entry).toMatchObject({ mode: 0o644, uid: 0, gid: 0, mtime: MTIME * 1000, type: 'File' })
        }
      }),
      { numRuns: 60 },
    )
  })

  test('entries stand back to back, on whole blocks, and 1024 zero bytes end the file', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { maxLength: 20 }), (sizes) => {
        const layout = placeEntries(sizes.map((size, i) => ({ path: `f${i}`, size })))
        let end = 0
        for (const entry of layout.entries) {
          expect(entry.headerOffset).toBe(end)
          expect(entry.offset).toBe(end + BLOCK)
          end = entry.offset + padded(entry.size)
          expect(end % BLOCK).toBe(0)
        }
        expect(layout.totalBytes).toBe(end + END_MARK_BYTES)
      }),
    )
  })

  test('a file of 8 GiB or more has its size in a pax header, one byte less has not', async () => {
    expect(headerBytes(PAX_FROM - 1)).toBe(BLOCK)
    expect(headerBytes(PAX_FROM)).toBe(3 * BLOCK)
    const header = encodeHeader({ path: 'big', size: PAX_FROM }, MTIME)
    expect(Buffer.from(header).toString('latin1')).toContain(`19 size=${PAX_FROM}\n`)
    const seen = await new Promise<ReadEntry>((resolve) => {
      const parser = new Parser({ onReadEntry: resolve })
      parser.write(Buffer.from(header))
    })
    expect(seen).toMatchObject({ path: 'big', size: PAX_FROM })
  })

  test('the largest believable file keeps its exact size', () => {
    const size = 2 ** 40
    const text = Buffer.from(encodeHeader({ path: 'huge', size }, MTIME)).toString('latin1')
    expect(text).toContain(`22 size=${size}\n`)
  })

  test('a path that ustar cannot hold is a mistake of the program, not a silent cut', () => {
    expect(() => encodeHeader({ path: 'x'.repeat(101), size: 1 }, MTIME)).toThrow(RangeError)
    expect(() => encodeHeader({ path: 'x', size: 1 }, 2 ** 40)).toThrow(RangeError)
  })

  test('signature files are named by the key', () => {
    expect(signaturePaths('3f9a2c11')).toEqual({
      sig: 'ferry/release.json.3f9a2c11.sig',
      sigstore: 'ferry/release.json.3f9a2c11.sigstore.json',
    })
  })
})

interface Read {
  path: string
  size: number
  mode?: number
  uid?: number
  gid?: number
  mtime?: number
  type: string
  bytes: Buffer
}

function readTar(file: Buffer): Promise<Read[]> {
  return new Promise((resolve, reject) => {
    const found: Read[] = []
    const parser = new Parser({
      strict: true,
      onReadEntry: (entry) => {
        const pieces: Buffer[] = []
        entry.on('data', (piece: Buffer) => pieces.push(piece))
        entry.on('end', () => {
          found.push({
            path: entry.path,
            size: entry.size,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime?.getTime(),
            type: entry.type,
            bytes: Buffer.concat(pieces),
          })
        })
      },
    })
    parser.on('end', () => resolve(found))
    parser.on('error', reject)
    parser.end(file)
  })
}
