import { parseYamlData } from '../../config/yaml.ts'
import { FerryError } from '../../errors.ts'
import { asMap } from '../../oci/descriptor.ts'
import { digestOfHex, type Digest } from '../../oci/digest.ts'
import { parseReference, type Reference } from '../../oci/reference.ts'
import { nearText } from './near-names.ts'
import { shownUrl } from './shown-url.ts'
import type { SourceContext } from './source-context.ts'

/** Where a repository says that a chart's archive is. */
export type RepositoryFind =
  | { readonly kind: 'archive'; readonly url: string; readonly digest?: Digest }
  /** Some repositories only point into a registry. */
  | { readonly kind: 'oci'; readonly url: string; readonly reference: Reference }

const MAX_INDEX_BYTES = 64 * 1024 * 1024

/**
 * Looks a chart up in the index.yaml of a repository (helm.sh "The Chart Repository Guide"), name and version exactly.
 * @throws FerryError `registry-not-found` with the names or versions nearest to it.
 */
export async function findInRepository(
  { name, version, repo }: { readonly name: string; readonly version: string; readonly repo: string },
  { http, gate, signal }: SourceContext,
): Promise<RepositoryFind> {
  const indexUrl = resolveUrl(repo, 'index.yaml')
  const bytes = await gate(() => http.readAll(indexUrl, { limit: MAX_INDEX_BYTES, ...(signal && { signal }) }))
  const shownIndex = shownUrl(indexUrl)
  const shownRepo = shownUrl(repo)
  const index = asMap(parseYamlData(new TextDecoder().decode(bytes), shownIndex, MAX_INDEX_BYTES), shownIndex)
  const entries = new Map(Object.entries(asMap(index['entries'] ?? {}, `${shownIndex}: entries`)))
  const versions = entries.get(name)
  if (!Array.isArray(versions))
    throw new FerryError(
      'registry-not-found',
      `no such chart: ${name} in ${shownRepo}${nearText(name, [...entries.keys()])}`,
    )
  const where = `${shownIndex}: ${name} ${version}`
  const releases = versions.map((release) => asMap(release, `${shownIndex}: ${name}`))
  const release = releases.find((candidate) => candidate['version'] === version)
  if (!release) {
    const others = releases.flatMap((other) => (typeof other['version'] === 'string' ? [other['version']] : []))
    throw new FerryError(
      'registry-not-found',
      `no such version: ${name} ${version} in ${shownRepo}${nearText(version, others)}`,
    )
  }
  return locate(release, repo, where)
}

function locate(release: Record<string, unknown>, repo: string, where: string): RepositoryFind {
  const urls = release['urls']
  const first: unknown = Array.isArray(urls) ? urls[0] : undefined
  if (typeof first !== 'string' || first === '')
    throw new FerryError('content-invalid', `${where}: the index says no URL for it`)
  if (first.startsWith('oci://')) return { kind: 'oci', url: first, reference: parseReference(first.slice(6)) }
  const url = resolveUrl(repo, first, where)
  const digest = release['digest']
  if (digest === undefined || digest === '' || digest === null) return { kind: 'archive', url }
  const hex = typeof digest === 'string' ? /^(?:sha256:)?([a-f0-9]{64})$/.exec(digest)?.[1] : undefined
  if (hex === undefined) throw new FerryError('content-invalid', `${where}: its digest in the index is not a SHA-256`)
  return { kind: 'archive', url, digest: digestOfHex(hex) }
}

/** As Helm does: relative to the repository's folder, whose query (a token of a kind) is kept for what is below it. */
function resolveUrl(repo: string, path: string, where = shownUrl(repo)): string {
  let url: URL
  try {
    const base = new URL(repo)
    const { search } = base
    if (!base.pathname.endsWith('/')) base.pathname += '/'
    url = new URL(path, base)
    if (search !== '' && url.origin === base.origin && url.search === '') url.search = search
  } catch {
    throw new FerryError('content-invalid', `${where}: not a URL: ${JSON.stringify(shownUrl(path).slice(0, 300))}`)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new FerryError('content-invalid', `${where}: ${url.protocol} is not followed, only http: and https:`)
  return url.href
}
