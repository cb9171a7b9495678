import type { BlobJob } from '../bundle/blob-job.ts'
import { bundleTarget, keptBytes } from '../bundle/bundle-target.ts'
import type { Collected } from '../bundle/collect.ts'
import type { PlacedEntry } from '../bundle/layout.ts'
import { explainWrongContent, originSource, type OriginReaders } from '../bundle/origins.ts'
import type { Started } from '../bundle/output-run.ts'
import type { ReleaseContents } from '../bundle/release.ts'
import { FerryError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { copy, type CopyResult } from '../oci/copy.ts'
import type { Digest } from '../oci/digest.ts'
import type { Clock, OutputFile, Thread } from '../ports.ts'
import { poolBlobThreads, type BlobThreads } from './blob-threads.ts'

export interface FetchDeps extends OriginReaders {
  readonly clock: Clock
  readonly emit: Emit
  readonly signal?: AbortSignal
  /** Starts a thread that brings blobs into the file at `path`, beside this one. */
  readonly startBlobThread?: (path: string) => Thread
  /** How many such threads at most. Default 0: everything on this thread. */
  readonly threads?: number
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

/** Brings every blob that is not there yet to its place, here and on the pool's threads. */
export async function fetchBlobs(fetch: Fetch, deps: FetchDeps): Promise<CopyResult> {
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

/** Threads for what is still to be fetched, where it is worth some. Started early, they are ready when the manifests are. */
export function startThreads(
  { contents, output, concurrency, started }: Omit<Fetch, 'collected' | 'places' | 'pool'>,
  { startBlobThread, threads = 0, emit }: FetchDeps,
): BlobThreads | undefined {
  let missing = 0
  for (const [digest, size] of contents.layers) if (!started.complete.has(digest)) missing += size
  const count = Math.min(threads, concurrency - 1)
  if (!startBlobThread || count < 1 || missing < WORTH_THREADS) return undefined
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
