import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { isIPv6, type AddressInfo } from 'node:net'
import { FerryError, reasonOf, systemCodeOf } from '../../errors.ts'
import type { ListenOptions, RunningServer, ServedContent } from '../../oci/served.ts'
import { errorAnswer } from './answer.ts'
import { answerRequest } from './answer-request.ts'
import { sendAnswer } from './send-answer.ts'
import { checkTlsIdentity } from './tls-identity.ts'

/** A client that takes nothing of a blob for this long is given up. */
const STALL_MS = 5 * 60_000
/** Clients pull layer after layer over one connection; a pause between two is normal. */
const KEEP_ALIVE_MS = 60_000

/**
 * Serves content as a read-only OCI registry (distribution-spec 1.1) over HTTP/1.1, or HTTPS with `tls`.
 * @throws FerryError `io-listen`, `config-key`
 */
export async function startRegistryServer(
  content: ServedContent,
  options: ListenOptions & { /** Default 5 minutes. */ readonly stallMs?: number },
): Promise<RunningServer> {
  const { host, port, tls, stallMs = STALL_MS, onProblem = () => undefined } = options
  if (tls) checkTlsIdentity(tls)
  const running = new Set<ServerResponse>()
  let closing = false
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    running.add(response)
    response.once('close', () => {
      running.delete(response)
      // The connection of an answer that was under way when the server closed.
      if (closing) setImmediate(() => server.closeIdleConnections())
    })
    if (closing) response.setHeader('connection', 'close')
    respond(request, response, { content, stallMs, onProblem }).catch((error: unknown) => {
      onProblem(error)
      response.destroy()
    })
  }
  const server: Server = tls ? createTlsServer({ ...tls, minVersion: 'TLSv1.2' }, handle) : createServer(handle)
  server.keepAliveTimeout = KEEP_ALIVE_MS
  await listen(server, host, port)
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `${tls ? 'https' : 'http'}://${isIPv6(host) ? `[${host}]` : host}:${bound}`,
    async close(graceMs) {
      closing = true
      const closed = once(server, 'close')
      server.close()
      server.closeIdleConnections()
      const timer = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearTimeout(timer)
    },
  }
}

interface RespondOptions {
  readonly content: ServedContent
  readonly stallMs: number
  readonly onProblem: (error: unknown) => void
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { content, stallMs, onProblem }: RespondOptions,
): Promise<void> {
  const { method = 'GET', headers, url = '/' } = request
  const options = { content, method, stallMs, onProblem }
  response.setHeader('docker-distribution-api-version', 'registry/2.0')
  response.setHeader('x-content-type-options', 'nosniff')
  try {
    await sendAnswer(response, answerRequest(content, { method, headers, target: url }), options)
  } catch (error) {
    onProblem(error)
    if (response.headersSent) response.destroy()
    else await sendAnswer(response, errorAnswer(500, 'UNKNOWN', { message: 'an internal error' }), options)
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port })
  try {
    await once(server, 'listening')
  } catch (error) {
    const { why, hint } = LISTEN_ERRORS[systemCodeOf(error) ?? ''] ?? { why: reasonOf(error), hint: undefined }
    throw new FerryError('io-listen', `cannot listen on ${host}:${port}: ${why}`, {
      ...(hint !== undefined && { hint }),
      cause: error,
    })
  }
}

const LISTEN_ERRORS: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  EADDRINUSE: {
    why: 'another program listens there already',
    hint: 'Give another port, or 0 for any free one: --listen HOST:0',
  },
  EACCES: { why: 'not permitted', hint: 'Ports below 1024 are for root. Give a higher one, as 5000.' },
  EPERM: { why: 'not permitted', hint: 'Ports below 1024 are for root. Give a higher one, as 5000.' },
  EADDRNOTAVAIL: {
    why: 'this machine does not have that address',
    hint: 'Give one of its own, or 0.0.0.0 for all of them.',
  },
  ENOTFOUND: { why: 'no such host', hint: 'Give an address of this machine, or 0.0.0.0 for all of them.' },
  EAI_AGAIN: { why: 'no such host', hint: 'Give an address of this machine, or 0.0.0.0 for all of them.' },
}
