import type { RetryNotice } from '../../oci/registry.ts'
import { reasonOf } from '../../errors.ts'
import { retryAdviceOf } from '../../oci/store.ts'
import type { Clock } from '../../ports.ts'

export interface RetryPolicy {
  readonly clock: Clock
  /** Multiplies every delay; tests make it tiny. Default 1. */
  readonly scale?: number
  /** Hears of every retry that has no listener of its own. */
  readonly onRetry?: (host: string, notice: RetryNotice) => void
}

export interface RetryContext {
  /** For notices. */
  readonly host: string
  readonly signal?: AbortSignal
  /** Instead of the policy's. */
  readonly onRetry?: (notice: RetryNotice) => void
}

const ATTEMPTS = 8
const FIRST_DELAY_MS = 500
const MAX_DELAY_MS = 30_000
/** A registry may ask for patience, not for the night. */
const MAX_RETRY_AFTER_MS = 5 * 60_000

/**
 * Runs `work` until it succeeds, up to 8 times (fewer where the error says so), as long as its errors are marked
 * transient. Delays double from 0.5 s to 30 s with jitter; a longer Retry-After is respected.
 */
export async function retrying<T>(policy: RetryPolicy, context: RetryContext, work: () => Promise<T>): Promise<T> {
  const { signal } = context
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      const advice = retryAdviceOf(error)
      const attempts = Math.min(ATTEMPTS, advice?.attempts ?? ATTEMPTS)
      if (!advice || attempt >= attempts || signal?.aborted) throw error
      const backOff = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2)
      const delayMs = Math.round(Math.max(backOff, advice.afterMs ?? 0) * (policy.scale ?? 1))
      const notice = { reason: reasonOf(error), delayMs, attempt: attempt + 1, attempts }
      if (context.onRetry) context.onRetry(notice)
      else policy.onRetry?.(context.host, notice)
      await policy.clock.sleep(delayMs, signal)
    }
  }
}

/**
 * RFC 9110 section 10.2.3: seconds or a date. Milliseconds from now, at most five minutes; undefined when it is neither.
 * @param now milliseconds since the epoch.
 */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  if (Number.isNaN(milliseconds)) return undefined
  return Math.min(Math.max(0, milliseconds), MAX_RETRY_AFTER_MS)
}
