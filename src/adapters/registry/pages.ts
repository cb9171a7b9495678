import { FerryError, reasonOf } from '../../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { resolveTarget, type HttpResponse } from './http.ts'

/** A list of a million tags in pages of a thousand; more is a registry that never ends. */
const MAX_PAGES = 1000
/** One page. */
const PAGE_BYTES = 4 * 1024 * 1024

export interface PagesRequest {
  readonly first: URL
  readonly scopes: readonly string[]
  readonly what: string
  readonly signal?: AbortSignal
}

/**
 * Reads a list page by page along its Link headers (distribution-spec 1.1 "Listing Tags"), on the registry's own origin
 * only. `takePage` gets the answer and its parsed JSON and says whether it wants more.
 * @returns the first answer when it is not a 200 (its body unread), else undefined.
 */
export async function readPages(
  endpoint: Endpoint,
  request: PagesRequest,
  takePage: (json: unknown, response: HttpResponse) => boolean,
): Promise<HttpResponse | undefined> {
  const { what, scopes, signal } = request
  const seen = new Set<string>()
  let url: URL | undefined = request.first
  while (url) {
    if (seen.has(url.href) || seen.size >= MAX_PAGES)
      throw new FerryError('registry-protocol', `${what}: the list never ends (page ${seen.size + 1})`)
    seen.add(url.href)
    const response = await endpoint.send({ method: 'GET', url, scopes, what, ...(signal && { signal }) })
    if (response.status !== 200) {
      if (seen.size === 1) return response
      throw await endpoint.unexpected(response, what)
    }
    const next = nextPage(response.header('link'), url, what)
    const body = await response.body.readAll(PAGE_BYTES)
    if (!takePage(parseJson(body, what), response)) return undefined
    url = next
  }
  return undefined
}

/** RFC 8288, as far as registries use it: `</v2/a/tags/list?last=x&n=100>; rel="next"`. */
function nextPage(link: string | undefined, current: URL, what: string): URL | undefined {
  if (link === undefined) return undefined
  const target = /<([^<>]*)>\s*;[^<]*\brel\s*=\s*"?next\b/i.exec(link)?.[1]
  if (target === undefined) return undefined
  const next = resolveTarget(target, current, 'the Link to the next page')
  if (next.origin !== current.origin)
    throw new FerryError('registry-protocol', `${what}: the list goes on at ${next.origin}, another host`)
  return next
}

function parseJson(body: Buffer, what: string): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch (error) {
    throw new FerryError('registry-protocol', `${what}: the answer is not JSON`, { cause: reasonOf(error) })
  }
}
