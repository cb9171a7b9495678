import type { RandomAccessFile } from '../ports.ts'

/** What all readers together may hold of the pieces they are about to give out; each has about three in hand. */
const BUDGET_BYTES = 32 * 1024 * 1024
/** Large enough that a call costs nothing next to its bytes. */
const LARGEST_PIECE = 1024 * 1024
const SMALLEST_PIECE = 64 * 1024

/** Reads parts of files for many readers at once. */
export type ReadPart = (
  file: RandomAccessFile,
  part: { readonly position: number; readonly length: number },
) => AsyncIterable<Uint8Array>

/**
 * Few readers get large pieces, for speed; many get small ones, so that the memory stays the same. Every reader is one
 * piece ahead of whoever consumes it, and no further.
 */
export function shareReading(): ReadPart {
  let readers = 0
  const pieceBytes = (): number =>
    Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, Math.floor(BUDGET_BYTES / Math.max(1, readers))))
  return async function* (file, { position, length }) {
    const end = position + length
    const readNext = (at: number): Promise<Uint8Array> | undefined =>
      at < end ? file.read(at, Math.min(pieceBytes(), end - at)) : undefined
    readers++
    try {
      let next = readNext(position)
      for (let at = position; next;) {
        const piece = await next
        at += piece.length
        next = readNext(at)
        // A consumer that stops early leaves this read behind; its failure is nobody's then.
        next?.catch(() => undefined)
        yield piece
      }
    } finally {
      readers--
    }
  }
}
