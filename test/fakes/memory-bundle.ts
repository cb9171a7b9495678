import {
  blobPath,
  encodeHeader,
  END_MARK_BYTES,
  INDEX_PATH,
  LAYOUT_BYTES,
  LAYOUT_PATH,
  padded,
  RELEASE_PATH,
  signaturePaths,
} from '../../src/bundle/layout.ts'
import { openBundle, orderBlobs, type OpenBundle } from '../../src/bundle/open-bundle.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { digestOf, hexOf, type Digest } from '../../src/oci/digest.ts'
import { MEDIA } from '../../src/oci/media-types.ts'
import { generateKeyPair, parsePrivateKey, type PrivateKey } from '../../src/trust/key.ts'
import { signAndCheck } from '../../src/trust/signer.ts'
import { sigstoreBundle } from '../../src/trust/sigstore-bundle.ts'
import { buildStatement, type StatementOptions } from '../../src/trust/statement.ts'
import { putJson, type MemoryContent } from './memory-content.ts'
import { memoryFile, type MemoryFile, type MemoryFileOptions } from './memory-file.ts'

/** The vendor of all memory bundles that name no other key. */
export const MEMORY_KEY: PrivateKey = parsePrivateKey(generateKeyPair().privatePem, 'memory.key')

/** A path of the tar with its content. */
export interface MemoryEntry {
  readonly path: string
  readonly bytes: Uint8Array
}

/**
 * Where a bundle can be made hostile, in the order they act. What comes before the signature is signed as it is: a
 * vendor's own broken bundle; what comes after it is a bundle that was altered on the way.
 */
export interface Tamper {
  /** The value of index.json. */
  readonly index?: (index: Record<string, unknown>) => unknown
  /** oci-layout, index.json and the blobs, in order, before their digests go into the statement. */
  readonly subjects?: (entries: MemoryEntry[]) => MemoryEntry[]
  /** What the statement says. */
  readonly statement?: (options: StatementOptions) => StatementOptions
  /** The statement's bytes, before they are signed. */
  readonly releaseBytes?: (bytes: Uint8Array) => Uint8Array
  /** All entries, the statement and its signatures first, after signing. */
  readonly entries?: (entries: MemoryEntry[]) => MemoryEntry[]
  /** One entry's header block(s): 512 bytes. */
  readonly header?: (header: Uint8Array, entry: MemoryEntry) => Uint8Array
  /** The whole file. */
  readonly file?: (bytes: Buffer) => Uint8Array
}

export interface MemoryBundleOptions {
  /** Fields of the predicate other than the defaults (product `memory`, version 1.0.0, sequence 1). */
  readonly predicate?: Partial<Omit<StatementOptions, 'subjects'>>
  /** Default: one, `MEMORY_KEY`. */
  readonly keys?: readonly PrivateKey[]
  readonly tamper?: Tamper
}

/** Writes a canonical bundle (where `tamper` lets it be one) and returns its bytes. */
export async function writeMemoryBundle(content: MemoryContent, options: MemoryBundleOptions = {}): Promise<Buffer> {
  const { tamper = {}, predicate = {}, keys = [MEMORY_KEY] } = options
  const subjects = subjectEntries(content, tamper)
  const release: StatementOptions = {
    product: 'memory',
    channel: 'stable',
    version: '1.0.0',
    sequence: 1,
    minInstalledSequence: 0,
    issuedAt: '2026-03-01T12:00:00Z',
    notAfter: null,
    keysVersion: 1,
    ...predicate,
    subjects: subjects.map(({ path, bytes }) => ({ name: path, sha256: hexOf(digestOf(bytes)), size: bytes.length })),
  }
  const built = buildStatement(tamper.statement?.(release) ?? release)
  const releaseBytes = tamper.releaseBytes?.(built) ?? built
  const entries = [
    { path: RELEASE_PATH, bytes: releaseBytes },
    ...(await signatureEntries(releaseBytes, keys)),
    ...subjects,
  ]
  const tar = encodeTar(tamper.entries?.(entries) ?? entries, Date.parse(release.issuedAt) / 1000, tamper.header)
  return Buffer.from(tamper.file?.(tar) ?? tar)
}

/** Writes a bundle and opens it, verified with its keys. */
export async function openMemoryBundle(
  content: MemoryContent,
  options: MemoryBundleOptions & { readonly file?: MemoryFileOptions } = {},
): Promise<OpenBundle & { readonly file: MemoryFile }> {
  const file = memoryFile(await writeMemoryBundle(content, options), options.file)
  const trustedKeys = (options.keys ?? [MEMORY_KEY]).map(({ publicKey }) => publicKey)
  return { ...(await openBundle(file, { trustedKeys, now: new Date('2026-03-02T00:00:00Z') })), file }
}

/** Turns a bit in the content of a blob, as it lies in the file: found only by who hashes. */
export function damageBlob(
  bundle: { readonly file: MemoryFile; readonly places: OpenBundle['places'] },
  digest: Digest,
  at = 0,
): void {
  const place = bundle.places.get(digest)
  if (!place) throw new Error(`${digest} is not in the bundle`)
  const position = place.offset + at
  bundle.file.bytes[position] = (bundle.file.bytes[position] ?? 0) ^ 1
}

function subjectEntries(content: MemoryContent, tamper: Tamper): MemoryEntry[] {
  const groups = [
    groupOf(content, MEDIA.ferryCharts, content.charts),
    groupOf(content, MEDIA.ferryFiles, content.files),
    groupOf(content, MEDIA.ferryAttached, content.attached),
  ].flatMap((group) => group ?? [])
  const index = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [...byName(content.images), ...groups] }
  const blobs = new Map([...content.layers, ...content.head])
  const layers = [...content.layers.keys()].filter((digest) => !content.head.has(digest))
  const entries = [
    { path: LAYOUT_PATH, bytes: LAYOUT_BYTES },
    { path: INDEX_PATH, bytes: Buffer.from(JSON.stringify(tamper.index?.(index) ?? index)) },
    ...orderBlobs([...content.head.keys()], layers).map((digest) => ({
      path: blobPath(hexOf(digest)),
      bytes: blobs.get(digest) ?? Buffer.alloc(0),
    })),
  ]
  return tamper.subjects?.(entries) ?? entries
}

function groupOf(content: MemoryContent, artifactType: string, members: readonly Descriptor[]): Descriptor | undefined {
  if (members.length === 0) return undefined
  const index = { schemaVersion: 2, mediaType: MEDIA.ociIndex, artifactType, manifests: byName(members) }
  return { ...putJson(content, MEDIA.ociIndex, index), artifactType }
}

function byName(descriptors: readonly Descriptor[]): Descriptor[] {
  const nameOf = ({ annotations = {} }: Descriptor): string => Object.values(annotations).join(' ')
  return descriptors.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}

async function signatureEntries(releaseBytes: Uint8Array, keys: readonly PrivateKey[]): Promise<MemoryEntry[]> {
  const sorted = keys.toSorted((a, b) => (a.publicKey.kid8 < b.publicKey.kid8 ? -1 : 1))
  const pairs = sorted.map(async (key) => {
    const { kid, kid8 } = key.publicKey
    const der = await signAndCheck(key, releaseBytes)
    const { sig, sigstore } = signaturePaths(kid8)
    return [
      { path: sig, bytes: der },
      { path: sigstore, bytes: sigstoreBundle(hexOf(digestOf(releaseBytes)), der, kid) },
    ]
  })
  return (await Promise.all(pairs)).flat()
}

/** A tar of exactly these entries, in this order, whatever they are. */
export function encodeTar(entries: readonly MemoryEntry[], mtime: number, header?: Tamper['header']): Buffer {
  const pieces = entries.flatMap((entry) => {
    const block = encodeHeader({ path: entry.path, size: entry.bytes.length }, mtime)
    return [
      header?.(block, entry) ?? block,
      entry.bytes,
      new Uint8Array(padded(entry.bytes.length) - entry.bytes.length),
    ]
  })
  return Buffer.concat([...pieces, new Uint8Array(END_MARK_BYTES)])
}
