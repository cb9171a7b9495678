import type { FerryError } from '../errors.ts'
import type { Emit, FerryEvent } from '../events.ts'
import { copy, WrongContentError } from '../oci/copy.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { BlobOutput, Clock } from '../ports.ts'
import { bundleTarget, keptBytes } from './bundle-target.ts'
import type { PlacedEntry } from './layout.ts'
import { originSource, type Origin, type OriginReaders } from './origins.ts'

/** One blob to bring into a bundle, as another thread is told of it. Plain data. */
export interface BlobJob {
  readonly name: string
  readonly descriptor: Descriptor
  readonly origin: Origin
  readonly place: PlacedEntry
  /** Bytes of it that an earlier run wrote. */
  readonly begun: number
}

/** What a thread is told. */
export type ToThread =
  | { readonly type: 'job'; readonly id: number; readonly job: BlobJob }
  /** Everything under way is to be broken off at its next piece. */
  | { readonly type: 'stop' }

/** What a thread tells. */
export type FromThread =
  | { readonly type: 'event'; readonly event: FerryEvent }
  | { readonly type: 'note'; readonly line: string }
  | { readonly type: 'done'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly error: PlainError }

/** A FerryError as it crosses threads. */
export interface PlainError {
  readonly code?: FerryError['code']
  readonly message: string
  readonly hint?: string
}

export interface BlobJobDeps extends OriginReaders {
  readonly output: BlobOutput
  readonly clock: Clock
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** Brings one blob to its place, with everything `copy` does. */
export async function runBlobJob(job: BlobJob, deps: BlobJobDeps): Promise<void> {
  const { descriptor, name, origin, place, begun } = job
  const { output, clock, emit, signal } = deps
  const places = new Map([[descriptor.digest, place]])
  try {
    await copy([{ descriptor, name }], {
      source: originSource(new Map([[descriptor.digest, origin]]), deps),
      target: bundleTarget({ output, places, complete: new Set(), begun: new Map([[descriptor.digest, begun]]) }),
      concurrency: 1,
      task: 'download',
      emit,
      retry: { sleep: (milliseconds, stop) => clock.sleep(milliseconds, stop) },
      kept: keptBytes({ output, places }),
      signal,
    })
  } catch (error) {
    // Whoever gave the job names it once more.
    throw error instanceof WrongContentError ? error.reason : error
  }
}
