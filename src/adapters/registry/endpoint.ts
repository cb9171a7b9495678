import { FerryError } from '../../errors.ts'
import type { RegistryOptions } from '../../oci/registry.ts'
import { untilAborted } from '../../oci/until-aborted.ts'
import type { Clock } from '../../ports.ts'
import { createAuthentication } from './authentication.ts'
import type { FindCredentials } from './credentials.ts'
import type { HttpRequest, HttpResponse, Method } from './http.ts'
import { baseAddress } from './names.ts'
import { sendFollowing } from './redirects.ts'
import type { Mask } from './safe-text.ts'
import { readRefusal, statusError } from './status-error.ts'
import type { Transport } from './transport.ts'

/** One registry host and how to talk to it: names, authentication, redirects. Nothing here tries twice. */
export interface Endpoint {
  /** As people call it, `docker.io`. */
  readonly host: string
  /** Scheme, host and port of its API. */
  readonly origin: string
  /** Put in front of every repository (a mirror's path), without slashes at its ends; mostly empty. */
  readonly prefix: string
  /** The address of an API path below `/v2/`, the prefix added: `library/nginx/tags/list`. */
  address(path: string, query?: Readonly<Record<string, string>>): URL
  /** The repository as this host knows it, for scopes. */
  repository(name: string): string
  /** Sends with authentication and follows redirects. Any status but an unanswerable 401 is returned. */
  send(request: EndpointRequest): Promise<HttpResponse>
  /** The error for a status nobody expected; reads the body. */
  unexpected(response: HttpResponse, what: string): Promise<FerryError>
  /** Milliseconds since the epoch. */
  now(): number
  readonly mask: Mask
}

export interface EndpointRequest {
  readonly method: Method
  /** Of this endpoint's origin. */
  readonly url: URL
  /** Token scopes, `repository:name:pull`. */
  readonly scopes: readonly string[]
  /** What is wanted, for messages. */
  readonly what: string
  readonly headers?: Readonly<Record<string, string>>
  /** Called again when the request has to be sent again. */
  readonly body?: () => Uint8Array | AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal
}

/** What all endpoints of a client share. */
export interface EndpointContext {
  readonly transport: Transport
  readonly findCredentials: FindCredentials
  readonly clock: Clock
  readonly mask: Mask
  readonly settingsOf: (host: string) => RegistryOptions
}

export function createEndpoint(
  context: EndpointContext,
  target: { readonly host: string; readonly prefix: string; readonly settings: RegistryOptions },
): Endpoint {
  const { transport, clock, mask } = context
  const { host, prefix, settings } = target
  const base = baseAddress(host, settings.plainHttp ?? false)
  const now = () => clock.now()

  /** A redirect may lead to a host with an authority of its own. */
  const send = (request: HttpRequest) => {
    const other = request.url.host === base.host ? undefined : context.settingsOf(request.url.host).ca
    return transport.send(
      request,
      [settings.ca, other].filter((pem) => pem !== undefined),
    )
  }
  const authentication = createAuthentication({
    host,
    base,
    tokenHosts: settings.tokenHosts ?? [],
    findCredentials: context.findCredentials,
    send,
    now,
    mask,
  })

  return {
    host,
    origin: base.origin,
    prefix,
    mask,
    now,
    address(path, query = {}) {
      const url = new URL(`/v2/${prefix === '' ? '' : `${prefix}/`}${path}`, base)
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
      return url
    },
    repository: (name) => (prefix === '' ? name : `${prefix}/${name}`),
    unexpected: (response, what) => statusError({ response, host, origin: base.origin, what, now: now(), mask }),

    async send(request) {
      if (request.url.origin !== base.origin)
        throw new FerryError(
          'registry-protocol',
          `${host}: a request to ${request.url.host} is not one to this registry`,
        )
      const attempt = (authorization: string | undefined) =>
        sendFollowing(send, {
          method: request.method,
          url: request.url,
          headers: { ...request.headers, ...(authorization !== undefined && { authorization }) },
          ...(request.body && { body: request.body() }),
          ...(request.signal && { signal: request.signal }),
        })
      // Tokens are fetched for all who wait, so without a signal of their own.
      const known = await untilAborted(authentication.authorize(request.scopes), request.signal)
      const response = await attempt(known)
      if (response.status !== 401 || response.url.origin !== base.origin) return response
      const refusal = await readRefusal(response, mask)
      const authorization = await untilAborted(
        authentication.answer(response.header('www-authenticate'), request.scopes, known),
        request.signal,
      )
      const second = await attempt(authorization)
      if (second.status !== 401 || second.url.origin !== base.origin) return second
      const last = (await readRefusal(second, mask)).text || refusal.text
      throw new FerryError('registry-auth', `${host} does not allow ${request.what}${last && `: ${last}`}`, {
        hint: `Check the name. If it is private: docker login ${host}`,
      })
    },
  }
}
