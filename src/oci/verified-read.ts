import { FerryError, reasonOf } from '../errors.ts'
import type { Descriptor } from './descriptor.ts'
import { digestOfHex, hexOf, newHash, type Digest } from './digest.ts'
import { retryAdviceOf, type ContentSource, type OpenVerified } from './store.ts'

/** How often and how patiently a source is asked again. */
export interface ReadRetry {
  /** Attempts without any progress before giving up. Default 8. Progress starts the count anew. */
  readonly attempts?: number
  /** First delay in milliseconds, doubled each time up to 30 s. Default 500. */
  readonly firstDelayMs?: number
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>
  readonly onRetry?: (notice: {
    readonly reason: string
    readonly delayMs: number
    readonly attempt: number
    readonly attempts: number
  }) => void
}

export interface VerifiedReadOptions {
  /** Without it the first failure is final (local files). */
  readonly retry?: ReadRetry
  readonly signal?: AbortSignal
  /** Bytes already kept by the target, to be hashed in front of an open at this offset. Default: read from the source. */
  readonly kept?: (length: number) => AsyncIterable<Uint8Array>
}

const MAX_DELAY_MS = 30_000

/**
 * Opens content so that whoever reads to the end has read verified bytes: hashed on the way, taken up again where a
 * connection broke, the last piece withheld until size and digest hold. Memory: two pieces of the source.
 */
export function openVerified(
  source: ContentSource,
  descriptor: Descriptor,
  options: VerifiedReadOptions = {},
): OpenVerified {
  return (offset) => readVerified(source, descriptor, { ...options, offset })
}

async function* readVerified(
  source: ContentSource,
  descriptor: Descriptor,
  options: VerifiedReadOptions & { readonly offset: number },
): AsyncIterable<Uint8Array> {
  const { offset, signal } = options
  const hash = newHash()
  let position = 0
  if (offset > 0) {
    // The part the target keeps is hashed again: what it has is worth nothing until it is known to be right.
    for await (const piece of options.kept?.(offset) ?? readRetrying(source, descriptor, { ...options, from: 0 })) {
      const wanted = piece.subarray(0, offset - position)
      hash.update(wanted)
      position += wanted.length
      if (position >= offset) break
    }
  }
  let withheld: Uint8Array | undefined
  if (position < descriptor.size) {
    for await (const piece of readRetrying(source, descriptor, { ...options, from: position })) {
      if (withheld) yield withheld
      hash.update(piece)
      position += piece.length
      withheld = piece
    }
  }
  signal?.throwIfAborted()
  const hex = hash.digest('hex')
  if (hex !== hexOf(descriptor.digest)) throw new WrongDigestError(descriptor, hex)
  if (withheld) yield withheld
}

/** The bytes hash to something else. A target that resumed from kept bytes may try once more from the start. */
export class WrongDigestError extends FerryError {
  /** What it should be. */
  readonly digest: Digest
  /** What it is. */
  readonly found: Digest

  constructor(descriptor: Descriptor, hex: string) {
    super('registry-digest', `${descriptor.digest} (${descriptor.size} bytes) came with other content, sha256:${hex}`, {
      hint: 'The content was changed or damaged on the way or at its source. Nothing of it was kept; run again, or look at the source.',
    })
    this.digest = descriptor.digest
    this.found = digestOfHex(hex)
  }
}

async function* readRetrying(
  source: ContentSource,
  descriptor: Descriptor,
  options: VerifiedReadOptions & { readonly from: number },
): AsyncIterable<Uint8Array> {
  const { retry, signal } = options
  const attempts = retry?.attempts ?? 8
  let position = options.from
  let failures = 0
  for (;;) {
    signal?.throwIfAborted()
    try {
      const stream = await source.read(descriptor, { offset: position, ...(signal && { signal }) })
      // A source that cannot start in the middle starts at 0: what is known already is skipped.
      let skip = position - stream.offset
      if (skip < 0)
        throw new FerryError(
          'registry-protocol',
          `${descriptor.digest}: the answer starts at ${stream.offset}, not at ${position}`,
        )
      for await (const piece of stream.body) {
        let fresh = piece
        if (skip > 0) {
          fresh = piece.subarray(Math.min(skip, piece.length))
          skip -= piece.length - fresh.length
          if (fresh.length === 0) continue
        }
        if (position + fresh.length > descriptor.size)
          throw new FerryError('registry-digest', `${descriptor.digest}: more than its ${descriptor.size} bytes came`)
        position += fresh.length
        failures = 0
        yield fresh
      }
      if (position === descriptor.size) return
      throw new ShortReadError(descriptor, position)
    } catch (error) {
      const advice = retryAdviceOf(error)
      if (signal?.aborted || !retry || (!advice && !(error instanceof ShortReadError))) throw error
      failures++
      const limit = Math.min(attempts, advice?.attempts ?? attempts)
      if (failures >= limit) throw error
      const delayMs = Math.min(
        Math.max(advice?.afterMs ?? 0, (retry.firstDelayMs ?? 500) * 2 ** (failures - 1) * (0.75 + Math.random() / 2)),
        Math.max(MAX_DELAY_MS, advice?.afterMs ?? 0),
      )
      retry.onRetry?.({ reason: reasonOf(error), delayMs: Math.round(delayMs), attempt: failures + 1, attempts: limit })
      await retry.sleep(delayMs, signal)
    }
  }
}

class ShortReadError extends FerryError {
  constructor(descriptor: Descriptor, position: number) {
    super('registry-protocol', `${descriptor.digest}: the stream ended after ${position} of ${descriptor.size} bytes`)
  }
}
