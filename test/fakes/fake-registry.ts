import { makeCertificate, type TestCertificate } from './certificate.ts'
import { createGate, type FakeAuth, type FakeGate } from './fake-registry-auth.ts'
import { answerApi, answerStorage, type FakeBehaviour } from './fake-registry-api.ts'
import { createContent, type FakeContent } from './fake-registry-content.ts'
import { createUploads, type FakeUploads } from './fake-registry-uploads.ts'
import { startFakeServer, type FakeHandler, type FakeRequest, type FakeServer, type FaultHook } from './fake-server.ts'

/**
 * A working registry in memory: pull and push by the distribution-spec 1.1, on a free port of 127.0.0.1.
 *
 *     const registry = await startFakeRegistry({ auth: { kind: 'bearer', username: 'u', password: 'p' } })
 *     registry.content.addBlob('team/app', 'hello')
 *     registry.fault = (request) => (request.before === 0 ? { status: 503 } : undefined)
 *     ... registry.host ... registry.requests ...
 *     await registry.stop()
 */
export interface FakeRegistryOptions extends FakeBehaviour {
  /** Default `none`. */
  readonly auth?: FakeAuth
  /** HTTPS with a certificate of its own (`registry.ca`), or this one. Default false. */
  readonly tls?: boolean | TestCertificate
  /** Whether blobs can be mounted; without it a mount is answered with an upload session. Default true. */
  readonly mount?: boolean
  /** Whether a broken upload can be continued. Default true. */
  readonly resume?: boolean
  /** Blobs are redirected to a server of their own (another port). Default false. */
  readonly storage?: boolean
}

export interface FakeRegistry {
  /** `127.0.0.1:PORT`, as in an image name. */
  readonly host: string
  readonly url: string
  /** PEM of its authority, with `tls`. */
  readonly ca: string | undefined
  /** The server that hands out tokens: this one, with `foreign` `localhost:PORT`. */
  readonly tokenHost: string
  /** `127.0.0.1:PORT` of the server that has the blobs: this one, another with `storage`. */
  readonly storageHost: string
  readonly content: FakeContent
  readonly uploads: FakeUploads
  /** Its gate, to revoke tokens. */
  readonly gate: FakeGate
  /** Everything asked so far, of all its servers. */
  readonly requests: FakeRequest[]
  /** The requests as `GET /v2/…`, with the query. */
  lines(): string[]
  /** Decides what goes wrong; may be set at any time. */
  fault: FaultHook | undefined
  readonly stop: () => Promise<void>
}

export async function startFakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const auth = options.auth ?? { kind: 'none' }
  const content = createContent()
  const requests: FakeRequest[] = []
  const uploads = createUploads(content, { mount: options.mount ?? true, resume: options.resume ?? true })
  const certificate = options.tls === true ? makeCertificate() : options.tls || undefined
  const servers: FakeServer[] = []
  const hook: FaultHook = (request) => registry.fault?.(request)
  const start = async (name: string, handler: FakeHandler) => {
    const server = await startFakeServer({
      name,
      log: requests,
      handler,
      fault: hook,
      ...(certificate && { certificate }),
    })
    servers.push(server)
    return server
  }
  const gate = createGate(auth, () => tokenUrl)
  const handleToken: FakeHandler = async (request, readBody) => {
    const pieces: Buffer[] = []
    await readBody((piece) => pieces.push(piece))
    return gate.token(request, new URLSearchParams(Buffer.concat(pieces).toString()))
  }
  const storage = options.storage
    ? await start('storage', (request) => answerStorage(request, content, options))
    : undefined
  const main = await start('registry', (request, readBody) => {
    if (request.path === '/token') return handleToken(request, readBody)
    return answerApi(request, readBody, { content, uploads, gate, options, storage })
  })
  const token = auth.kind === 'bearer' && auth.foreign ? await start('token', handleToken) : main

  // Another name for this machine is another host to a client.
  const tokenHost = token === main ? main.host : token.host.replace('127.0.0.1', 'localhost')
  const tokenUrl = `${certificate ? 'https' : 'http'}://${tokenHost}/token`
  const registry: FakeRegistry = {
    host: main.host,
    url: main.url,
    ca: certificate?.cert,
    tokenHost,
    storageHost: storage?.host ?? main.host,
    content,
    uploads,
    gate,
    requests,
    lines: () =>
      requests.map(({ method, path, query }) => `${method} ${path}${query.size > 0 ? '?' : ''}${query.toString()}`),
    fault: undefined,
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
  return registry
}
