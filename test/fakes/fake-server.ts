import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestCertificate } from './certificate.ts'

/** One request as a fake saw it. */
export interface FakeRequest {
  /** Which of the servers: `registry`, `token`, `storage`, or what a test called its own. */
  readonly server: string
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** How many requests of this method and path came before it. */
  readonly before: number
  /** The port of the client: the same for requests on one connection. */
  readonly connection: number
}

/** What goes wrong with a request. Without `status` the real answer is given, spoilt as the other fields say. */
export interface Fault {
  /** This status instead of the real answer, with `headers` and `body`. */
  readonly status?: number
  /** Added to the answer's; undefined takes one away. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Instead of the real body. */
  readonly body?: string | Buffer
  /** Milliseconds before the answer begins. */
  readonly delayMs?: number
  /** The connection ends after so many bytes of the body. 0: after the head. */
  readonly cutAfterBytes?: number
  /** Nothing more comes after so many bytes; the connection stays open. */
  readonly stallAfterBytes?: number
  /** The body comes at this rate, a byte at a time. */
  readonly bytesPerSecond?: number
  /** The body comes in pieces, spread over so many milliseconds. */
  readonly spreadOverMs?: number
  /** One byte in the middle of the body is another. */
  readonly corrupt?: boolean
  /** The connection ends without an answer. */
  readonly reset?: boolean
  /** The connection ends after so many bytes of the request's body; an upload keeps what came. */
  readonly cutRequestAfterBytes?: number
}

/** Decides for each request whether and how it goes wrong. */
export type FaultHook = (request: FakeRequest) => Fault | undefined

export interface FakeAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
}

/** Reads a request's body; calls `onPiece` as it comes. False: the connection ended before the end. */
export type ReadBody = (onPiece: (piece: Buffer) => void) => Promise<boolean>

export type FakeHandler = (request: FakeRequest, readBody: ReadBody) => Promise<FakeAnswer> | FakeAnswer

export interface FakeServer {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  /** `http://127.0.0.1:PORT` or `https://…`. */
  readonly url: string
  readonly stop: () => Promise<void>
}

export interface FakeServerOptions {
  /** Its name in the log. */
  readonly name: string
  readonly log: FakeRequest[]
  readonly handler: FakeHandler
  readonly fault?: FaultHook
  readonly certificate?: TestCertificate
}

/** A server on a free port of 127.0.0.1 that can be made to fail in every way. */
export async function startFakeServer(options: FakeServerOptions): Promise<FakeServer> {
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    respond(options, request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)))
    })
  }
  const server = options.certificate ? createSecureServer(options.certificate, listener) : createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    host,
    url: `${options.certificate ? 'https' : 'http'}://${host}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function respond(options: FakeServerOptions, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(incoming.url ?? '/', 'http://fake')
  const method = incoming.method ?? 'GET'
  const { log, name, handler } = options
  const request: FakeRequest = {
    server: name,
    method,
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    before: log.filter((other) => other.server === name && other.method === method && other.path === url.pathname)
      .length,
    connection: incoming.socket.remotePort ?? 0,
  }
  log.push(request)
  const fault = options.fault?.(request) ?? {}
  if (fault.delayMs !== undefined) await sleep(fault.delayMs)
  if (fault.reset) return void incoming.socket.destroy()
  const answer =
    fault.status === undefined
      ? await handler(request, (onPiece) => readBody(incoming, onPiece, fault.cutRequestAfterBytes))
      : { status: fault.status, body: fault.body ?? '' }
  if (incoming.socket.destroyed) return
  // Whatever was not read would be taken for the next request.
  incoming.resume()
  let body = Buffer.from(fault.body ?? answer.body ?? '')
  if (fault.corrupt && body.length > 0) {
    body = Buffer.from(body)
    body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1
  }
  for (const [key, value] of Object.entries({ 'content-length': String(body.length), ...answer.headers }))
    response.setHeader(key, value)
  for (const [key, value] of Object.entries(fault.headers ?? {}))
    if (value === undefined) response.removeHeader(key)
    else response.setHeader(key, value)
  response.writeHead(answer.status)
  if (method === 'HEAD') return void response.end()
  await sendBody(response, body, fault)
}

const SPREAD_PIECES = 20

async function sendBody(response: ServerResponse, body: Buffer, fault: Fault): Promise<void> {
  const limit = fault.cutAfterBytes ?? fault.stallAfterBytes
  if (limit !== undefined && limit < body.length) {
    await new Promise((resolve) => response.write(body.subarray(0, limit), resolve))
    if (limit === 0) response.flushHeaders()
    if (fault.cutAfterBytes !== undefined) {
      // Let it reach the other side before the end does.
      await sleep(20)
      response.destroy()
    }
    return
  }
  if (fault.bytesPerSecond !== undefined) {
    for (const byte of body) {
      if (response.destroyed) return
      response.write(Buffer.from([byte]))
      await sleep(1000 / fault.bytesPerSecond)
    }
    return void response.end()
  }
  if (fault.spreadOverMs !== undefined) {
    const piece = Math.max(1, Math.ceil(body.length / SPREAD_PIECES))
    for (let at = 0; at < body.length && !response.destroyed; at += piece) {
      response.write(body.subarray(at, at + piece))
      await sleep(fault.spreadOverMs / SPREAD_PIECES)
    }
    return void response.end()
  }
  response.end(body)
}

async function readBody(
  incoming: IncomingMessage,
  onPiece: (piece: Buffer) => void,
  cutAfter: number | undefined,
): Promise<boolean> {
  let left = cutAfter ?? Infinity
  try {
    for await (const piece of incoming as AsyncIterable<Buffer>) {
      onPiece(piece.subarray(0, Math.min(left, piece.length)))
      left -= piece.length
      if (left <= 0 && cutAfter !== undefined) {
        incoming.socket.destroy()
        return false
      }
    }
    return true
  } catch {
    return false
  }
}
