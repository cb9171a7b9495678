import { FerryError } from '../../src/errors.ts'
import type { RandomAccessFile } from '../../src/ports.ts'

/** A file in memory that tells what was read of it. */
export interface MemoryFile extends RandomAccessFile {
  /** The content itself: change it, and the next read gives the changed bytes. */
  readonly bytes: Buffer
  /** Bytes given out so far. */
  readonly bytesRead: number
  /** Streams that were begun and have neither ended nor been given up. */
  readonly openStreams: number
}

export interface MemoryFileOptions {
  /** Default `memory.tar`. */
  readonly name?: string
  /** Largest piece of a stream, in bytes. Default 1 MiB, as a real file. */
  readonly piece?: number
  /** Called before every read; a promise holds it up, a rejection fails it. */
  readonly beforeRead?: (position: number, length: number) => Promise<void> | void
}

/** A `RandomAccessFile` over a Buffer. */
export function memoryFile(bytes: Uint8Array, options: MemoryFileOptions = {}): MemoryFile {
  const { name = 'memory.tar', piece = 1024 * 1024, beforeRead } = options
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let bytesRead = 0
  let openStreams = 0
  const read = async (position: number, length: number): Promise<Uint8Array> => {
    await beforeRead?.(position, length)
    if (position + length > content.length)
      throw new FerryError('bundle-size', `${name}: ends at byte ${content.length}, ${position + length} were expected`)
    bytesRead += length
    return Uint8Array.from(content.subarray(position, position + length))
  }
  return {
    name,
    size: content.length,
    bytes: content,
    get bytesRead() {
      return bytesRead
    },
    get openStreams() {
      return openStreams
    },
    read,
    async *stream(position, length) {
      openStreams++
      try {
        for (let done = 0; done < length; done += piece)
          yield await read(position + done, Math.min(piece, length - done))
      } finally {
        openStreams--
      }
    },
    close: () => Promise.resolve(),
  }
}
