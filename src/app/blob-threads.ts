import type { BlobJob, FromThread, PlainError, ToThread } from '../bundle/blob-job.ts'
import { FerryError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Thread } from '../ports.ts'

export interface BlobThreads {
  /**
   * Has a blob brought in; resolves when it is at its place, verified. Undefined when it is this thread's turn: all
   * get about the same number of bytes.
   */
  carry(job: BlobJob, signal: AbortSignal): Promise<void> | undefined
  /** Ends the threads. Nothing may be under way any more: whoever carries waits for all, also after a failure. */
  end(): Promise<void>
}

export interface BlobThreadsOptions {
  readonly emit: Emit
  /** A line for the journal. */
  readonly note: (line: string) => void
}

interface Running {
  readonly thread: Thread
  /** Bytes of all its jobs. */
  bytes: number
  /** Why nothing can be given to it any more. */
  broken?: Error
  readonly pending: Map<number, { readonly resolve: () => void; readonly reject: (error: Error) => void }>
}

/** Threads that bring in blobs, beside this one. */
export function poolBlobThreads(threads: readonly Thread[], { emit, note }: BlobThreadsOptions): BlobThreads {
  const pool = threads.map((thread): Running => ({ thread, bytes: 0, pending: new Map() }))
  let ownBytes = 0
  let count = 0
  for (const running of pool) {
    const { thread, pending } = running
    thread.listen(
      (message) => {
        const told = message as FromThread
        if (told.type === 'event') emit(told.event)
        else if (told.type === 'note') note(told.line)
        else {
          const job = pending.get(told.id)
          pending.delete(told.id)
          if (told.type === 'done') job?.resolve()
          else job?.reject(errorOf(told.error))
        }
      },
      (error) => {
        running.broken = error
        for (const { reject } of pending.values()) reject(error)
        pending.clear()
      },
    )
  }
  const post = ({ thread }: Running, message: ToThread): void => thread.post(message)
  const stopAll = (): void => {
    for (const running of pool) post(running, { type: 'stop' })
  }
  const give = async (running: Running, job: BlobJob, signal: AbortSignal): Promise<void> => {
    if (running.broken) throw running.broken
    const id = ++count
    signal.addEventListener('abort', stopAll, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        running.pending.set(id, { resolve, reject })
        post(running, { type: 'job', id, job })
      })
    } catch (error) {
      // What a stopped thread says is only the consequence.
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', stopAll)
    }
  }
  return {
    carry(job, signal) {
      signal.throwIfAborted()
      const { size } = job.descriptor
      const least = pool.reduce((smallest, next) => (next.bytes < smallest.bytes ? next : smallest))
      if (ownBytes <= least.bytes) {
        ownBytes += size
        return undefined
      }
      least.bytes += size
      return give(least, job, signal)
    },
    async end() {
      await Promise.all(pool.map(({ thread }) => thread.end()))
    },
  }
}

function errorOf({ code, message, hint }: PlainError): Error {
  return code === undefined ? new Error(message) : new FerryError(code, message, hint === undefined ? {} : { hint })
}
