import { FerryError } from '../../errors.ts'
import { parseDescriptor, type Descriptor } from '../../oci/descriptor.ts'
import { hexOf, type Digest } from '../../oci/digest.ts'
import { MAX_DESCRIPTORS, parseDocument } from '../../oci/document.ts'
import { isIndexType, MEDIA } from '../../oci/media-types.ts'
import type { Endpoint } from './endpoint.ts'
import { fetchDocument } from './manifests.ts'
import { apiPath, scopeOf } from './names.ts'
import { readPages } from './pages.ts'

/** What a registry without the referrers API answers to it. */
const NO_API = new Set([400, 404, 405, 406, 501])

/**
 * distribution-spec 1.1 "Listing Referrers"; where the registry has no such API, the referrers tag schema: an index under
 * the tag `sha256-<hex>`. Descriptors carry `artifactType` and annotations as listed. One attempt.
 */
export async function listReferrers(
  endpoint: Endpoint,
  repository: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Descriptor[]> {
  const what = `the referrers of ${endpoint.host}/${endpoint.repository(repository)}@${digest}`
  const found: Descriptor[] = []
  let understood = 0
  const failed = await readPages(
    endpoint,
    {
      first: endpoint.address(apiPath(repository, 'referrers', digest)),
      scopes: [scopeOf(endpoint.repository(repository), 'pull')],
      what,
      ...(signal && { signal }),
    },
    (json) => {
      const manifests = manifestsOf(json)
      // Some servers answer every path with 200 and something of their own.
      found.push(...(manifests ?? []).map((entry, i) => parseDescriptor(entry, `${what}: manifests[${i}]`)))
      if (found.length > MAX_DESCRIPTORS)
        throw new FerryError('registry-protocol', `${what}: more than ${MAX_DESCRIPTORS}`)
      if (manifests) understood++
      return manifests !== undefined
    },
  )
  if (failed && !NO_API.has(failed.status)) throw await endpoint.unexpected(failed, what)
  failed?.body.discard()
  return understood === 0 ? await referrersByTag(endpoint, repository, digest, signal) : found
}

async function referrersByTag(
  endpoint: Endpoint,
  repository: string,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Descriptor[]> {
  const tag = `sha256-${hexOf(digest)}`
  const fetched = await fetchDocument(endpoint, repository, tag, signal)
  if (!fetched || !isIndexType(fetched.descriptor.mediaType)) return []
  const where = `${endpoint.host}/${endpoint.repository(repository)}:${tag}`
  const index = parseDocument(fetched.bytes, fetched.descriptor.mediaType, where)
  return index.kind === 'index' ? [...index.manifests] : []
}

function manifestsOf(json: unknown): unknown[] | undefined {
  if (typeof json !== 'object' || json === null || !('manifests' in json) || !Array.isArray(json.manifests))
    return undefined
  if ('mediaType' in json && json.mediaType !== MEDIA.ociIndex) return undefined
  return json.manifests as unknown[]
}
