import { FerryError } from '../errors.ts'
import type { Descriptor } from './descriptor.ts'
import type { Digest } from './digest.ts'
import { childrenOf, MAX_DESCRIPTORS, parseDocument, type Document } from './document.ts'
import { isDocumentType } from './media-types.ts'
import type { LoadDocument } from './store.ts'

/** Indexes nested deeper than this are refused: image -> platforms is 2, Ferry's own index.json -> group -> image 3. */
export const MAX_DEPTH = 4

/** A document of the graph with what was read of it. */
export interface GraphNode {
  readonly descriptor: Descriptor
  readonly document: Document
  readonly bytes: Uint8Array
}

/** Everything reachable from some roots, each digest once. */
export interface Graph {
  readonly documents: ReadonlyMap<Digest, GraphNode>
  readonly configs: ReadonlyMap<Digest, Descriptor>
  readonly layers: ReadonlyMap<Digest, Descriptor>
}

export interface WalkOptions {
  /** Which entries of an index are followed; default all. What is left out stays named in the index: a sparse index. */
  readonly follow?: (child: Descriptor, parent: Descriptor) => boolean
  /** For messages: what a root is called. */
  readonly nameOf?: (root: Descriptor) => string
}

/**
 * Walks manifests and indexes from `roots`, breadth first and in parallel per level. Refuses cycles and depth (both by
 * the depth limit: content cannot name itself without breaking its hash, a hostile index could only pretend to), more
 * than 10 000 documents, and one digest that is given two sizes.
 */
export async function walkGraph(
  roots: readonly Descriptor[],
  load: LoadDocument,
  options: WalkOptions = {},
): Promise<Graph> {
  const documents = new Map<Digest, GraphNode>()
  const configs = new Map<Digest, Descriptor>()
  const layers = new Map<Digest, Descriptor>()
  const sizes = new Map<Digest, number>()
  let level = roots.map((root) => ({ descriptor: root, where: options.nameOf?.(root) ?? root.digest }))
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH)
      throw new FerryError(
        'content-invalid',
        `${level[0]?.where ?? ''}: indexes are nested more than ${MAX_DEPTH} deep`,
      )
    const fresh = new Map<Digest, (typeof level)[number]>()
    for (const entry of level) {
      noteSize(sizes, entry.descriptor, entry.where)
      if (!documents.has(entry.descriptor.digest)) fresh.set(entry.descriptor.digest, entry)
    }
    if (documents.size + fresh.size > MAX_DESCRIPTORS)
      throw new FerryError('content-invalid', `more than ${MAX_DESCRIPTORS} manifests in one graph`)
    const nodes = await Promise.all(
      [...fresh.values()].map(async ({ descriptor, where }) => {
        const bytes = await load(descriptor)
        return { where, node: { descriptor, bytes, document: parseDocument(bytes, descriptor.mediaType, where) } }
      }),
    )
    level = []
    for (const { where, node } of nodes) {
      documents.set(node.descriptor.digest, node)
      for (const child of childrenOf(node.document)) {
        if (node.document.kind === 'index') {
          if (options.follow?.(child, node.descriptor) === false) continue
          if (!isDocumentType(child.mediaType))
            throw new FerryError(
              'content-invalid',
              `${where}: the index names ${child.digest} as ${child.mediaType}, which is not a manifest`,
            )
          level.push({ descriptor: child, where: `${where} > ${child.digest.slice(0, 19)}` })
        } else {
          noteSize(sizes, child, where)
          const group = child === node.document.config ? configs : layers
          if (!group.has(child.digest)) group.set(child.digest, child)
        }
      }
    }
  }
  // A blob that is a config anywhere belongs to the head of a bundle; so does one that is a document.
  for (const digest of configs.keys()) layers.delete(digest)
  for (const digest of documents.keys()) {
    layers.delete(digest)
    configs.delete(digest)
  }
  return { documents, configs, layers }
}

function noteSize(sizes: Map<Digest, number>, descriptor: Descriptor, where: string): void {
  const known = sizes.get(descriptor.digest)
  if (known !== undefined && known !== descriptor.size)
    throw new FerryError(
      'content-invalid',
      `${where}: ${descriptor.digest} is named with ${known} and with ${descriptor.size} bytes`,
    )
  sizes.set(descriptor.digest, descriptor.size)
}
