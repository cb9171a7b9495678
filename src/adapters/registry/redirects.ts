import { FerryError } from '../../errors.ts'
import { resolveTarget, type HttpRequest, type HttpResponse } from './http.ts'

/** More than this many hops are refused. */
const MAX_REDIRECTS = 5
const REDIRECT = new Set([301, 302, 303, 307, 308])
/** Headers that speak for the caller: they stay with the origin they were meant for. */
const PERSONAL = new Set(['authorization', 'cookie', 'proxy-authorization'])

/**
 * Sends a request and follows redirects of GET and HEAD: at most 5, never from https to http, and without credentials
 * as soon as scheme, host or port are others. Anything else that is redirected is refused.
 */
export async function sendFollowing(
  send: (request: HttpRequest) => Promise<HttpResponse>,
  request: HttpRequest,
): Promise<HttpResponse> {
  const first = request.url
  let current = request
  for (let hop = 0; ; hop++) {
    const response = await send(current)
    if (!REDIRECT.has(response.status)) return response
    const location = response.header('location')
    response.body.discard()
    if (location === undefined)
      throw new FerryError('registry-protocol', `${first.host}: a redirect (${response.status}) without a Location`)
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new FerryError('registry-protocol', `${first.host} redirects a ${request.method}; that is not followed`, {
        hint: 'Name the registry by the address it redirects to.',
      })
    if (hop === MAX_REDIRECTS)
      throw new FerryError('registry-protocol', `${first.host}: more than ${MAX_REDIRECTS} redirects`)
    const target = resolveTarget(location, current.url, 'the Location of a redirect')
    if (current.url.protocol === 'https:' && target.protocol === 'http:')
      throw new FerryError('registry-protocol', `${first.host} redirects from https to plain http (${target.host})`, {
        hint: 'Ferry does not follow that: anyone on the way could change what comes. Ask who runs the registry to fix it.',
      })
    const headers = target.origin === current.url.origin ? current.headers : withoutPersonal(current.headers)
    current = { ...current, url: target, ...(headers && { headers }) }
  }
}

function withoutPersonal(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !PERSONAL.has(name.toLowerCase())))
}
