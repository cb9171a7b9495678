import { runBlobJob, type BlobJobDeps, type FromThread, type PlainError, type ToThread } from '../bundle/blob-job.ts'
import { FerryError, reasonOf } from '../errors.ts'
import type { Emit, FerryEvent } from '../events.ts'

/** Progress crosses threads in portions: a message for every piece of the network would cost more than the piece. */
const TELL_BYTES = 1024 * 1024

export interface BlobThreadWorld extends Omit<BlobJobDeps, 'emit' | 'signal' | 'output'> {
  readonly output: Omit<BlobJobDeps['output'], 'note'>
  readonly post: (message: FromThread) => void
  /** As in the main thread: frees the buffers of content that has passed through. */
  readonly boundMemory: (emit: Emit) => Emit
}

/** The inside of a thread that brings in blobs: takes jobs as they come, several at a time. Returns what takes a message. */
export function startBlobThread(world: BlobThreadWorld): (message: ToThread) => void {
  const { post } = world
  const stop = new AbortController()
  // One count for all jobs: many small blobs are as many buffers as one large one.
  const watchMemory = world.boundMemory(() => undefined)
  const output = {
    ...world.output,
    note: (line: string) => {
      post({ type: 'note', line })
      return Promise.resolve()
    },
  }
  return (message) => {
    if (message.type === 'stop') {
      stop.abort(new FerryError('interrupted', 'interrupted'))
      return
    }
    const { id, job } = message
    const { emit, flush } = gatherBytes((event) => post({ type: 'event', event }))
    const watched = (event: FerryEvent): void => {
      emit(event)
      watchMemory(event)
    }
    runBlobJob(job, { ...world, output, emit: watched, signal: stop.signal }).then(
      () => {
        flush()
        post({ type: 'done', id })
      },
      (error: unknown) => {
        flush()
        post({ type: 'failed', id, error: plainError(error) })
      },
    )
  }
}

/** Sums up `bytes` events; whatever else is told comes after the bytes before it. */
function gatherBytes(emit: Emit): { readonly emit: Emit; readonly flush: () => void } {
  let gathered = 0
  const flush = (): void => {
    if (gathered === 0) return
    emit({ type: 'bytes', task: 'download', bytes: gathered })
    gathered = 0
  }
  const gather = (event: FerryEvent): void => {
    if (event.type !== 'bytes') {
      flush()
      emit(event)
      return
    }
    gathered += event.bytes
    if (Math.abs(gathered) >= TELL_BYTES) flush()
  }
  return { emit: gather, flush }
}

function plainError(error: unknown): PlainError {
  if (!(error instanceof FerryError)) return { message: reasonOf(error) }
  return { code: error.code, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) }
}
