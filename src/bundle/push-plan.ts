import type { CatalogEntry, CatalogRepository } from '../oci/catalog.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { childrenOf } from '../oci/document.ts'
import { absentBelow, filterIndex, type FilteredIndex } from '../oci/filtered-index.ts'
import type { Graph, GraphNode } from '../oci/graph.ts'
import type { OpenBundle } from './open-bundle.ts'

/** One manifest or index in one repository of the target. */
export interface PlannedDocument {
  /** For people: the name of an entry, or of the repository and a short digest. */
  readonly name: string
  /** In the target: `prefix/registry.k8s.io/pause`. */
  readonly repository: string
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
  /** Config and layers. */
  readonly blobs: readonly Descriptor[]
  readonly subject?: Digest
  /** Its entry in a list of referrers, when it has a subject. */
  readonly referrer?: Descriptor
  readonly tags: readonly string[]
  /** A signature, SBOM or attestation. */
  readonly attached: boolean
  /**
   * Whether it goes in under its digest before any tag is set: it has no tag, or something else needs it there. What has
   * a tag and is needed by nothing goes in once, under its tag.
   */
  readonly byDigest: boolean
  /** Some entry is this very document, not only something that names it. */
  readonly entry: boolean
  /** Pinned by digest in bundle.yaml: no other document may take its place. */
  readonly pinned: boolean
  /** An index that names what the bundle has not. */
  readonly sparse?: Sparse
}

export interface Sparse {
  /** The manifests that are not in the bundle. */
  readonly absent: readonly Descriptor[]
  /** What the tags get where the registry refuses the index as it is; undefined for what is pinned. */
  readonly filtered?: FilteredIndex
}

/** What a bundle is in a registry: everything that has to be there in the end, in the order it can be sent. */
export interface PushPlan {
  /** `prefix/repository`, sorted. */
  readonly repositories: readonly string[]
  /** Each wave needs only what is in the waves before it: children before indexes, subjects before what is attached. */
  readonly waves: readonly (readonly PlannedDocument[])[]
  /** Tags, last of all. Those of signatures are the first wave: an image is signed from the moment its tag is there. */
  readonly tagWaves: readonly (readonly PlannedTag[])[]
  /** Configs and layers, each counted once. */
  readonly totalBlobs: number
  /** Their bytes. */
  readonly totalBytes: number
}

export interface PlannedTag {
  readonly tag: string
  readonly document: PlannedDocument
}

/** One blob and the repositories that need it. */
export interface PlannedBlob {
  readonly name: string
  readonly descriptor: Descriptor
  /** Repositories where a manifest that names it is missing. The first gets it uploaded, the others mount it. */
  readonly wantedIn: readonly string[]
  /** Repositories that have a manifest which names it: it can be mounted from there. */
  readonly knownIn: readonly string[]
}

/**
 * Plans the push of everything a bundle holds. Pure: what the target has already is not known here.
 * @param prefix path in front of every repository, without slashes at its ends.
 */
export function planPush({ catalog, graph }: Pick<OpenBundle, 'catalog' | 'graph'>, prefix?: string): PushPlan {
  const inPrefix = (repository: string): string => (prefix === undefined ? repository : `${prefix}/${repository}`)
  const entries = Map.groupBy(catalog.entries, ({ repository }) => repository)
  const waves: PlannedDocument[][] = []
  const blobs = new Map<Digest, number>()
  for (const [name, repository] of catalog.repositories) {
    const own = planRepository({ name, repository, target: inPrefix(name), graph, entries: entries.get(name) ?? [] })
    for (const [i, wave] of own.entries()) (waves[i] ??= []).push(...wave)
    for (const { digest, size } of repository.blobs.values()) blobs.set(digest, size)
  }
  const tags = waves.flat().flatMap((document) => document.tags.map((tag) => ({ document, tag })))
  return {
    repositories: [...catalog.repositories.keys()].map(inPrefix).toSorted(),
    waves,
    tagWaves: [tags.filter(({ document }) => document.attached), tags.filter(({ document }) => !document.attached)],
    totalBlobs: blobs.size,
    totalBytes: [...blobs.values()].reduce((sum, size) => sum + size, 0),
  }
}

/**
 * The blobs that documents which are not at the target need, each once.
 * @param isThere whether the target has a document; it then has its blobs too (distribution-spec 1.1 "Pushing Manifests").
 */
export function planBlobs(plan: PushPlan, isThere: (document: PlannedDocument) => boolean): PlannedBlob[] {
  const found = new Map<Digest, { name: string; descriptor: Descriptor; wanted: Set<string>; known: Set<string> }>()
  for (const document of plan.waves.flat()) {
    const there = isThere(document)
    for (const descriptor of document.blobs) {
      const { digest } = descriptor
      const name = `${document.repository} ${digest.slice(7, 19)}`
      let blob = found.get(digest)
      if (!blob) found.set(digest, (blob = { name, descriptor, wanted: new Set(), known: new Set() }))
      ;(there ? blob.known : blob.wanted).add(document.repository)
    }
  }
  return [...found.values()].flatMap(({ name, descriptor, wanted, known }) => {
    const wantedIn = [...wanted].filter((repository) => !known.has(repository))
    return wantedIn.length === 0 ? [] : [{ name, descriptor, wantedIn, knownIn: [...known] }]
  })
}

interface RepositoryContent {
  readonly name: string
  readonly repository: CatalogRepository
  readonly target: string
  readonly graph: Graph
  readonly entries: readonly CatalogEntry[]
}

function planRepository({ name, repository, target, graph, entries }: RepositoryContent): PlannedDocument[][] {
  const nodes = [...repository.documents.keys()].flatMap((digest) => graph.documents.get(digest) ?? [])
  const needed = new Set(nodes.flatMap(needsOf))
  const referrers = new Map([...repository.referrers.values()].flat().map((entry) => [entry.digest, entry]))
  const byDigest = Map.groupBy(entries, ({ descriptor }) => descriptor.digest)
  return orderInWaves(nodes).map((wave) =>
    wave.map(({ descriptor, document, bytes }): PlannedDocument => {
      const own = byDigest.get(descriptor.digest) ?? []
      const tags = own.flatMap(({ tag }) => tag ?? [])
      const pinned = own.some((entry) => entry.pinned)
      const absent = absentBelow(descriptor, graph.documents)
      const referrer = referrers.get(descriptor.digest)
      const canFilter = tags.length > 0 && !pinned
      return {
        name: own[0]?.name ?? `${name}@${descriptor.digest.slice(0, 19)}`,
        repository: target,
        descriptor,
        bytes,
        blobs: document.kind === 'manifest' ? childrenOf(document) : [],
        ...(document.subject && referrer && { subject: document.subject.digest, referrer }),
        tags,
        attached: own.length > 0 && own.every(({ kind }) => kind === 'attached'),
        byDigest: tags.length === 0 || document.subject !== undefined || needed.has(descriptor.digest),
        entry: own.length > 0,
        pinned,
        ...(absent.length > 0 && {
          sparse: { absent, ...(canFilter && { filtered: filterIndex(descriptor, graph.documents) }) },
        }),
      }
    }),
  )
}

/** What should be at the target before a document is: the manifests of an index, and what it is attached to. */
function needsOf({ document }: GraphNode): Digest[] {
  const children = document.kind === 'index' ? document.manifests.map(({ digest }) => digest) : []
  return document.subject ? [...children, document.subject.digest] : children
}

/** Sorts by need (Kahn). Nothing can need itself through others without breaking a hash; if it did, it would come last. */
function orderInWaves(nodes: readonly GraphNode[]): GraphNode[][] {
  const waves: GraphNode[][] = []
  let rest = nodes
  while (rest.length > 0) {
    const open = new Set(rest.map(({ descriptor }) => descriptor.digest))
    const ready = rest.filter((node) => !needsOf(node).some((digest) => open.has(digest)))
    if (ready.length === 0) return [...waves, [...rest]]
    const done = new Set(ready)
    waves.push(ready)
    rest = rest.filter((node) => !done.has(node))
  }
  return waves
}
