import { asMap } from '../../oci/descriptor.ts'
import { FerryError } from '../../errors.ts'
import type { Credentials } from './credential.ts'
import type { HttpRequest, HttpResponse } from './http.ts'
import { DOCKER_HUB } from './names.ts'
import { readRefusal, refusalError } from './status-error.ts'
import type { Mask } from './safe-text.ts'

export interface BearerToken {
  readonly token: string
  /** Milliseconds since the epoch; not used after that. */
  readonly expires: number
}

/** Where a registry says tokens are to be had, checked. */
export interface TokenService {
  readonly realm: URL
  readonly service: string | undefined
}

export interface TokenRequest {
  readonly service: TokenService
  readonly scopes: readonly string[]
  readonly credentials: Credentials | undefined
  /** The registry as people call it. */
  readonly host: string
  readonly send: (request: HttpRequest) => Promise<HttpResponse>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly mask: Mask
}

const RESPONSE_LIMIT = 1024 * 1024
/** distribution "Token Authentication": what a token lives when nothing is said. */
const DEFAULT_SECONDS = 60

/**
 * The security rule of tokens: credentials go to the registry's own host, docker.io's known token service or a host the
 * user named, over https unless the registry itself is plain HTTP. (CVE-2026-33540, CVE-2026-48978)
 */
export function checkRealm(
  realm: URL,
  registry: { readonly host: string; readonly base: URL; readonly tokenHosts: readonly string[] },
): URL {
  const { host, base, tokenHosts } = registry
  const named = tokenHosts.some((allowed) => allowed.toLowerCase() === realm.host || allowed === realm.origin)
  const own = realm.hostname === base.hostname
  const known = DOCKER_HUB.names.has(host) && realm.host === DOCKER_HUB.tokenHost
  if (!named && !own && !known)
    throw new FerryError('registry-auth', `${host} wants its tokens to come from ${realm.host}, another host`, {
      hint: `Credentials would be sent there. If ${realm.host} is the token service of ${host}, name it: registries: {"${host}": {tokenHosts: ["${realm.host}"]}}`,
    })
  if (realm.protocol !== 'https:' && base.protocol === 'https:')
    throw new FerryError('registry-auth', `${host} wants its tokens to come from ${realm.host} over plain HTTP`, {
      hint: 'Ferry sends no credentials unencrypted. Ask who runs the registry to make its token service HTTPS.',
    })
  return realm
}

/** Fetches a token. distribution "Token Authentication Specification"; with an identity token its OAuth2 form. */
export async function fetchToken(request: TokenRequest): Promise<BearerToken> {
  const { host, mask, now } = request
  const asked = now()
  const response = await request.send(httpRequest(request))
  const what = `a token for ${request.scopes.join(' ')}`
  if (response.status >= 300 && response.status < 400) {
    response.body.discard()
    throw new FerryError(
      'registry-auth',
      `${host}: the token service ${response.url.host} redirects; that is not followed`,
    )
  }
  if (response.status !== 200) {
    const refusal = await readRefusal(response, mask)
    if (response.status >= 400 && response.status < 500 && response.status !== 429 && response.status !== 408)
      throw new FerryError(
        'registry-auth',
        `${host}: no token from ${response.url.host} (${response.status})${refusal.text && `: ${refusal.text}`}`,
        { hint: `Check the credentials: docker login ${host}` },
      )
    throw refusalError({ response, host, origin: response.url.origin, what, now: now(), mask }, refusal)
  }
  const body = await response.body.readAll(RESPONSE_LIMIT)
  return parseToken(body, { where: `${host}: the token service ${response.url.host}`, asked, mask })
}

function httpRequest({ service, scopes, credentials }: TokenRequest): HttpRequest {
  const url = new URL(service.realm)
  if (credentials?.kind === 'refresh') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'ferry',
      refresh_token: credentials.token,
      scope: scopes.join(' '),
    })
    if (service.service !== undefined) form.set('service', service.service)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return { method: 'POST', url, headers, body: Buffer.from(form.toString()) }
  }
  if (service.service !== undefined) url.searchParams.set('service', service.service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  if (!credentials) return { method: 'GET', url }
  url.searchParams.set('account', credentials.username)
  return { method: 'GET', url, headers: { authorization: basicAuthorization(credentials) } }
}

export function basicAuthorization(credentials: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
}

function parseToken(
  body: Buffer,
  context: { readonly where: string; readonly asked: number; readonly mask: Mask },
): BearerToken {
  const fail = (why: string) => new FerryError('registry-auth', `${context.where} gave no usable token: ${why}`)
  let answer: Record<string, unknown>
  try {
    answer = asMap(JSON.parse(body.toString('utf8')), 'the answer')
  } catch {
    throw fail('the answer is not a JSON object')
  }
  const token = answer['token'] ?? answer['access_token']
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,65536}$/.test(token)) throw fail('there is none in the answer')
  context.mask.add(token)
  const seconds = typeof answer['expires_in'] === 'number' ? answer['expires_in'] : DEFAULT_SECONDS
  // A little early, so that it does not run out on the way.
  const margin = Math.min(10, seconds / 4)
  return { token, expires: context.asked + Math.max(0, seconds - margin) * 1000 }
}
