import { FerryError, reasonOf } from '../errors.ts'
import type { ReleaseStatement } from '../config/release.gen.ts'
import type { Catalog } from '../oci/catalog.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOf, digestOfHex, hexOf, type Digest } from '../oci/digest.ts'
import { parseDocument } from '../oci/document.ts'
import { walkGraph, type Graph } from '../oci/graph.ts'
import { MEDIA } from '../oci/media-types.ts'
import type { ContentSource } from '../oci/store.ts'
import type { RandomAccessFile } from '../ports.ts'
import type { PublicKey } from '../trust/key.ts'
import { buildCatalog, groupKindOf } from './catalog.ts'
import { readHead, sameBytes, type VerifyWith } from './head.ts'
import { blobPath, INDEX_PATH, LAYOUT_BYTES, LAYOUT_PATH, type Layout, type PlacedEntry } from './layout.ts'

/** All manifests of a bundle are kept in memory while it is open; more than this is refused. */
const MAX_DOCUMENTS_BYTES = 256 * 1024 * 1024

/** A bundle whose statement has been verified (or not: `signedBy` is empty) and whose manifests have been hashed. */
export interface OpenBundle {
  readonly file: RandomAccessFile
  readonly statement: ReleaseStatement
  /** Of ferry/release.json: the identity of the bundle. */
  readonly releaseDigest: Digest
  /** The trusted keys whose signatures hold; empty when it was opened without keys. */
  readonly signedBy: readonly PublicKey[]
  /** First eight hex digits of the key ids that signed but are not among the trusted ones. */
  readonly unknownKeys: readonly string[]
  readonly layout: Layout
  /** The entries of index.json. */
  readonly top: readonly Descriptor[]
  /** Every manifest and index with its bytes, verified; configs and layers as descriptors. */
  readonly graph: Graph
  readonly catalog: Catalog
  /** Where each blob (documents too) lies. */
  readonly places: ReadonlyMap<Digest, PlacedEntry>
}

/**
 * Opens a bundle: reads the statement and its signatures, verifies them, recomputes the layout, reads and hashes
 * index.json and every manifest. Layers and configs are not read: `verify` does that, `serve` and `push` as they go.
 * @throws FerryError `bundle-*` naming the entry.
 */
export async function openBundle(file: RandomAccessFile, verifyWith: VerifyWith): Promise<OpenBundle> {
  const head = await readHead(file, verifyWith)
  const places = new Map<Digest, PlacedEntry>()
  for (const [i, subject] of head.statement.subject.entries()) {
    const entry = head.layout.entries[head.layout.entries.length - head.statement.subject.length + i]
    if (!entry) throw new FerryError('internal', 'the layout lost a subject')
    if (i === 0 && subject.name === LAYOUT_PATH) continue
    if (i === 1 && subject.name === INDEX_PATH) continue
    if (i < 2 || subject.name !== blobPath(subject.digest.sha256))
      throw new FerryError(
        'bundle-format',
        `${file.name}: ${JSON.stringify(subject.name)} does not belong at place ${i + 1}`,
        {
          hint: 'A bundle holds oci-layout, index.json and blobs/sha256/<digest>, in this order. It was made by another tool or a newer Ferry.',
        },
      )
    places.set(digestOfHex(subject.digest.sha256), entry)
  }
  const read = (path: string): Promise<Uint8Array> => readSubject(file, head.layout, head.statement, path)
  if (!sameBytes(await read(LAYOUT_PATH), LAYOUT_BYTES))
    throw new FerryError('bundle-content', `${file.name}: oci-layout is not image layout version 1.0.0`)
  const indexBytes = await read(INDEX_PATH)
  return asBundleError(file.name, async () => {
    const index = parseDocument(indexBytes, MEDIA.ociIndex, INDEX_PATH)
    if (index.kind !== 'index') throw new FerryError('bundle-content', 'index.json is not an index')
    const graph = await readGraph(file, index.manifests, places)
    checkClosure(graph, places, head.layout)
    const catalog = buildCatalog(index.manifests, graph)
    const { statement, releaseDigest, signedBy, unknownKeys, layout } = head
    return {
      file,
      statement,
      releaseDigest,
      signedBy,
      unknownKeys,
      layout,
      top: index.manifests,
      graph,
      catalog,
      places,
    }
  })
}

/**
 * The blobs of an open bundle as a store to copy from; bytes are as the file has them, `copy` verifies.
 * @param options `recycle`: for targets that are done with a piece when they ask for the next (see RandomAccessFile).
 */
export function bundleSource(bundle: OpenBundle, options: { readonly recycle?: boolean } = {}): ContentSource {
  return {
    read: (descriptor, { offset = 0 }) => {
      const place = bundle.places.get(descriptor.digest)
      if (place?.size !== descriptor.size)
        return Promise.reject(
          new FerryError('bundle-content', `${bundle.file.name}: ${descriptor.digest} is not in the bundle`),
        )
      return Promise.resolve({ offset, body: bundle.file.stream(place.offset + offset, place.size - offset, options) })
    },
  }
}

async function readSubject(
  file: RandomAccessFile,
  layout: Layout,
  statement: ReleaseStatement,
  path: string,
): Promise<Uint8Array> {
  const entry = layout.entries.find((candidate) => candidate.path === path)
  const subject = statement.subject.find((candidate) => candidate.name === path)
  if (!entry || !subject) throw new FerryError('bundle-format', `${file.name}: ${path} is missing`)
  return readVerified(file, entry, digestOfHex(subject.digest.sha256))
}

async function readVerified(file: RandomAccessFile, entry: PlacedEntry, digest: Digest): Promise<Uint8Array> {
  if (entry.size > MAX_DOCUMENTS_BYTES)
    throw new FerryError('bundle-content', `${file.name}: ${entry.path} is too large to be a manifest`)
  const bytes = await file.read(entry.offset, entry.size)
  const found = digestOf(bytes)
  if (found !== digest)
    throw new FerryError('bundle-digest', `${file.name}: ${entry.path} was changed: its content is ${found}`, {
      hint: 'The file was damaged or altered after it was signed. Copy it again and compare with ferry verify.',
    })
  return bytes
}

async function readGraph(
  file: RandomAccessFile,
  top: readonly Descriptor[],
  places: ReadonlyMap<Digest, PlacedEntry>,
): Promise<Graph> {
  const groups = new Set(top.filter((descriptor) => groupKindOf(descriptor) !== undefined).map(({ digest }) => digest))
  let total = 0
  const load = async (descriptor: Descriptor): Promise<Uint8Array> => {
    const place = places.get(descriptor.digest)
    if (!place) throw new FerryError('bundle-content', `${blobPath(hexOf(descriptor.digest))} is missing`)
    if (place.size !== descriptor.size)
      throw new FerryError('bundle-content', `${place.path} has ${place.size} bytes, an index says ${descriptor.size}`)
    total += place.size
    if (total > MAX_DOCUMENTS_BYTES) throw new FerryError('bundle-content', 'the manifests together are too large')
    return readVerified(file, place, descriptor.digest)
  }
  // An image's index may name platforms that were left out; Ferry's own groups may not.
  const follow = (child: Descriptor, parent: Descriptor): boolean =>
    groups.has(parent.digest) || places.has(child.digest)
  return walkGraph(top, load, { follow, nameOf: (root) => `index.json > ${root.digest.slice(0, 19)}` })
}

/** Every blob is named by a manifest, every named blob is there with its size, and they stand in the one legal order. */
function checkClosure(graph: Graph, places: ReadonlyMap<Digest, PlacedEntry>, layout: Layout): void {
  for (const group of [graph.configs, graph.layers]) {
    for (const { digest, size } of group.values()) {
      const place = places.get(digest)
      if (!place) throw new FerryError('bundle-content', `${blobPath(hexOf(digest))} is missing: a manifest names it`)
      if (place.size !== size)
        throw new FerryError('bundle-content', `${place.path} has ${place.size} bytes, a manifest says ${size}`)
    }
  }
  const expected = orderBlobs([...graph.documents.keys(), ...graph.configs.keys()], [...graph.layers.keys()])
  const found = layout.entries.slice(-places.size)
  if (places.size > expected.length) {
    const known = new Set(expected)
    const orphan = [...places.keys()].find((digest) => !known.has(digest))
    throw new FerryError('bundle-content', `${orphan ?? 'a blob'} is in the bundle, but nothing names it`)
  }
  for (const [i, digest] of expected.entries()) {
    const path = found[i]?.path
    if (path !== blobPath(hexOf(digest)))
      throw new FerryError(
        'bundle-format',
        `wrong order: ${path ?? 'the end'} stands where ${blobPath(hexOf(digest))} belongs`,
      )
  }
}

/** The order of blobs in a bundle: manifests and configs by digest, then layers by digest. */
export function orderBlobs(head: readonly Digest[], layers: readonly Digest[]): Digest[] {
  return [...head.toSorted(), ...layers.toSorted()]
}

async function asBundleError<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof FerryError)) throw error
    if (error.code.startsWith('bundle-')) {
      if (error.message.startsWith(name)) throw error
      throw new FerryError(error.code, `${name}: ${error.message}`, {
        ...(error.hint && { hint: error.hint }),
        cause: error,
      })
    }
    if (error.code === 'content-invalid' || error.code === 'config-invalid')
      throw new FerryError('bundle-content', `${name}: ${reasonOf(error)}`, { cause: error })
    throw error
  }
}
