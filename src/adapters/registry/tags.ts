import { FerryError } from '../../errors.ts'
import { asMap } from '../../oci/descriptor.ts'
import { isTag } from '../../oci/reference.ts'
import type { Endpoint } from './endpoint.ts'
import { checkedRepository, scopeOf } from './names.ts'
import { readPages } from './pages.ts'

const PAGE = 1000

/** distribution-spec 1.1 "Listing Tags", all pages, at most `limit` tags. One attempt. Undefined: no such repository. */
export async function listTags(
  endpoint: Endpoint,
  repository: string,
  options: { readonly limit: number; readonly signal?: AbortSignal },
): Promise<string[] | undefined> {
  const what = `the tags of ${endpoint.host}/${endpoint.repository(repository)}`
  const tags: string[] = []
  const failed = await readPages(
    endpoint,
    {
      first: endpoint.address(`${checkedRepository(repository)}/tags/list`, {
        n: String(Math.min(PAGE, options.limit)),
      }),
      scopes: [scopeOf(endpoint.repository(repository), 'pull')],
      what,
      ...(options.signal && { signal: options.signal }),
    },
    (json) => {
      tags.push(...parseTags(json, what))
      return tags.length < options.limit
    },
  )
  if (failed?.status === 404) {
    failed.body.discard()
    return undefined
  }
  if (failed) throw await endpoint.unexpected(failed, what)
  return tags.slice(0, options.limit)
}

/** A tag becomes part of paths, messages and files: one that is not of the spec's form spoils the list. */
function parseTags(json: unknown, what: string): string[] {
  const list = asMap(json, what)['tags'] ?? []
  if (!Array.isArray(list)) throw new FerryError('registry-protocol', `${what}: the answer has no list of tags`)
  return list.map((tag: unknown) => {
    if (typeof tag !== 'string' || !isTag(tag))
      throw new FerryError('registry-protocol', `${what}: ${JSON.stringify(tag).slice(0, 150)} is not a tag`)
    return tag
  })
}
