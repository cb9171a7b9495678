import { open } from 'node:fs/promises'
import type { BlobOutput } from '../../ports.ts'
import { readerOf } from './random-access-file.ts'
import { writePieces } from './write-pieces.ts'

/** Opens an output that another thread has made, to write blobs into it. */
export async function openBlobOutput(path: string): Promise<Omit<BlobOutput, 'note'>> {
  const handle = await open(path, 'r+')
  const { size } = await handle.stat()
  return {
    stream: (position, length) => readerOf(handle, path, size).stream(position, length),
    write: (position, pieces) => writePieces(handle, path, { position, pieces }),
  }
}
