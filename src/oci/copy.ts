import { FerryError } from '../errors.ts'
import type { Emit, TaskName } from '../events.ts'
import type { Descriptor } from './descriptor.ts'
import { mapParallel } from './parallel.ts'
import type { ContentSource, ContentTarget, OpenVerified } from './store.ts'
import { openVerified, type ReadRetry } from './verified-read.ts'

/** One thing to copy and how people call it. */
export interface CopyItem {
  readonly descriptor: Descriptor
  readonly name: string
  /** Where this one goes. Default: the target of the whole copy. */
  readonly target?: ContentTarget
}

export interface CopyOptions {
  readonly source: ContentSource
  /** Of the items that name none themselves. */
  readonly target?: ContentTarget
  /** How many at once. */
  readonly concurrency: number
  readonly task: TaskName
  readonly emit: Emit
  /** For sources that can fail for a while; what is tried again is reported as an event. */
  readonly retry?: Omit<ReadRetry, 'onRetry'>
  readonly signal?: AbortSignal
  /** The bytes a target keeps of an item, to be hashed before it is continued. */
  readonly kept?: (descriptor: Descriptor, length: number) => AsyncIterable<Uint8Array>
  /** Has an item copied on another thread, which reports its events itself. Undefined: it is copied here. */
  readonly delegate?: (item: CopyItem, signal: AbortSignal) => Promise<void> | undefined
}

export interface CopyResult {
  readonly copied: number
  readonly copiedBytes: number
  readonly present: number
  readonly presentBytes: number
}

/** What came for an item is not what it stands for: the reason, with the item's name in front. */
export class WrongContentError extends FerryError {
  readonly item: CopyItem
  readonly reason: FerryError

  constructor(item: CopyItem, reason: FerryError) {
    const { code, message, hint } = reason
    super(code, `${item.name}: ${message}`, { cause: reason, ...(hint !== undefined && { hint }) })
    this.item = item
    this.reason = reason
  }
}

/**
 * Copies items from one store to another: the one place of the project for concurrency, resuming, retrying, hashing and
 * progress. Big items first, so that the last worker is not left alone with the largest. The first failure stops what
 * is under way at its next piece, and is thrown when all have ended.
 */
export async function copy(items: readonly CopyItem[], options: CopyOptions): Promise<CopyResult> {
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const bySize = items.toSorted((a, b) => b.descriptor.size - a.descriptor.size)
  const copied = await mapParallel(bySize, options.concurrency, async (item) => {
    try {
      return await copyItem(item, options, signal)
    } catch (error) {
      const named =
        error instanceof FerryError && error.code === 'registry-digest' ? new WrongContentError(item, error) : error
      stop.abort(named)
      throw named
    }
  })
  const result = { copied: 0, copiedBytes: 0, present: 0, presentBytes: 0 }
  bySize.forEach(({ descriptor }, i) => {
    if (copied[i]) {
      result.copied++
      result.copiedBytes += descriptor.size
    } else {
      result.present++
      result.presentBytes += descriptor.size
    }
  })
  return result
}

/** @returns false when the target had it. */
async function copyItem(item: CopyItem, options: CopyOptions, signal: AbortSignal): Promise<boolean> {
  const { descriptor, name } = item
  const { source, emit, task, retry, kept } = options
  const target = item.target ?? options.target
  if (!target) throw new FerryError('internal', `nowhere to copy ${name} to`)
  signal.throwIfAborted()
  if (await target.has(descriptor, signal)) {
    emit({ type: 'bytes', task, bytes: descriptor.size })
    return false
  }
  const elsewhere = options.delegate?.(item, signal)
  if (elsewhere) {
    await elsewhere
    return true
  }
  emit({ type: 'item-start', task, item: name, totalBytes: descriptor.size })
  const open = openVerified(source, descriptor, {
    signal,
    ...(retry && { retry: { ...retry, onRetry: (notice) => emit({ type: 'retry', task, item: name, ...notice }) } }),
    ...(kept && { kept: (length) => kept(descriptor, length) }),
  })
  await target.write(descriptor, countBytes(open, options), signal)
  emit({ type: 'item-end', task, item: name })
  return true
}

/** Reports progress as the target takes the bytes; when it opens anew, what would be counted twice is taken back. */
function countBytes(open: OpenVerified, { emit, task }: CopyOptions): OpenVerified {
  let counted = 0
  return async function* (offset) {
    if (offset !== counted) emit({ type: 'bytes', task, bytes: offset - counted })
    counted = offset
    for await (const piece of open(offset)) {
      counted += piece.length
      emit({ type: 'bytes', task, bytes: piece.length })
      yield piece
    }
  }
}
