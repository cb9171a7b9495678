import { FerryError } from '../errors.ts'
import type { Descriptor } from './descriptor.ts'
import { digestOf, type Digest } from './digest.ts'
import type { GraphNode } from './graph.ts'

/**
 * Sparse indexes, and what takes their place in a registry that wants every manifest an index names. OCI image-spec 1.1,
 * image-index.md leaves an index whose manifests are not all there legal; distribution-spec 1.1 "Pushing Manifests"
 * lets a registry refuse it.
 */

/** An index reduced to what is there: another document, with another digest. */
export interface FilteredIndex {
  readonly root: Descriptor
  /** What has to be pushed besides what is there: filtered indexes inside it first, the root last. */
  readonly documents: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[]
}

type Documents = ReadonlyMap<Digest, Pick<GraphNode, 'document' | 'bytes'>>

/** Every manifest that an index, or an index in it, names and that is not among `documents`. */
export function absentBelow(root: Descriptor, documents: Documents): readonly Descriptor[] {
  const absent = new Map<Digest, Descriptor>()
  const seen = new Set<Digest>()
  const pending = [root]
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (seen.has(next.digest)) continue
    seen.add(next.digest)
    const node = documents.get(next.digest)
    if (!node) absent.set(next.digest, next)
    else if (node.document.kind === 'index') pending.push(...node.document.manifests.toReversed())
  }
  return [...absent.values()]
}

/**
 * The index with only the manifests that are there, in their order. Everything else of it (media type, annotations,
 * fields unknown here) stays, and the same index always gives the same bytes.
 * @throws FerryError `content-invalid` when nothing would be left.
 */
export function filterIndex(root: Descriptor, documents: Documents): FilteredIndex {
  const written = new Map<Digest, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }>()
  const filtered = rewrite(root, documents, written)
  if (filtered === undefined)
    throw new FerryError('content-invalid', `${root.digest}: none of the manifests this index names is there`)
  return { root: filtered, documents: [...written.values()] }
}

/** The descriptor that stands for `descriptor` once everything absent is taken out; undefined when nothing remains. */
function rewrite(
  descriptor: Descriptor,
  documents: Documents,
  written: Map<Digest, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }>,
): Descriptor | undefined {
  const node = documents.get(descriptor.digest)
  if (!node) return undefined
  if (node.document.kind !== 'index' || absentBelow(descriptor, documents).length === 0) return descriptor
  const json = JSON.parse(new TextDecoder().decode(node.bytes)) as { manifests: Record<string, unknown>[] }
  // The parsed list has the order and length of the raw one; the raw entries keep what the parser leaves out.
  const manifests = node.document.manifests.flatMap((child, i) => {
    const kept = rewrite(child, documents, written)
    const raw = json.manifests[i]
    if (!kept || !raw) return []
    return kept === child ? [raw] : [{ ...raw, digest: kept.digest, size: kept.size }]
  })
  if (manifests.length === 0) return undefined
  const bytes = new TextEncoder().encode(JSON.stringify({ ...json, manifests }))
  const digest = digestOf(bytes)
  const filtered = { ...descriptor, digest, size: bytes.length }
  written.set(digest, { descriptor: filtered, bytes })
  return filtered
}
