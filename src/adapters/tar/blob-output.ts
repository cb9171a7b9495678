import { open } from 'node:fs/promises'
import type { BlobOutput } from '../../ports.ts'
import { describeFailure } from './output-failure.ts'
import { readerOf } from './random-access-file.ts'
import { writePieces } from './write-pieces.ts'

/**
 * Opens an output that another thread has made, to write blobs into it.
 * @throws FerryError `io-file`
 */
export async function openBlobOutput(path: string): Promise<Omit<BlobOutput, 'note'>> {
  const handle = await open(path, 'r+').catch((error: unknown) => {
    throw describeFailure(error, path)
  })
  const { size } = await handle.stat()
  return {
    stream: (position, length) => readerOf(handle, path, size).stream(position, length),
    write: (position, pieces) => writePieces(handle, path, { position, pieces }),
  }
}
