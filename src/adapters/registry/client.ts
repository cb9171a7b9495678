import { FerryError } from '../../errors.ts'
import type { Registry, RegistryClient, RegistryOptions, RetryNotice } from '../../oci/registry.ts'
import type { Clock } from '../../ports.ts'
import { hasBlob, readBlob } from './blobs.ts'
import { createCredentials } from './credentials.ts'
import { createEndpoint, type Endpoint, type EndpointContext } from './endpoint.ts'
import type { Timeouts } from './http.ts'
import { fetchDocument, headDocument, putDocument } from './manifests.ts'
import { firstAnswer, firstFound, mirrorsOf, type Chain } from './mirrors.ts'
import { listReferrers } from './referrers.ts'
import { retrying, type RetryPolicy } from './retry.ts'
import { createMask } from './safe-text.ts'
import { listTags } from './tags.ts'
import { createTransport } from './transport.ts'
import { mountBlob, uploadBlob, type UploadState } from './uploads.ts'

export interface ClientOptions {
  readonly clock: Clock
  /** Read for HTTP(S)_PROXY, NO_PROXY, DOCKER_CONFIG, HOME, XDG_RUNTIME_DIR, and PATH for credential helpers. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** `ferry/1.0.0`. */
  readonly userAgent: string
  /** Settings of hosts: those asked for without options, mirrors, and hosts that redirects lead to. */
  readonly settingsOf?: (host: string) => RegistryOptions
  /** Hears of retries, with the host they happen at. */
  readonly onRetry?: (host: string, notice: RetryNotice) => void
  /** Hears once of each host that cannot be reached where its mirrors can: what is attached to images may be missed. */
  readonly onMissingUpstream?: (host: string) => void
  /** Multiplies the delays between attempts. Default 1. */
  readonly retryScale?: number
  /** Milliseconds: connect 10 000, headers 60 000, body 30 000 without progress, commit 300 000 (end of an upload). */
  readonly timeouts?: Partial<Timeouts>
  /** Default 32. */
  readonly connectionsPerHost?: number
}

/** Registries over HTTP(S) with undici: connections, tokens and credentials are shared by all registries of one client. */
export function createRegistryClient(options: ClientOptions): RegistryClient {
  const transport = createTransport(options)
  const settingsOf = options.settingsOf ?? ((): RegistryOptions => ({}))
  const context: EndpointContext = {
    transport,
    findCredentials: createCredentials(options.env),
    clock: options.clock,
    mask: createMask(),
    settingsOf,
  }
  const policy: RetryPolicy = {
    clock: options.clock,
    scale: options.retryScale ?? 1,
    ...(options.onRetry && { onRetry: options.onRetry }),
  }
  // One endpoint for each way to talk to a host, so that tokens are fetched once.
  const endpoints = new Map<string, Endpoint>()
  const endpointFor = (host: string, prefix: string, settings: RegistryOptions): Endpoint => {
    const { plainHttp, ca, tokenHosts } = settings
    const key = JSON.stringify([host, prefix, plainHttp, ca, tokenHosts])
    let endpoint = endpoints.get(key)
    if (!endpoint) {
      endpoint = createEndpoint(context, { host, prefix, settings })
      endpoints.set(key, endpoint)
    }
    return endpoint
  }
  const resting = new Map<string, number>()
  const onMissingUpstream = (host: string): void => options.onMissingUpstream?.(host)

  return {
    registry(host, explicit) {
      const settings = explicit ?? settingsOf(host)
      const upstream = endpointFor(host, '', settings)
      const mirrors = mirrorsOf(host, settings).map((mirror) =>
        endpointFor(mirror.host, mirror.prefix, settingsOf(mirror.host)),
      )
      return createRegistry({ upstream, mirrors, resting, onMissingUpstream }, policy)
    },
    close: () => transport.close(),
  }
}

/** Reading goes through the mirrors, writing and asking what is there for it to the registry itself. */
function createRegistry(chain: Chain, policy: RetryPolicy): Registry {
  const { upstream } = chain
  const retry = <T>(signal: AbortSignal | undefined, work: () => Promise<T>) =>
    retrying(policy, { host: upstream.host, ...(signal && { signal }) }, work)

  return {
    fetchDocument: (repository, tagOrDigest, signal) =>
      retry(signal, () =>
        firstAnswer(chain, (endpoint) => fetchDocument(endpoint, repository, tagOrDigest, signal), signal),
      ),

    findDocument: (repository, tag, signal) =>
      retry(signal, () => firstFound(chain, (endpoint) => fetchDocument(endpoint, repository, tag, signal), signal)),

    async readBlob(repository, descriptor, readOptions) {
      const ask = (endpoint: Endpoint) => readBlob(endpoint, repository, descriptor, readOptions)
      const stream = await firstAnswer(chain, ask, readOptions.signal)
      if (stream) return stream
      throw new FerryError('registry-not-found', `${upstream.host}/${repository} has no blob ${descriptor.digest}`, {
        hint: 'Its manifest is there, its content is not: ask who runs the registry, or push the image again.',
      })
    },

    listTags: (repository, { limit = 1000, signal } = {}) =>
      retry(signal, () =>
        firstAnswer(chain, (endpoint) => listTags(endpoint, repository, { limit, ...(signal && { signal }) }), signal),
      ),

    listReferrers: (repository, digest, signal) =>
      retry(signal, async () => {
        // A mirror need not have mirrored what is attached: only a list with something in it is an answer.
        const ask = async (endpoint: Endpoint) => {
          const found = await listReferrers(endpoint, repository, digest, signal)
          return found.length > 0 || endpoint === upstream ? found : undefined
        }
        return (await firstFound(chain, ask, signal)) ?? []
      }),

    hasBlob: (repository, descriptor, signal) => retry(signal, () => hasBlob(upstream, repository, descriptor, signal)),

    headDocument: (repository, tagOrDigest, signal) =>
      retry(signal, () => headDocument(upstream, repository, tagOrDigest, signal)),

    mountBlob: (repository, descriptor, from, signal) =>
      retry(signal, () => mountBlob(upstream, repository, descriptor, { from, ...(signal && { signal }) })),

    uploadBlob(repository, descriptor, open, { signal, onRetry } = {}) {
      const state: UploadState = {}
      const request = { endpoint: upstream, repository, descriptor, open, ...(signal && { signal }) }
      return retrying(policy, { host: upstream.host, ...(signal && { signal }), ...(onRetry && { onRetry }) }, () =>
        uploadBlob(request, state),
      )
    },

    putDocument: (repository, tagOrDigest, document, signal) =>
      retry(signal, () => putDocument(upstream, repository, tagOrDigest, { ...document, ...(signal && { signal }) })),
  }
}
