import { FerryError } from '../../errors.ts'
import { transient } from '../../oci/store.ts'

/** A body as it arrives: the pieces are the socket's own buffers, passed on without copying. */
export interface ResponseBody extends AsyncIterable<Uint8Array> {
  /** Says how many bytes must come: fewer are a transient error, more a final one. */
  expect(bytes: number): void
  /** The whole body. Stops at more than `limit` bytes: `truncate` keeps what came, else FerryError `registry-protocol`. */
  readAll(limit: number, onMore?: 'refuse' | 'truncate'): Promise<Buffer>
  /** Nobody will read it: the connection is kept when little is left, else ended. */
  discard(): void
}

/** The receiving end, for the one who gets the bytes from the network. */
export interface BodySink {
  readonly body: ResponseBody
  push(piece: Buffer): void
  end(): void
  fail(error: Error): void
}

export interface BodyFlow {
  /** For messages. */
  readonly host: string
  readonly pause: () => void
  readonly resume: () => void
  readonly abort: (reason: Error) => void
  /** Milliseconds in which at least MINIMUM_BYTES must come. */
  readonly timeout: number
  /** From Content-Length, if known. */
  readonly length: number | undefined
}

/** More than this unread: the network is asked to wait. */
const HIGH_WATER = 256 * 1024
const LOW_WATER = 64 * 1024
/** Fewer bytes in one timeout are as good as none: a server must not hold a transfer for ever with a byte now and then. */
const MINIMUM_BYTES = 16 * 1024
/** A rest of at most this much is read to keep the connection. */
const SMALL_REST = 64 * 1024

/** A queue between undici's callbacks and `for await`. Node's Readable would do the same with more work for each piece. */
export function createBody(flow: BodyFlow): BodySink {
  const queue: Buffer[] = []
  let queued = 0
  let received = 0
  let expected: number | undefined
  let paused = false
  let discarded = false
  let finished: { readonly error?: Error } | undefined
  let wake: (() => void) | undefined
  let guardedFrom = 0

  const guard = setInterval(() => {
    if (!paused && received - guardedFrom < MINIMUM_BYTES) {
      const got = received - guardedFrom
      stop(
        transient(new FerryError('registry-unreachable', `${flow.host} sent ${got} bytes in ${flow.timeout / 1000} s`)),
      )
    }
    guardedFrom = received
  }, flow.timeout).unref()

  const finish = (end: { readonly error?: Error }) => {
    if (finished) return
    finished = end
    clearInterval(guard)
    wake?.()
  }
  /** Ends it from this side; what is queued stays readable. */
  const stop = (error: FerryError) => {
    finish({ error })
    flow.abort(error)
  }
  const ended = (): FerryError | undefined => {
    if (expected === undefined || received === expected) return undefined
    return transient(
      new FerryError('registry-protocol', `${flow.host}: the body ended after ${received} of ${expected} bytes`),
    )
  }
  const tooMuch = () =>
    new FerryError('registry-protocol', `${flow.host} sends more than the ${expected ?? 0} bytes that were due`)

  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    for (;;) {
      const piece = queue.shift()
      if (piece) {
        queued -= piece.length
        if (paused && queued < LOW_WATER) {
          paused = false
          guardedFrom = received
          flow.resume()
        }
        return { done: false, value: piece }
      }
      if (finished) {
        if (finished.error) throw finished.error
        return { done: true, value: undefined }
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      wake = undefined
    }
  }

  const leave = () => {
    queue.length = 0
    queued = 0
    if (finished) return
    finish({})
    flow.abort(new Error('the rest is not wanted'))
  }

  const body: ResponseBody = {
    [Symbol.asyncIterator]: () => ({
      next,
      return: () => {
        leave()
        return Promise.resolve({ done: true, value: undefined })
      },
    }),
    expect(bytes) {
      expected = bytes
      if (received > bytes) stop(tooMuch())
      else if (finished && !finished.error) {
        const error = ended()
        if (error) finished = { error }
      }
    },
    async readAll(limit, onMore = 'refuse') {
      const pieces: Uint8Array[] = []
      let length = 0
      for await (const piece of body) {
        pieces.push(piece)
        length += piece.length
        if (length <= limit) continue
        if (onMore === 'truncate') return Buffer.concat(pieces, limit)
        throw new FerryError('registry-protocol', `${flow.host}: the answer is longer than ${limit} bytes`)
      }
      return Buffer.concat(pieces, length)
    },
    discard() {
      if (flow.length !== undefined && flow.length - received <= SMALL_REST) {
        discarded = true
        queue.length = 0
        queued = 0
        if (paused) {
          paused = false
          flow.resume()
        }
      } else leave()
    },
  }

  return {
    body,
    push(piece) {
      received += piece.length
      if (discarded) return
      if (expected !== undefined && received > expected) {
        stop(tooMuch())
        return
      }
      queue.push(piece)
      queued += piece.length
      if (queued > HIGH_WATER && !paused) {
        paused = true
        flow.pause()
      }
      wake?.()
    },
    end() {
      const error = ended()
      finish(error ? { error } : {})
    },
    fail(error) {
      finish({ error })
    },
  }
}
