import type { Hash } from 'node:crypto'
import { FerryError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOfHex, newHash, type Digest } from '../oci/digest.ts'
import type { ReadBlobOptions, ServedContent } from '../oci/served.ts'
import { untilAborted } from '../oci/until-aborted.ts'
import type { RandomAccessFile } from '../ports.ts'
import type { PlacedEntry } from './layout.ts'
import { shareReading, type ReadPart } from './shared-reading.ts'

/** A blob where it lies. One value stands for one place: what is found out about it is kept by identity. */
export interface BlobCopy {
  readonly digest: Digest
  readonly file: RandomAccessFile
  readonly place: PlacedEntry
}

export interface VerifiedBlobsOptions {
  /** Every copy of a blob, the preferred one first. The same values every time. */
  readonly copiesOf: (digest: Digest) => readonly BlobCopy[]
  /** Called once for each copy that turns out wrong. */
  readonly onBarred?: (error: FerryError) => void
  /** Default: `shareReading()`. */
  readonly readPart?: ReadPart
}

export type VerifiedBlobs = Pick<ServedContent, 'isBarred' | 'readBlob'>

/**
 * The gate between blobs in a file and whoever reads them: nothing that has not been verified leaves it whole. The first
 * reading of a blob is hashed on the way and its last piece withheld until the hash holds; a range is given out after one
 * reading of all of it, shared by all who wait; what was verified once is streamed from the file. Memory: three pieces a reader,
 * smaller ones when there are many.
 */
export function createVerifiedBlobs(options: VerifiedBlobsOptions): VerifiedBlobs {
  const { copiesOf, onBarred, readPart = shareReading() } = options
  const known = new Map<BlobCopy, 'verified' | FerryError>()
  const checks = new Map<BlobCopy, SharedCheck>()
  const readAll = ({ file, place }: BlobCopy): AsyncIterable<Uint8Array> =>
    readPart(file, { position: place.offset, length: place.size })

  const candidates = ({ digest, size }: Descriptor): BlobCopy[] =>
    copiesOf(digest).filter((copy) => copy.place.size === size)

  const choose = (descriptor: Descriptor): BlobCopy => {
    const copies = candidates(descriptor)
    const chosen =
      copies.find((copy) => known.get(copy) === 'verified') ?? copies.find((copy) => known.get(copy) === undefined)
    if (chosen) return chosen
    const [first] = copies
    const why = first && known.get(first)
    throw why instanceof FerryError
      ? why
      : new FerryError('bundle-content', `${descriptor.digest} (${descriptor.size} bytes) is in no bundle`)
  }

  const settle = (copy: BlobCopy, hash: Hash): void => {
    const found = digestOfHex(hash.digest('hex'))
    if (found === copy.digest) {
      known.set(copy, 'verified')
    } else if (known.get(copy) === undefined) {
      const error = changed(copy, found)
      known.set(copy, error)
      onBarred?.(error)
    }
  }

  async function* readFirst(copy: BlobCopy): AsyncIterable<Uint8Array> {
    let hash: Hash | undefined = newHash()
    let withheld: Uint8Array | undefined
    for await (const piece of readAll(copy)) {
      if (withheld) yield withheld
      // Another reader may have come to the end in the meantime.
      throwIfBarred(known.get(copy))
      if (known.get(copy) === 'verified') hash = undefined
      hash?.update(piece)
      withheld = piece
    }
    if (hash) settle(copy, hash)
    throwIfBarred(known.get(copy))
    if (withheld) yield withheld
  }

  const check = async (copy: BlobCopy, stop: AbortSignal): Promise<void> => {
    const hash = newHash()
    for await (const piece of readAll(copy)) {
      stop.throwIfAborted()
      hash.update(piece)
    }
    settle(copy, hash)
  }

  const checkShared = async (copy: BlobCopy, signal: AbortSignal | undefined): Promise<void> => {
    const shared = checks.get(copy) ?? startCheck((stop) => check(copy, stop))
    checks.set(copy, shared)
    shared.waiting++
    try {
      await untilAborted(shared.done, signal)
    } finally {
      shared.waiting--
      // Nobody waits any more: whoever comes next begins anew.
      if (shared.waiting === 0) {
        shared.stop.abort()
        if (checks.get(copy) === shared) checks.delete(copy)
      }
    }
  }

  return {
    isBarred: (descriptor) => candidates(descriptor).every((copy) => known.get(copy) instanceof FerryError),
    async readBlob(descriptor, { range, signal }: ReadBlobOptions = {}) {
      for (;;) {
        signal?.throwIfAborted()
        const copy = choose(descriptor)
        const { file, place } = copy
        const { start, end } = range ?? { start: 0, end: place.size }
        if (known.get(copy) === 'verified')
          return readPart(file, { position: place.offset + start, length: end - start })
        if (!range) return readFirst(copy)
        await checkShared(copy, signal)
      }
    },
  }
}

/** One reading of a blob for everyone who waits for it. */
interface SharedCheck {
  readonly done: Promise<void>
  readonly stop: AbortController
  waiting: number
}

function startCheck(work: (stop: AbortSignal) => Promise<void>): SharedCheck {
  const stop = new AbortController()
  const done = work(stop.signal)
  // When all who waited have left, its end is nobody's.
  done.catch(() => undefined)
  return { done, stop, waiting: 0 }
}

function throwIfBarred(state: 'verified' | FerryError | undefined): void {
  if (state instanceof FerryError) throw state
}

function changed({ file, place }: BlobCopy, found: Digest): FerryError {
  return new FerryError('bundle-digest', `${file.name}: ${place.path} was changed: its content is ${found}`, {
    hint: 'Nothing of it is given out any more. Copy the bundle again and check it with ferry verify.',
  })
}
