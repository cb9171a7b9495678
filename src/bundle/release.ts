import type { BundleDefinition } from '../config/bundle-definition.ts'
import { FerryError } from '../errors.ts'
import { digestOf, hexOf, type Digest } from '../oci/digest.ts'
import { signAndCheck, type Signer } from '../trust/signer.ts'
import { sigstoreBundle } from '../trust/sigstore-bundle.ts'
import { buildStatement } from '../trust/statement.ts'
import { blobPath, INDEX_PATH, LAYOUT_BYTES, LAYOUT_PATH, RELEASE_PATH, signaturePaths, type Entry } from './layout.ts'
import { orderBlobs } from './open-bundle.ts'

/** What a release is made of: everything is known before the first blob is fetched. */
export interface ReleaseContents {
  readonly indexBytes: Uint8Array
  /** Manifests and configs with their bytes' count. */
  readonly documents: ReadonlyMap<Digest, number>
  readonly layers: ReadonlyMap<Digest, number>
}

/**
 * The bytes of ferry/release.json.
 * @param issuedAt RFC 3339, UTC, whole seconds
 */
export function buildRelease(definition: BundleDefinition, contents: ReleaseContents, issuedAt: string): Uint8Array {
  const { documents, layers, indexBytes } = contents
  const blobs = orderBlobs([...documents.keys()], [...layers.keys()])
  return buildStatement({
    product: definition.name,
    channel: definition.channel,
    version: definition.version,
    sequence: sequenceOf(definition, issuedAt),
    minInstalledSequence: definition.minInstalledSequence,
    issuedAt,
    notAfter: definition.notAfter,
    keysVersion: definition.keysVersion,
    subjects: [
      { name: LAYOUT_PATH, sha256: hexOf(digestOf(LAYOUT_BYTES)), size: LAYOUT_BYTES.length },
      { name: INDEX_PATH, sha256: hexOf(digestOf(indexBytes)), size: indexBytes.length },
      ...blobs.map((digest) => ({
        name: blobPath(hexOf(digest)),
        sha256: hexOf(digest),
        size: documents.get(digest) ?? layers.get(digest) ?? 0,
      })),
    ],
  })
}

/** The sequence of a release: its own, else the time of issue in seconds; a sequence starts at 1 (SOURCE_DATE_EPOCH may be 0). */
export function sequenceOf({ sequence }: BundleDefinition, issuedAt: string): number {
  return sequence ?? Math.max(1, Date.parse(issuedAt) / 1000)
}

/** A small entry with its bytes. */
export interface FilledEntry extends Entry {
  readonly bytes: Uint8Array
}

/**
 * The entries in front of the blobs: the statement, two signature files a key in the order of the key ids, the layout
 * file and the index.
 */
export async function signRelease(
  releaseBytes: Uint8Array,
  indexBytes: Uint8Array,
  signers: readonly Signer[],
): Promise<FilledEntry[]> {
  const fill = (path: string, bytes: Uint8Array): FilledEntry => ({ path, bytes, size: bytes.length })
  const sorted = signers.toSorted((a, b) => (a.publicKey.kid8 < b.publicKey.kid8 ? -1 : 1))
  const twice = sorted.find(({ publicKey }, i) => sorted[i + 1]?.publicKey.kid8 === publicKey.kid8)
  if (twice) throw new FerryError('usage', `the key ${twice.publicKey.name} is given twice`)
  const signatures: FilledEntry[] = []
  for (const signer of sorted) {
    const der = await signAndCheck(signer, releaseBytes)
    const paths = signaturePaths(signer.publicKey.kid8)
    signatures.push(
      fill(paths.sig, der),
      fill(paths.sigstore, sigstoreBundle(hexOf(digestOf(releaseBytes)), der, signer.publicKey.kid)),
    )
  }
  return [
    fill(RELEASE_PATH, releaseBytes),
    ...signatures,
    fill(LAYOUT_PATH, LAYOUT_BYTES),
    fill(INDEX_PATH, indexBytes),
  ]
}
