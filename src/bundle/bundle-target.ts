import { FerryError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ContentTarget, OpenVerified } from '../oci/store.ts'
import { WrongDigestError } from '../oci/verified-read.ts'
import type { BlobOutput } from '../ports.ts'
import type { PlacedEntry } from './layout.ts'
import { formatNote } from './partial.ts'

/** Bytes gathered before they are written: a system call a piece of the network's size would cost more than the write. */
const WRITE_BYTES = 256 * 1024
/** How often a large blob's progress is noted: at most this much is fetched again after a kill. */
const NOTE_BYTES = 16 * 1024 * 1024

export interface BundleTargetOptions {
  readonly output: BlobOutput
  readonly places: ReadonlyMap<Digest, PlacedEntry>
  /** Blobs that lie complete at their place, hashed. Grows as blobs are written. */
  readonly complete: Set<Digest>
  /** How far an earlier run came with blobs it did not complete. */
  readonly begun: ReadonlyMap<Digest, number>
}

/**
 * A bundle under construction as a store to copy into: each blob goes straight to its final place, once. Memory: what is
 * gathered for one write, 256 KiB a blob.
 */
export function bundleTarget({ output, places, complete, begun }: BundleTargetOptions): ContentTarget {
  return {
    has: (descriptor) => Promise.resolve(complete.has(descriptor.digest)),
    async write(descriptor, open) {
      const place = places.get(descriptor.digest)
      if (place?.size !== descriptor.size)
        throw new FerryError('internal', `${descriptor.digest} has no place of ${descriptor.size} bytes in the bundle`)
      const kept = Math.min(begun.get(descriptor.digest) ?? 0, descriptor.size)
      const into = { output, place, digest: descriptor.digest }
      try {
        await writeFrom(kept, open, into)
      } catch (error) {
        // The kept part can be what was wrong (a power loss tears pages): then, once, everything anew.
        if (kept === 0 || !(error instanceof WrongDigestError)) throw error
        await writeFrom(0, open, into)
      }
      complete.add(descriptor.digest)
      await output.note(formatNote({ done: descriptor.digest, offset: place.offset, size: place.size }))
    },
  }
}

/** The bytes of a blob that an earlier run wrote, to be hashed before they are built upon. */
export function keptBytes({ output, places }: Pick<BundleTargetOptions, 'output' | 'places'>) {
  return (descriptor: Descriptor, length: number): AsyncIterable<Uint8Array> => {
    const place = places.get(descriptor.digest)
    if (!place) throw new FerryError('internal', `${descriptor.digest} has no place in the bundle`)
    return output.stream(place.offset, length)
  }
}

interface WriteInto {
  readonly output: BlobOutput
  readonly place: PlacedEntry
  readonly digest: Digest
}

async function writeFrom(kept: number, open: OpenVerified, { output, place, digest }: WriteInto): Promise<void> {
  let pieces: Uint8Array[] = []
  let gathered = 0
  /** How far it is written. */
  let position = kept
  let noted = kept
  const flush = async (): Promise<void> => {
    await output.write(place.offset + position, pieces)
    position += gathered
    pieces = []
    gathered = 0
    if (position - noted < NOTE_BYTES) return
    noted = position
    await output.note(formatNote({ begun: digest, bytes: position }))
  }
  try {
    for await (const piece of open(kept)) {
      pieces.push(piece)
      gathered += piece.length
      if (gathered >= WRITE_BYTES) await flush()
    }
    if (gathered > 0) await flush()
  } catch (error) {
    await output.note(formatNote({ begun: digest, bytes: position })).catch(() => undefined)
    throw error
  }
}
