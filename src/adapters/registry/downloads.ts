import { FerryError } from '../../errors.ts'
import type { HttpFetcher, RegistryOptions } from '../../oci/registry.ts'
import type { ReadOptions } from '../../oci/store.ts'
import { openStream } from './blobs.ts'
import type { ClientOptions } from './client.ts'
import type { HttpResponse, Method } from './http.ts'
import { sendFollowing } from './redirects.ts'
import { retrying, type RetryPolicy } from './retry.ts'
import { createMask } from './safe-text.ts'
import { statusError } from './status-error.ts'
import { createTransport } from './transport.ts'

/**
 * Plain downloads: redirects, proxies, authorities, timeouts and retries as with registries, but never a credential.
 * `settingsOf(host)` gives the authorities of a host.
 */
export function createHttpFetcher(options: ClientOptions): HttpFetcher & { close(): Promise<void> } {
  const { clock } = options
  const settingsOf = options.settingsOf ?? ((): RegistryOptions => ({}))
  const transport = createTransport(options)
  const mask = createMask()
  const policy: RetryPolicy = {
    clock,
    scale: options.retryScale ?? 1,
    ...(options.onRetry && { onRetry: options.onRetry }),
  }

  const ask = (
    method: Method,
    url: URL,
    extra: { headers?: Record<string, string>; signal?: AbortSignal | undefined },
  ) =>
    sendFollowing(
      (request) => {
        const authorities = [settingsOf(url.host).ca, settingsOf(request.url.host).ca]
        return transport.send(request, [...new Set(authorities.filter((pem) => pem !== undefined))])
      },
      { method, url, ...(extra.headers && { headers: extra.headers }), ...(extra.signal && { signal: extra.signal }) },
    )
  const unexpected = async (response: HttpResponse, url: URL) => {
    const error = await statusError({
      response,
      host: url.host,
      origin: url.origin,
      what: url.pathname,
      now: clock.now(),
      mask,
    })
    if (error.code !== 'registry-auth') return error
    return new FerryError('registry-auth', error.message, { hint: 'Ferry downloads files without credentials only.' })
  }

  const read = async (text: string, { offset = 0, signal }: ReadOptions): ReturnType<HttpFetcher['read']> => {
    const url = parseUrl(text)
    const response = await ask('GET', url, { signal, ...(offset > 0 && { headers: { range: `bytes=${offset}-` } }) })
    if (response.status === 416 && offset > 0) {
      response.body.discard()
      return read(text, { ...(signal && { signal }) })
    }
    if (response.status !== 200 && response.status !== 206) throw await unexpected(response, url)
    try {
      return openStream(response, { offset, size: undefined, what: shown(url) })
    } catch (error) {
      response.body.discard()
      throw error
    }
  }

  return {
    read,

    size(text, signal) {
      const url = parseUrl(text)
      return retrying(policy, { host: url.host, ...(signal && { signal }) }, async () => {
        const response = await ask('HEAD', url, { signal })
        response.body.discard()
        // Servers that do not like HEAD say so in many ways; GET will tell.
        if ([400, 401, 403, 405, 501].includes(response.status)) return undefined
        if (response.status !== 200) throw await unexpected(response, url)
        const length = response.header('content-length')
        return length === undefined ? undefined : Number(length)
      })
    },

    readAll(text, { limit, signal }) {
      const url = parseUrl(text)
      return retrying(policy, { host: url.host, ...(signal && { signal }) }, async () => {
        const { body, size } = await read(text, { ...(signal && { signal }) })
        const tooLong = new FerryError('content-invalid', `${shown(url)} is longer than ${limit} bytes`)
        const pieces: Uint8Array[] = []
        let length = 0
        for await (const piece of body) {
          length += piece.length
          if (length > limit || (size ?? 0) > limit) throw tooLong
          pieces.push(piece)
        }
        return Buffer.concat(pieces, length)
      })
    },

    close: () => transport.close(),
  }
}

/** Without the query, which may hold a signature. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`
}

function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new FerryError('config-invalid', 'not an http(s) address', { hint: 'Expected https://host/path.' })
  if (url.username !== '' || url.password !== '')
    throw new FerryError('config-invalid', `the address at ${url.host} has a user name in it`, {
      hint: 'Ferry downloads files without credentials only.',
    })
  return url
}
