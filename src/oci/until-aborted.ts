import { addAbortListener } from 'node:events'

/** Waits for something that others may wait for too: whoever is stopped leaves at once, and it goes on. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  const { promise, reject } = Promise.withResolvers<never>()
  const listener = addAbortListener(signal, () => reject(signal.reason))
  try {
    return await Promise.race([work, promise])
  } finally {
    listener[Symbol.dispose]()
  }
}
