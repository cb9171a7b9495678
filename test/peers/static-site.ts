import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'

export interface StaticSite {
  readonly url: string
  /** What was asked for so far, as `GET /index.yaml` or `GET /kubeadm bytes=100-`. */
  readonly requests: readonly string[]
  readonly stop: () => Promise<void>
}

/** Serves a folder's files over HTTP on a free port of 127.0.0.1: GET, HEAD and a single open-ended or closed Range. */
export async function startStaticSite(folder: string): Promise<StaticSite> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push([request.method, request.url, request.headers.range].filter(Boolean).join(' '))
    answer(folder, request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  return { url: `http://127.0.0.1:${port}`, requests, stop }
}

async function answer(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  const path = join(folder, normalize(decodeURIComponent(pathname)))
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) return void response.writeHead(404).end('not found\n')
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const start = Number(from ?? 0)
  const end = to ? Math.min(Number(to), found.size - 1) : found.size - 1
  if (from !== undefined && start > end)
    return void response.writeHead(416, { 'content-range': `bytes */${found.size}` }).end()
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': end - start + 1,
    'accept-ranges': 'bytes',
    ...(from !== undefined && { 'content-range': `bytes ${start}-${end}/${found.size}` }),
  })
  if (request.method === 'HEAD' || found.size === 0) return void response.end()
  createReadStream(path, { start, end }).pipe(response)
}
