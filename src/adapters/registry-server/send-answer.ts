import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { FerryError } from '../../errors.ts'
import type { ServedContent } from '../../oci/served.ts'
import type { Answer } from './answer.ts'
import { errorAnswer } from './answer.ts'
import { damagedAnswer } from './answer-request.ts'

export interface SendOptions {
  readonly content: ServedContent
  /** Of the request: HEAD gets no body. */
  readonly method: string
  /** A client that takes nothing for this long is given up. */
  readonly stallMs: number
  readonly onProblem: (error: unknown) => void
}

/**
 * Sends an answer. A blob that turns out wrong or unreadable before its first piece becomes an error answer; later
 * the connection is reset, so that nobody takes what came for the whole.
 */
export async function sendAnswer(response: ServerResponse, answer: Answer, options: SendOptions): Promise<void> {
  const { body } = answer
  if (body.kind === 'bytes' || options.method === 'HEAD') {
    sendHead(response, answer)
    response.end(body.kind === 'bytes' && options.method !== 'HEAD' ? body.bytes : undefined)
    return
  }
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  try {
    const { descriptor, range } = body
    const pieces = await options.content.readBlob(descriptor, { signal: gone.signal, ...(range && { range }) })
    await pump(pieces, response, { head: answer, stallMs: options.stallMs })
  } catch (error) {
    if (gone.signal.aborted) return
    // The gate has told of damage already, once.
    const damaged = error instanceof FerryError && error.code === 'bundle-digest'
    if (!damaged) options.onProblem(error)
    if (response.headersSent) reset(response)
    else await sendAnswer(response, damaged ? damagedAnswer(body.descriptor.digest) : unreadable(), options)
  }
}

/** Writes as fast as the client reads. The head goes out with the first piece: until then an error can be told. */
async function pump(
  pieces: AsyncIterable<Uint8Array>,
  response: ServerResponse,
  { head, stallMs }: { readonly head: Answer; readonly stallMs: number },
): Promise<void> {
  for await (const piece of pieces) {
    // Leaving the loop ends the reading of the file.
    if (response.destroyed) return
    if (!response.headersSent) sendHead(response, head)
    if (!response.write(piece)) await drained(response, stallMs)
  }
  if (response.destroyed) return
  if (!response.headersSent) sendHead(response, head)
  response.end()
}

function sendHead(response: ServerResponse, { status, headers }: Answer): void {
  response.writeHead(status, headers)
}

function drained(response: ServerResponse, stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), stallMs)
    const done = (): void => {
      clearTimeout(timer)
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.once('drain', done)
    response.once('close', done)
    if (response.closed) done()
  })
}

function reset(response: ServerResponse): void {
  const { socket } = response
  // An encrypted connection has no handle of its own to reset; ending it in the middle of a body says the same.
  if (socket?.constructor === Socket) socket.resetAndDestroy()
  else response.destroy()
}

function unreadable(): Answer {
  return errorAnswer(500, 'UNKNOWN', { message: 'the content cannot be read at the moment' })
}
