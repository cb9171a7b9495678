import { open, type FileHandle } from 'node:fs/promises'
import { FerryError, reasonOf, systemCodeOf } from '../../errors.ts'
import type { RandomAccessFile } from '../../ports.ts'

/** Large enough that a call costs nothing next to its bytes, small enough to stay in the processor's cache. */
const PIECE = 1024 * 1024
/** Pieces of a recycling stream that are in use at a time. */
const RING = 3

/**
 * Opens a local file for reading at offsets.
 * @throws FerryError `io-file` when it is missing, unreadable or not a regular file.
 */
export async function openRandomAccessFile(path: string): Promise<RandomAccessFile> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    const stat = await handle.stat()
    if (!stat.isFile()) throw new FerryError('io-file', `${path}: not a regular file`)
    return readerOf(handle, path, stat.size)
  } catch (error) {
    await handle?.close()
    if (error instanceof FerryError) throw error
    const missing = systemCodeOf(error) === 'ENOENT'
    throw new FerryError('io-file', missing ? `${path}: no such file` : `${path}: ${reasonOf(error)}`, { cause: error })
  }
}

/** The reading half of an open file. Closing it closes the handle. */
export function readerOf(handle: FileHandle, name: string, size: number): RandomAccessFile {
  const readInto = async (buffer: Uint8Array, position: number): Promise<void> => {
    let done = 0
    while (done < buffer.length) {
      const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done)
      if (bytesRead === 0)
        throw new FerryError('bundle-size', `${name}: ends at byte ${position + done}, more was expected`, {
          hint: 'The file was cut off. Copy it again from where it was written.',
        })
      done += bytesRead
    }
  }
  return {
    name,
    size,
    async read(position, length) {
      if (position + length > size)
        throw new FerryError('bundle-size', `${name}: ends at byte ${size}, ${position + length} were expected`, {
          hint: 'The file was cut off. Copy it again from where it was written.',
        })
      const buffer = Buffer.allocUnsafeSlow(length)
      await readInto(buffer, position)
      return buffer
    },
    async *stream(position, length, { recycle = false } = {}) {
      // One piece with the consumer, one that it holds back, one being read ahead.
      const ring: Uint8Array[] = []
      let count = 0
      const bufferFor = (size: number): Uint8Array => {
        if (!recycle) return Buffer.allocUnsafeSlow(size)
        return (ring[count++ % RING] ??= Buffer.allocUnsafeSlow(Math.min(PIECE, length))).subarray(0, size)
      }
      // Read one piece ahead: the disk works while the consumer does.
      const readPiece = async (at: number): Promise<Uint8Array> => {
        const buffer = bufferFor(Math.min(PIECE, position + length - at))
        await readInto(buffer, at)
        return buffer
      }
      let next = length > 0 ? readPiece(position) : undefined
      for (let at = position; next;) {
        const piece = await next
        at += piece.length
        next = at < position + length ? readPiece(at) : undefined
        // A consumer that stops early leaves this read behind; its failure is nobody's then.
        next?.catch(() => undefined)
        yield piece
      }
    },
    close: () => handle.close(),
  }
}
