import type { BundleDefinition } from '../config/bundle-definition.ts'
import type { LockFile } from '../config/bundle-lock.gen.ts'
import { bundleTarget, keptBytes } from '../bundle/bundle-target.ts'
import { collectContent, type CollectDeps, type Collected } from '../bundle/collect.ts'
import { buildIndexes } from '../bundle/index-json.ts'
import { placeEntries, blobPath, type Layout, type PlacedEntry } from '../bundle/layout.ts'
import { orderBlobs } from '../bundle/open-bundle.ts'
import { explainWrongContent, originSource, type OriginReaders } from '../bundle/origins.ts'
import { beginOutput, writeDocuments, writeHeaders, type Started } from '../bundle/output-run.ts'
import { parseJournal, type PartialState } from '../bundle/partial.ts'
import { buildRelease, sequenceOf, signRelease, type FilledEntry, type ReleaseContents } from '../bundle/release.ts'
import type { BlobJob } from '../bundle/blob-job.ts'
import { FerryError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { copy, type CopyResult } from '../oci/copy.ts'
import { digestOf, hexOf, type Digest } from '../oci/digest.ts'
import type { Clock, OutputFile, OutputFiles, RangeHasher, Thread } from '../ports.ts'
import type { Signer } from '../trust/signer.ts'
import { poolBlobThreads, type BlobThreads } from './blob-threads.ts'

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

export interface ExportDeps extends OriginReaders, Omit<CollectDeps, 'keep' | 'concurrency' | 'locate' | 'signal'> {
  readonly outputs: OutputFiles
  readonly hasher: RangeHasher
  readonly clock: Clock
  readonly emit: Emit
  readonly signal?: AbortSignal
  /** Absolute path of a path as it stands in bundle.yaml. */
  readonly locate: (path: string) => string
  /** Starts a thread that brings blobs into the file at `path`, beside this one. */
  readonly startBlobThread?: (path: string) => Thread
  /** How many such threads at most. Default 0: everything on this thread. */
  readonly threads?: number
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
    // They start while the manifests are fetched.
    pool = startThreads(missingBytes(contents, started), concurrency, { output, deps })
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

interface Fetch {
  readonly collected: Collected
  readonly contents: ReleaseContents
  readonly output: OutputFile
  readonly places: ReadonlyMap<Digest, PlacedEntry>
  readonly concurrency: number
  readonly started: Started
  readonly pool: BlobThreads | undefined
}

async function fetchBlobs(fetch: Fetch, deps: ExportDeps): Promise<CopyResult> {
  const { collected, contents, output, places, concurrency, started, pool } = fetch
  const { emit, signal, clock } = deps
  const items = [...collected.origins.keys()].flatMap((digest) => {
    const size = contents.layers.get(digest) ?? contents.documents.get(digest)
    if (size === undefined || collected.documents.has(digest)) return []
    const name = collected.names.get(digest) ?? digest
    return [{ name, descriptor: { mediaType: 'application/octet-stream', digest, size } }]
  })
  const totalBytes = items.reduce((sum, { descriptor }) => sum + descriptor.size, 0)
  emit({ type: 'task-start', task: 'download', title: 'download', totalBytes, totalItems: items.length })
  try {
    const result = await copy(items, {
      source: originSource(collected.origins, deps),
      target: bundleTarget({ output, places, complete: started.complete, begun: started.begun }),
      concurrency,
      task: 'download',
      emit,
      retry: { sleep: (milliseconds, stop) => clock.sleep(milliseconds, stop) },
      kept: keptBytes({ output, places }),
      ...(signal && { signal }),
      ...(pool && {
        delegate: ({ name, descriptor }, stop) =>
          pool.carry({ name, descriptor, ...whereabouts(descriptor.digest, fetch) }, stop),
      }),
    })
    emit({ type: 'task-end', task: 'download', summary: `${result.copied} fetched, ${result.present} kept` })
    return result
  } catch (error) {
    throw explainWrongContent(error, collected.origins)
  }
}

/** Below this a thread costs more to start than it saves. */
const WORTH_THREADS = 64 * 1024 * 1024

function missingBytes({ layers }: ReleaseContents, { complete }: Started): number {
  let bytes = 0
  for (const [digest, size] of layers) if (!complete.has(digest)) bytes += size
  return bytes
}

function startThreads(
  totalBytes: number,
  concurrency: number,
  { output, deps }: { readonly output: OutputFile; readonly deps: ExportDeps },
): BlobThreads | undefined {
  const { startBlobThread, threads = 0, emit } = deps
  const count = Math.min(threads, concurrency - 1)
  if (!startBlobThread || count < 1 || totalBytes < WORTH_THREADS) return undefined
  return poolBlobThreads(
    Array.from({ length: count }, () => startBlobThread(output.name)),
    { emit, note: (line) => void output.note(line) },
  )
}

/** From where to where a blob goes. */
function whereabouts(
  digest: Digest,
  { collected, places, started }: Fetch,
): Pick<BlobJob, 'origin' | 'place' | 'begun'> {
  const origin = collected.origins.get(digest)
  const place = places.get(digest)
  if (!origin || !place) throw new FerryError('internal', `${digest} has no origin or no place`)
  return { origin, place, begun: started.begun.get(digest) ?? 0 }
}
