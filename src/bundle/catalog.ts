import { FerryError } from '../errors.ts'
import type { Catalog, CatalogEntry, CatalogRepository, ContentKind } from '../oci/catalog.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { childrenOf } from '../oci/document.ts'
import type { Graph, GraphNode } from '../oci/graph.ts'
import { ANNOTATION, MEDIA } from '../oci/media-types.ts'
import { hostAsPath, isRepository, isTag, parseReference } from '../oci/reference.ts'

/** Which nested index holds what; everything at the top level is an image. */
const GROUPS: Readonly<Record<string, ContentKind>> = {
  [MEDIA.ferryCharts]: 'chart',
  [MEDIA.ferryFiles]: 'file',
  [MEDIA.ferryAttached]: 'attached',
}

/** The kind of the things in a nested index of Ferry's, undefined for an image's own index. */
export function groupKindOf(descriptor: Descriptor): ContentKind | undefined {
  return descriptor.artifactType === undefined ? undefined : GROUPS[descriptor.artifactType]
}

/**
 * Names everything a bundle holds, from its index.json and the documents below it.
 * @param top the entries of index.json
 * @param graph what was walked from them (a sparse index's absent manifests are not in it)
 */
export function buildCatalog(top: readonly Descriptor[], graph: Graph): Catalog {
  const entries: CatalogEntry[] = []
  const seen = new Set<string>()
  const add = (descriptor: Descriptor, kind: ContentKind): void => {
    const entry = nameEntry(descriptor, kind)
    if (seen.has(entry.name)) throw invalid(`index.json names ${entry.name} twice`)
    seen.add(entry.name)
    entries.push(entry)
  }
  for (const descriptor of top) {
    const kind = groupKindOf(descriptor)
    if (kind === undefined) {
      add(descriptor, 'image')
      continue
    }
    const group = graph.documents.get(descriptor.digest)?.document
    if (group?.kind !== 'index') throw invalid(`index.json: ${descriptor.digest} should be an index of ${kind}s`)
    for (const member of group.manifests) add(member, kind)
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  return { entries, repositories: buildRepositories(entries, graph) }
}

function nameEntry(descriptor: Descriptor, kind: ContentKind): CatalogEntry {
  const name = descriptor.annotations?.[ANNOTATION.refName]
  if (name === undefined) throw invalid(`index.json: ${descriptor.digest} has no ${ANNOTATION.refName}`)
  const pinned = descriptor.annotations?.[ANNOTATION.pinned] !== undefined
  const own = /^((?:charts|files)\/[^:@]+):([^:@]+)$/.exec(name)
  if (own && kind !== 'image') {
    const [, repository = '', tag = ''] = own
    if (!isRepository(repository) || !isTag(tag))
      throw invalid(`index.json: not a usable name: ${JSON.stringify(name)}`)
    return { kind, name, repository, tag, descriptor, pinned }
  }
  const reference = parseReference(name)
  if (reference.digest !== undefined && reference.digest !== descriptor.digest)
    throw invalid(`index.json: ${JSON.stringify(name)} stands at another digest, ${descriptor.digest}`)
  return {
    kind,
    name,
    repository: `${hostAsPath(reference.registry)}/${reference.repository}`,
    ...(reference.tag !== undefined && { tag: reference.tag }),
    descriptor,
    pinned,
  }
}

function buildRepositories(entries: readonly CatalogEntry[], graph: Graph): Map<string, CatalogRepository> {
  const repositories = new Map<string, MutableRepository>()
  for (const entry of entries) {
    let repository = repositories.get(entry.repository)
    if (!repository) {
      repository = { tags: new Map(), documents: new Map(), blobs: new Map(), referrers: new Map() }
      repositories.set(entry.repository, repository)
    }
    if (entry.tag !== undefined) {
      const other = repository.tags.get(entry.tag)
      if (other && other.digest !== entry.descriptor.digest)
        throw invalid(`index.json: ${entry.repository}:${entry.tag} stands at two digests`)
      repository.tags.set(entry.tag, entry.descriptor)
    }
    addTree(repository, entry.descriptor, graph)
  }
  return repositories
}

interface MutableRepository {
  readonly tags: Map<string, Descriptor>
  readonly documents: Map<Digest, Descriptor>
  readonly blobs: Map<Digest, Descriptor>
  readonly referrers: Map<Digest, Descriptor[]>
}

function addTree(repository: MutableRepository, root: Descriptor, graph: Graph): void {
  const pending = [root]
  for (let next = pending.pop(); next; next = pending.pop()) {
    const node = graph.documents.get(next.digest)
    if (!node || repository.documents.has(next.digest)) continue
    repository.documents.set(next.digest, node.descriptor)
    addReferrer(repository, node)
    if (node.document.kind === 'index') pending.push(...node.document.manifests)
    else for (const blob of childrenOf(node.document)) repository.blobs.set(blob.digest, blob)
  }
}

function addReferrer(repository: MutableRepository, node: GraphNode): void {
  const { document, descriptor } = node
  const subject = document.subject?.digest
  if (subject === undefined || !isDigest(subject)) return
  const list = repository.referrers.get(subject) ?? []
  list.push({
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...(document.artifactType !== undefined && { artifactType: document.artifactType }),
    ...(document.annotations && { annotations: document.annotations }),
  })
  list.sort((a, b) => (a.digest < b.digest ? -1 : 1))
  repository.referrers.set(subject, list)
}

function invalid(message: string): FerryError {
  return new FerryError('content-invalid', message)
}
