import { FerryError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { digestOf, hexOf, type Digest } from '../oci/digest.ts'
import type { OutputFile, RangeHasher } from '../ports.ts'
import { encodeHeader, padded, type Layout, type PlacedEntry } from './layout.ts'
import { formatNote, type PartialState } from './partial.ts'
import type { FilledEntry } from './release.ts'

export interface Begin {
  readonly resumed: boolean
  readonly earlier: PartialState
  readonly layout: Layout
  readonly places: ReadonlyMap<Digest, PlacedEntry>
  readonly releaseBytes: Uint8Array
  readonly issuedAt: string
}

/** What of an earlier run counts. */
export interface Started {
  readonly complete: Set<Digest>
  readonly begun: ReadonlyMap<Digest, number>
}

export interface CheckDeps {
  readonly hasher: RangeHasher
  readonly emit: Emit
  readonly signal?: AbortSignal
}

/** Goes on with an earlier run's file, or starts it anew. */
export async function beginOutput(output: OutputFile, begin: Begin, deps: CheckDeps): Promise<Started> {
  const { resumed, earlier, layout, places } = begin
  if (resumed && output.size === layout.totalBytes) {
    const claimed = [...earlier.done].filter(([digest, { offset, size }]) => {
      const place = places.get(digest)
      return place?.offset === offset && place.size === size
    })
    const complete = await hashClaims(
      output,
      claimed.map(([digest]) => digest),
      places,
      deps,
    )
    return { complete, begun: earlier.begun }
  }
  await output.reset(layout.totalBytes)
  await output.note(formatNote({ release: digestOf(begin.releaseBytes), issuedAt: begin.issuedAt }))
  return { complete: new Set(), begun: new Map() }
}

/** Hashes what an earlier run claims to have completed: only what holds is kept. */
async function hashClaims(
  output: OutputFile,
  claimed: readonly Digest[],
  places: ReadonlyMap<Digest, PlacedEntry>,
  { hasher, emit, signal }: CheckDeps,
): Promise<Set<Digest>> {
  const complete = new Set<Digest>()
  if (claimed.length === 0) return complete
  const ranges = claimed.map((digest) => {
    const place = places.get(digest)
    return { position: place?.offset ?? 0, length: place?.size ?? 0 }
  })
  const totalBytes = ranges.reduce((sum, { length }) => sum + length, 0)
  emit({
    type: 'task-start',
    task: 'check',
    title: 'check what is there already',
    totalBytes,
    totalItems: claimed.length,
  })
  await hasher.hash(output.name, ranges, {
    onHash: (index, hex) => {
      const digest = claimed[index]
      if (digest !== undefined && hexOf(digest) === hex) complete.add(digest)
    },
    onBytes: (bytes) => emit({ type: 'bytes', task: 'check', bytes }),
    ...(signal && { signal }),
  })
  emit({ type: 'task-end', task: 'check', summary: `${complete.size} of ${claimed.length} blobs are kept` })
  return complete
}

/**
 * Headers of all entries, and the bytes of the small ones with their padding: signatures differ in length from run to run, so
 * a longer one may lie there from before. All other padding and the end mark are the zeros the file was made of.
 */
export async function writeHeaders(
  output: OutputFile,
  { layout, head, mtime }: { readonly layout: Layout; readonly head: readonly FilledEntry[]; readonly mtime: number },
): Promise<void> {
  for (const [i, entry] of layout.entries.entries()) {
    const bytes = head[i]?.bytes
    const filled = bytes ? [bytes, new Uint8Array(padded(entry.size) - entry.size)] : []
    await output.write(entry.headerOffset, [encodeHeader(entry, mtime), ...filled])
  }
}

export async function writeDocuments(
  output: OutputFile,
  {
    documents,
    places,
    complete,
  }: {
    readonly documents: ReadonlyMap<Digest, Uint8Array>
    readonly places: ReadonlyMap<Digest, PlacedEntry>
    readonly complete: Set<Digest>
  },
): Promise<void> {
  for (const [digest, bytes] of documents) {
    const place = places.get(digest)
    if (!place || complete.has(digest)) continue
    if (place.size !== bytes.length)
      throw new FerryError('internal', `${digest} has ${bytes.length} bytes, its place ${place.size}`)
    await output.write(place.offset, [bytes])
    complete.add(digest)
    await output.note(formatNote({ done: digest, offset: place.offset, size: place.size }))
  }
}
