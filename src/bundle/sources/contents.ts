import { FerryError } from '../../errors.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Graph } from '../../oci/graph.ts'

/** The blobs of something with their sizes in bytes. */
export interface Contents {
  /** Manifests, indexes and configs: the head of a bundle. */
  readonly documents: ReadonlyMap<Digest, number>
  /** Every other blob. */
  readonly layers: ReadonlyMap<Digest, number>
}

/** An entry of bundle.yaml as the lock will have it, and all that belongs to it. */
export interface Resolved<Locked> {
  readonly locked: Locked
  readonly contents: Contents
}

export function contentsOfGraph(graph: Graph): Contents {
  const documents = new Map<Digest, number>()
  for (const [digest, { descriptor }] of graph.documents) documents.set(digest, descriptor.size)
  for (const [digest, { size }] of graph.configs) documents.set(digest, size)
  return { documents, layers: new Map([...graph.layers].map(([digest, { size }]) => [digest, size])) }
}

/** All digests, sorted: the `contents` of a lock entry. */
export function digestsOf(contents: Contents): Digest[] {
  return [...contents.documents.keys(), ...contents.layers.keys()].toSorted()
}

/**
 * The union. What is a document for one is a document for all: it stands in the head of the bundle once.
 * @throws FerryError `content-invalid` when one digest is given two sizes.
 */
export function mergeContents(parts: Iterable<Contents>): Contents {
  const documents = new Map<Digest, number>()
  const layers = new Map<Digest, number>()
  const add = (into: Map<Digest, number>, digest: Digest, size: number): void => {
    const known = documents.get(digest) ?? layers.get(digest)
    if (known !== undefined && known !== size)
      throw new FerryError('content-invalid', `${digest} is named with ${known} and with ${size} bytes`)
    into.set(digest, size)
  }
  for (const part of parts) {
    for (const [digest, size] of part.documents) add(documents, digest, size)
    for (const [digest, size] of part.layers) add(layers, digest, size)
  }
  for (const digest of documents.keys()) layers.delete(digest)
  return { documents, layers }
}
