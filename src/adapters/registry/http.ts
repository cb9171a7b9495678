import type { Dispatcher } from 'undici'
import { FerryError } from '../../errors.ts'
import { networkError } from './network-error.ts'
import { createBody, type BodySink, type ResponseBody } from './response-body.ts'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** One request on the wire: no redirects, no authentication, no second attempt. */
export interface HttpRequest {
  readonly method: Method
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** A stream needs a `content-length` header. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal
}

export interface HttpResponse {
  /** Where this answer came from, after redirects. */
  readonly url: URL
  readonly status: number
  /** By lower-case name; several of one name are joined by `, `. */
  header(name: string): string | undefined
  /** Must be read or discarded, or its connection stays taken. */
  readonly body: ResponseBody
}

/** Milliseconds. */
export interface Timeouts {
  /** Default 10 000. */
  readonly connect: number
  /** From the last byte of the request to the head of the answer, default 60 000. */
  readonly headers: number
  /** Without progress of the body, default 30 000. */
  readonly body: number
  /** As `headers`, where the registry has to hash and store what it got. Default 300 000. */
  readonly commit: number
}

export const DEFAULT_TIMEOUTS: Timeouts = { connect: 10_000, headers: 60_000, body: 30_000, commit: 300_000 }

/** Sends a request and resolves with the head of the answer. Every failure is a FerryError or the signal's reason. */
export function sendRequest(dispatcher: Dispatcher, request: HttpRequest, timeouts: Timeouts): Promise<HttpResponse> {
  const { method, url, signal } = request
  const source = request.body && watchSource(request.body)
  return new Promise<HttpResponse>((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined
    let sink: BodySink | undefined
    let stopped: Error | undefined

    const fail = (error: unknown) => {
      signal?.removeEventListener('abort', onAbort)
      // What a caller's abort or the source of an upload threw is more telling than the socket's end that followed.
      const reason = stopped ?? source?.failure() ?? networkError(error, url)
      if (sink) sink.fail(reason)
      else reject(reason)
    }
    const onAbort = () => {
      stopped = asError(signal?.reason)
      controller?.abort(new Error('aborted'))
      fail(undefined)
    }
    if (signal?.aborted) {
      onAbort()
      return
    }
    signal?.addEventListener('abort', onAbort, { once: true })

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        controller = started
        if (stopped) started.abort(new Error('aborted'))
      },
      onResponseStart(started, status, headers) {
        if (status < 200) return
        const header = (name: string) => {
          const value = headers[name]
          return Array.isArray(value) ? value.join(', ') : value
        }
        const length = header('content-length')
        sink = createBody({
          host: url.host,
          timeout: timeouts.body,
          length: method === 'HEAD' ? 0 : length === undefined ? undefined : Number(length),
          pause: () => started.pause(),
          resume: () => started.resume(),
          abort: (reason) => started.abort(reason),
        })
        resolve({ url, status, header, body: sink.body })
      },
      onResponseData: (_, piece) => sink?.push(piece),
      onResponseEnd() {
        signal?.removeEventListener('abort', onAbort)
        sink?.end()
      },
      onResponseError: (_, error) => fail(error),
    }
    try {
      dispatcher.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          method,
          headers: { ...request.headers },
          // undici takes any async iterable; its types know streams only.
          body: (source?.body ?? null) as Uint8Array | null,
          headersTimeout: method === 'GET' || method === 'HEAD' ? timeouts.headers : timeouts.commit,
          bodyTimeout: timeouts.body,
          // undici ends the connection after every HEAD unless told not to; a push is thousands of them.
          ...(method === 'HEAD' && { reset: false }),
        },
        handler,
      )
    } catch (error) {
      fail(error)
    }
  })
}

/** Remembers what the source of an upload threw, so that it is not taken for a failure of the network. */
function watchSource(body: Uint8Array | AsyncIterable<Uint8Array>): {
  readonly body: Uint8Array | AsyncIterable<Uint8Array>
  readonly failure: () => Error | undefined
} {
  if (body instanceof Uint8Array) return { body, failure: () => undefined }
  let failure: Error | undefined
  const watched = async function* () {
    try {
      yield* body
    } catch (error) {
      failure = asError(error)
      throw error
    }
  }
  return { body: watched(), failure: () => failure }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason })
}

/** Checks a target that the other side named (Location, Link, realm) and resolves it. */
export function resolveTarget(text: string, base: URL, what: string): URL {
  const shown = base.host
  if (/[\p{Cc}\s]/u.test(text)) throw new FerryError('registry-protocol', `${shown}: ${what} has control characters`)
  const url = URL.parse(text, base.href)
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new FerryError('registry-protocol', `${shown}: ${what} is not an http(s) address`)
  if (url.username !== '' || url.password !== '')
    throw new FerryError('registry-protocol', `${shown}: ${what} has a user name in it`)
  return url
}
