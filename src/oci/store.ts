import type { Descriptor } from './descriptor.ts'

/**
 * Everything Ferry moves is a descriptor copied between two stores: a registry, a bundle, memory. These are the two
 * halves; `copy.ts` joins them and is the one place for hashing, resuming and retrying.
 */

export interface ReadOptions {
  /** The first byte wanted, default 0. A store that cannot start there starts at 0 and says so in `offset`. */
  readonly offset?: number
  readonly signal?: AbortSignal
}

/** A stream of content and where in the content it really starts. */
export interface ContentStream {
  readonly offset: number
  readonly body: AsyncIterable<Uint8Array>
}

export interface ContentSource {
  /**
   * Opens one blob or manifest. Bytes are as the other side sent them: nothing is verified here.
   * Errors with `transient` causes are retried by `copy` (see RetryAdvice).
   */
  read(descriptor: Descriptor, options: ReadOptions): Promise<ContentStream>
}

/**
 * How a target asks for the bytes. May be called again after a failed write, with another offset. The iterable hashes
 * on the way, and yields its last piece only when size and digest hold; otherwise it throws. So a target that has seen
 * the end has seen verified content.
 */
export type OpenVerified = (offset: number) => AsyncIterable<Uint8Array>

export interface ContentTarget {
  /** Whether the whole content is there already, verified or by the other side's word (a registry's HEAD). */
  has(descriptor: Descriptor, signal?: AbortSignal): Promise<boolean>
  /** Writes one blob or manifest. Resolves when it is completely there. */
  write(descriptor: Descriptor, open: OpenVerified, signal?: AbortSignal): Promise<void>
}

/** Marks an error as worth another attempt. Put on errors by the adapter that knows the protocol. */
export interface RetryAdvice {
  /** Milliseconds the other side asked to wait (Retry-After), if it did. */
  readonly afterMs?: number
  /** At most this many attempts in all, where patience mends little (a host that cannot be reached). */
  readonly attempts?: number
}

const ADVICE = new WeakMap<object, RetryAdvice>()

/** Marks `error` as transient and returns it. */
export function transient<E extends Error>(error: E, advice: RetryAdvice = {}): E {
  ADVICE.set(error, advice)
  return error
}

/** The advice of a transient error, undefined for errors that another attempt would not mend. */
export function retryAdviceOf(error: unknown): RetryAdvice | undefined {
  return typeof error === 'object' && error !== null ? ADVICE.get(error) : undefined
}

/** Manifests by digest, verified: what a graph walk needs. */
export type LoadDocument = (descriptor: Descriptor) => Promise<Uint8Array>
