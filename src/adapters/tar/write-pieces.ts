import { writevSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { describeFailure } from './output-failure.ts'

/**
 * Writes pieces one after another from a position. The call blocks for the time of the write, a millisecond or so: handing each
 * write to Node's pool of threads took half as much processor time again.
 */
export function writePieces(
  handle: FileHandle,
  path: string,
  { position, pieces }: { readonly position: number; readonly pieces: readonly Uint8Array[] },
): Promise<void> {
  try {
    writeFully(handle.fd, position, pieces)
    return Promise.resolve()
  } catch (error) {
    return Promise.reject(describeFailure(error, path))
  }
}

function writeFully(fd: number, position: number, pieces: readonly Uint8Array[]): void {
  let at = position
  let rest = pieces
  while (rest.length > 0) {
    let written = writevSync(fd, rest, at)
    at += written
    // A short write (a disk about to fill up): go on from where it stopped, so that the system names the reason.
    const next: Uint8Array[] = []
    for (const piece of rest) {
      if (written < piece.length) next.push(piece.subarray(written))
      written = Math.max(0, written - piece.length)
    }
    rest = next
  }
}
