import type { Catalog, CatalogEntry, CatalogRepository } from '../oci/catalog.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { OpenBundle } from './open-bundle.ts'
import type { BlobCopy } from './verified-blobs.ts'

/** Several bundles side by side, seen as one. */
export interface Shelf {
  readonly catalog: Catalog
  /** The bytes of a manifest or index, verified when its bundle was opened. */
  readonly document: (digest: Digest) => Uint8Array | undefined
  /** Where a blob lies, in the newest bundle first. */
  readonly copiesOf: (digest: Digest) => readonly BlobCopy[]
}

/**
 * Puts bundles on a shelf. Where they disagree about a name the one with the highest sequence decides (then the one
 * issued last, then the one with the smaller digest); by digest everything of all of them is there.
 */
export function buildShelf(bundles: readonly OpenBundle[]): Shelf {
  const newestFirst = bundles.toSorted(compareAge)
  const copies = new Map<Digest, BlobCopy[]>()
  for (const { file, places } of newestFirst)
    for (const [digest, place] of places) copies.set(digest, [...(copies.get(digest) ?? []), { digest, file, place }])
  return {
    catalog: uniteCatalogs(newestFirst.map(({ catalog }) => catalog)),
    document: (digest) =>
      newestFirst.find(({ graph }) => graph.documents.has(digest))?.graph.documents.get(digest)?.bytes,
    copiesOf: (digest) => copies.get(digest) ?? [],
  }
}

/**
 * The union of catalogs: for a tag, a name or a descriptor that several have, the first of them decides. An entry whose
 * tag stands for something else is left out of `entries`; by digest it can still be had.
 */
export function uniteCatalogs(catalogs: readonly Catalog[]): Catalog {
  const [only, ...more] = catalogs
  if (only && more.length === 0) return only
  const names = new Set(catalogs.flatMap(({ repositories }) => [...repositories.keys()]))
  const repositories = new Map(
    [...names].map((name) => [
      name,
      uniteRepositories(catalogs.flatMap((catalog) => catalog.repositories.get(name) ?? [])),
    ]),
  )
  const entries = new Map<string, CatalogEntry>()
  for (const entry of catalogs.flatMap((catalog) => catalog.entries)) {
    const { name, repository, tag, descriptor } = entry
    if (tag !== undefined && repositories.get(repository)?.tags.get(tag)?.digest !== descriptor.digest) continue
    if (!entries.has(name)) entries.set(name, entry)
  }
  return { entries: [...entries.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)), repositories }
}

function uniteRepositories(parts: readonly CatalogRepository[]): CatalogRepository {
  const subjects = new Set(parts.flatMap(({ referrers }) => [...referrers.keys()]))
  return {
    tags: uniteMaps(parts.map(({ tags }) => tags)),
    documents: uniteMaps(parts.map(({ documents }) => documents)),
    blobs: uniteMaps(parts.map(({ blobs }) => blobs)),
    referrers: new Map(
      [...subjects].map((subject) => [subject, uniteReferrers(parts.map(({ referrers }) => referrers.get(subject)))]),
    ),
  }
}

function uniteMaps<K, V>(parts: readonly ReadonlyMap<K, V>[]): Map<K, V> {
  // The last one set stays: from the least to the most important.
  return new Map(parts.toReversed().flatMap((part) => [...part]))
}

function uniteReferrers(lists: readonly (readonly Descriptor[] | undefined)[]): Descriptor[] {
  const byDigest = new Map(
    lists
      .toReversed()
      .flat()
      .flatMap((one) => (one ? [[one.digest, one] as const] : [])),
  )
  return [...byDigest.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
}

function compareAge(a: OpenBundle, b: OpenBundle): number {
  const left = a.statement.predicate
  const right = b.statement.predicate
  if (left.sequence !== right.sequence) return right.sequence - left.sequence
  if (left.issuedAt !== right.issuedAt) return left.issuedAt < right.issuedAt ? 1 : -1
  return a.releaseDigest < b.releaseDigest ? -1 : 1
}
