import type { BundleDefinition } from '../config/bundle-definition.ts'
import type { LockFile } from '../config/bundle-lock.gen.ts'
import { collectContent, type CollectDeps } from '../bundle/collect.ts'
import { buildIndexes } from '../bundle/index-json.ts'
import { placeEntries, blobPath, type Layout, type PlacedEntry } from '../bundle/layout.ts'
import { orderBlobs } from '../bundle/open-bundle.ts'
import { beginOutput, writeDocuments, writeHeaders } from '../bundle/output-run.ts'
import { parseJournal, type PartialState } from '../bundle/partial.ts'
import { buildRelease, sequenceOf, signRelease, type FilledEntry, type ReleaseContents } from '../bundle/release.ts'
import { FerryError } from '../errors.ts'
import type { CopyResult } from '../oci/copy.ts'
import { digestOf, hexOf, type Digest } from '../oci/digest.ts'
import type { Clock, OutputFiles, RangeHasher } from '../ports.ts'
import type { Signer } from '../trust/signer.ts'
import type { BlobThreads } from './blob-threads.ts'
import { fetchBlobs, startThreads, type FetchDeps } from './fetch-blobs.ts'

export interface ExportRequest {
  readonly definition: BundleDefinition
  /** Complete: every entry of the definition is locked. */
  readonly lock: LockFile
  readonly signers: readonly Signer[]
  /** Path of the bundle. */
  readonly out: string
  /** Replace an existing `out`. Default false. */
  readonly force?: boolean
  /** Downloads at once. Default 8. */
  readonly concurrency?: number
  /** Sync to disk before the rename. Default true; false is for benchmarks. */
  readonly sync?: boolean
  /** Seconds since the epoch for `issuedAt` (SOURCE_DATE_EPOCH). Default: an unfinished run's own, else now. */
  readonly issuedAt?: number
}

export interface ExportDeps extends FetchDeps, Omit<CollectDeps, 'keep' | 'concurrency' | 'locate' | 'signal'> {
  readonly outputs: OutputFiles
  readonly hasher: RangeHasher
  /** Absolute path of a path as it stands in bundle.yaml. */
  readonly locate: (path: string) => string
}

export interface ExportResult {
  readonly path: string
  /** Of the whole file. */
  readonly bytes: number
  readonly blobs: number
  readonly releaseDigest: Digest
  readonly issuedAt: string
  readonly sequence: number
  /** Key ids that signed. */
  readonly signedBy: readonly string[]
  /** Blobs and bytes that came over the network or from local files in this run. */
  readonly fetched: CopyResult
}

/**
 * Writes a bundle: one file, each byte once, at a place that is known from the lock. Signs first (a wrong passphrase or
 * an absent HSM shows before the first download), then fetches what an earlier run has not completed.
 */
export async function exportBundle(request: ExportRequest, deps: ExportDeps): Promise<ExportResult> {
  const { definition, lock, out, signers } = request
  const { emit, clock } = deps
  if (signers.length === 0)
    throw new FerryError('usage', 'no key to sign with', { hint: 'Give --key or --signer-cmd.' })
  refuseExpired(definition, request.issuedAt === undefined ? clock.now() : request.issuedAt * 1000)
  const { index: indexBytes, groups } = buildIndexes(lock)
  const contents: ReleaseContents = {
    indexBytes,
    documents: new Map([
      ...sizesOf(lock.documents),
      ...groups.map((group) => [group.descriptor.digest, group.descriptor.size] as const),
    ]),
    layers: new Map(sizesOf(lock.layers)),
  }
  const output = await deps.outputs.open(out, { force: request.force ?? false })
  let pool: BlobThreads | undefined
  try {
    const earlier = parseJournal(output.journal)
    const { releaseBytes, issuedAt, resumed } = chooseRelease(request, contents, earlier, clock)
    const head = await signRelease(releaseBytes, indexBytes, signers)
    const layout = layoutOf(head, contents)
    const places = placesOf(layout, head.length)
    await checkSpace(out, layout.totalBytes, deps.outputs)
    const started = await beginOutput(output, { resumed, earlier, layout, places, releaseBytes, issuedAt }, deps)
    await writeHeaders(output, { layout, head, mtime: Date.parse(issuedAt) / 1000 })
    const keep = async (digest: Digest): Promise<Uint8Array | undefined> => {
      const place = started.complete.has(digest) ? places.get(digest) : undefined
      return place && output.read(place.offset, place.size)
    }
    const concurrency = request.concurrency ?? 8
    pool = startThreads({ contents, output, concurrency, started }, deps)
    const collected = await collectContent(lock, { ...deps, keep, concurrency: concurrency * 2 })
    const documents = new Map(collected.documents)
    for (const group of groups) documents.set(group.descriptor.digest, group.bytes)
    await writeDocuments(output, { documents, places, complete: started.complete })
    const fetched = await fetchBlobs({ collected, contents, output, places, concurrency, started, pool }, deps)
    emit({ type: 'task-start', task: 'sync', title: 'write to disk' })
    await output.commit({ sync: request.sync ?? true })
    emit({ type: 'task-end', task: 'sync', summary: out })
    return {
      path: out,
      bytes: layout.totalBytes,
      blobs: places.size,
      releaseDigest: digestOf(releaseBytes),
      issuedAt,
      sequence: sequenceOf(definition, issuedAt),
      signedBy: signers.map(({ publicKey }) => publicKey.kid),
      fetched,
    }
  } finally {
    await pool?.end()
    await output.close()
  }
}

/** What nobody could use is not made. */
function refuseExpired({ file, notAfter }: BundleDefinition, issued: number): void {
  if (notAfter === null || issued <= Date.parse(notAfter)) return
  throw new FerryError(
    'config-invalid',
    `${file}: metadata.notAfter, ${notAfter}, is over: no site would take the bundle`,
    {
      hint: 'Give a later time, or leave notAfter out.',
    },
  )
}

function sizesOf(sizes: Readonly<Record<string, number>>): [Digest, number][] {
  return Object.entries(sizes) as [Digest, number][]
}

/** The statement to write: an unfinished run's own when it is for the same content, else a new one. */
function chooseRelease(
  { definition, issuedAt: given }: ExportRequest,
  contents: ReleaseContents,
  earlier: PartialState,
  clock: Clock,
): { readonly releaseBytes: Uint8Array; readonly issuedAt: string; readonly resumed: boolean } {
  const format = (milliseconds: number): string => new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z')
  if (earlier.issuedAt !== undefined && (given === undefined || format(given * 1000) === earlier.issuedAt)) {
    const releaseBytes = buildRelease(definition, contents, earlier.issuedAt)
    if (digestOf(releaseBytes) === earlier.release) return { releaseBytes, issuedAt: earlier.issuedAt, resumed: true }
  }
  const issuedAt = format(given === undefined ? clock.now() : given * 1000)
  return { releaseBytes: buildRelease(definition, contents, issuedAt), issuedAt, resumed: false }
}

function layoutOf(head: readonly FilledEntry[], { documents, layers }: ReleaseContents): Layout {
  const sizes = new Map([...layers, ...documents])
  const blobs = orderBlobs([...documents.keys()], [...layers.keys()])
  return placeEntries([
    ...head,
    ...blobs.map((digest) => ({ path: blobPath(hexOf(digest)), size: sizes.get(digest) ?? 0 })),
  ])
}

function placesOf(layout: Layout, headEntries: number): Map<Digest, PlacedEntry> {
  return new Map(
    layout.entries
      .slice(headEntries)
      .map((entry) => [`sha256:${entry.path.slice(entry.path.lastIndexOf('/') + 1)}`, entry]),
  )
}

async function checkSpace(out: string, needed: number, outputs: OutputFiles): Promise<void> {
  const { free, held } = await outputs.space(out)
  const missing = needed - held - free
  if (missing <= 0) return
  throw new FerryError('io-space', `${out}: the bundle needs ${needed} bytes, ${held + free} are free there`, {
    hint: `Free ${missing} bytes, or give an --out on another disk. Nothing was downloaded.`,
  })
}
