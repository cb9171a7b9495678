import type { CatalogRepository } from '../../oci/catalog.ts'
import type { Digest } from '../../oci/digest.ts'
import { MEDIA } from '../../oci/media-types.ts'
import type { ServedContent } from '../../oci/served.ts'
import { errorAnswer, jsonAnswer, shown, type Answer } from './answer.ts'
import type { AskedName } from './routes.ts'

/** All names of repositories, a page of them at a time (docker's HTTP API V2 "Listing Repositories"). */
export function catalogAnswer({ catalog }: ServedContent, query: URLSearchParams): Answer {
  const page = takePage([...catalog.repositories.keys()], query)
  if (!page) return badPage(query)
  return jsonAnswer({ repositories: page.items }, linkTo('/v2/_catalog', page, query))
}

/** distribution-spec 1.1 "Listing Tags" (end-8a, 8b). */
export function tagsAnswer(repository: CatalogRepository, asked: AskedName, query: URLSearchParams): Answer {
  const page = takePage([...repository.tags.keys()], query)
  if (!page) return badPage(query)
  const headers = linkTo(`/v2/${asked.name}/tags/list`, page, query)
  return jsonAnswer({ name: asked.name, tags: page.items }, headers)
}

/** distribution-spec 1.1 "Listing Referrers" (end-12a, 12b): an index, empty when there are none. */
export function referrersAnswer(repository: CatalogRepository, digest: Digest, query: URLSearchParams): Answer {
  const all = repository.referrers.get(digest) ?? []
  const wanted = query.get('artifactType')
  const manifests = wanted === null ? all : all.filter(({ artifactType }) => artifactType === wanted)
  const index = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests }
  return jsonAnswer(index, wanted === null ? {} : { 'oci-filters-applied': 'artifactType' }, MEDIA.ociIndex)
}

interface Page {
  readonly items: readonly string[]
  readonly more: boolean
}

/** `n` items behind `last`; `last` need not be one of them. Undefined when `n` is not a number. */
function takePage(names: readonly string[], query: URLSearchParams): Page | undefined {
  const count = query.get('n')
  if (count !== null && !/^[0-9]{1,9}$/.test(count)) return undefined
  const last = query.get('last') ?? ''
  const rest = names.toSorted(compareNames).filter((name) => last === '' || compareNames(name, last) > 0)
  const items = count === null ? rest : rest.slice(0, Number(count))
  return { items, more: items.length > 0 && items.length < rest.length }
}

/** "lexical (i.e. case-insensitive alphanumeric) order"; names that differ in case only need an order, too. */
function compareNames(a: string, b: string): number {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()]
  if (left !== right) return left < right ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}

/** To the next page, if there is one (RFC 8288). Every part of it is a checked name or encoded. */
function linkTo(path: string, { items, more }: Page, query: URLSearchParams): Record<string, string> {
  if (!more) return {}
  const next = new URLSearchParams({ n: query.get('n') ?? '', last: items.at(-1) ?? '' })
  const namespace = query.get('ns')
  if (namespace !== null) next.set('ns', namespace)
  return { link: `<${path}?${next.toString()}>; rel="next"` }
}

function badPage(query: URLSearchParams): Answer {
  return errorAnswer(400, 'PAGINATION_NUMBER_INVALID', {
    message: `n: ${shown(query.get('n') ?? '')} is not a number of results`,
  })
}
