import type { VerifyWith } from '../bundle/head.ts'
import { openBundle, type OpenBundle } from '../bundle/open-bundle.ts'
import type { ContentKind } from '../oci/catalog.ts'
import { platformText, type Descriptor, type Platform } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { isRunnable, type ManifestDocument } from '../oci/document.ts'
import type { RandomAccessFile } from '../ports.ts'
import type { PublicKey } from '../trust/key.ts'

export interface InspectReport {
  /** False when no key was given: whoever shows this must say NOT VERIFIED. */
  readonly verified: boolean
  readonly signedBy: readonly PublicKey[]
  readonly unknownKeys: readonly string[]
  readonly product: string
  readonly version: string
  readonly channel: string
  readonly sequence: number
  readonly minInstalledSequence: number
  readonly issuedAt: string
  readonly notAfter: string | null
  readonly keysVersion: number
  readonly releaseDigest: Digest
  /** Of the whole file. */
  readonly bytes: number
  /** Different blobs, manifests included. */
  readonly blobs: number
  /** Bytes that would be there twice or more if nothing were shared. */
  readonly sharedBytes: number
  readonly items: readonly InspectItem[]
}

export interface InspectItem {
  readonly kind: ContentKind
  readonly name: string
  readonly digest: Digest
  readonly mediaType: string
  /** What it is, for attachments and charts. */
  readonly artifactType?: string
  /** `linux/amd64`, ... as far as they are in the bundle. */
  readonly platforms: readonly string[]
  /** Platforms its index names that were left out. */
  readonly leftOut: readonly string[]
  /** All its blobs, each once. */
  readonly bytes: number
  /** Of these, bytes that other items have as well. */
  readonly sharedBytes: number
  /** Names of items it shares layers with. */
  readonly sharesWith: readonly string[]
  /** What an attachment is attached to. */
  readonly subject?: Digest
  readonly pinned: boolean
}

/** What is in a bundle. Reads the head of the file only: the statement, the manifests, a few configs. */
export async function inspectBundle(file: RandomAccessFile, verifyWith: VerifyWith): Promise<InspectReport> {
  const bundle = await openBundle(file, verifyWith)
  const trees = new Map(bundle.catalog.entries.map((entry) => [entry.name, blobsBelow(bundle, entry.descriptor)]))
  const owners = new Map<Digest, string[]>()
  for (const [name, blobs] of trees)
    for (const digest of blobs.keys()) owners.set(digest, [...(owners.get(digest) ?? []), name])
  const items = await Promise.all(
    bundle.catalog.entries.map(async (entry): Promise<InspectItem> => {
      const blobs = trees.get(entry.name) ?? new Map<Digest, number>()
      const shared = [...blobs].filter(([digest]) => (owners.get(digest)?.length ?? 0) > 1)
      const sharesWith = new Set(
        shared.filter(([digest]) => bundle.graph.layers.has(digest)).flatMap(([digest]) => owners.get(digest) ?? []),
      )
      sharesWith.delete(entry.name)
      const document = bundle.graph.documents.get(entry.descriptor.digest)?.document
      return {
        kind: entry.kind,
        name: entry.name,
        digest: entry.descriptor.digest,
        mediaType: entry.descriptor.mediaType,
        ...(document?.artifactType !== undefined && { artifactType: document.artifactType }),
        ...(await platformsOf(bundle, entry.descriptor, entry.kind)),
        bytes: sum(blobs.values()),
        sharedBytes: sum(shared.map(([, size]) => size)),
        sharesWith: [...sharesWith].sort(),
        ...(document?.subject && { subject: document.subject.digest }),
        pinned: entry.pinned,
      }
    }),
  )
  const { predicate } = bundle.statement
  return {
    verified: bundle.signedBy.length > 0,
    signedBy: bundle.signedBy,
    unknownKeys: bundle.unknownKeys,
    product: predicate.product,
    version: predicate.version,
    channel: predicate.channel,
    sequence: predicate.sequence,
    minInstalledSequence: predicate.minInstalledSequence,
    issuedAt: predicate.issuedAt,
    notAfter: predicate.notAfter,
    keysVersion: predicate.keysVersion,
    releaseDigest: bundle.releaseDigest,
    bytes: file.size,
    blobs: bundle.places.size,
    sharedBytes: sum([...owners].map(([digest, names]) => (names.length - 1) * (bundle.places.get(digest)?.size ?? 0))),
    items,
  }
}

/** Every blob of an item with its size, documents included, each once. */
function blobsBelow(bundle: OpenBundle, root: Descriptor): Map<Digest, number> {
  const found = new Map<Digest, number>()
  const pending = [root]
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (found.has(next.digest) || !bundle.places.has(next.digest)) continue
    found.set(next.digest, next.size)
    const document = bundle.graph.documents.get(next.digest)?.document
    if (document?.kind === 'index') pending.push(...document.manifests)
    else if (document) pending.push(document.config, ...document.layers)
  }
  return found
}

async function platformsOf(
  bundle: OpenBundle,
  root: Descriptor,
  kind: ContentKind,
): Promise<{ platforms: string[]; leftOut: string[] }> {
  const document = bundle.graph.documents.get(root.digest)?.document
  if (document?.kind === 'index') {
    const runnable = document.manifests.filter((child) => isRunnable(child) && child.platform)
    const texts = (wanted: boolean): string[] => [
      ...new Set(
        runnable
          .filter((child) => bundle.places.has(child.digest) === wanted)
          .flatMap(({ platform }) => (platform ? [platformText(platform)] : [])),
      ),
    ]
    return { platforms: texts(true), leftOut: texts(false) }
  }
  if (root.platform) return { platforms: [platformText(root.platform)], leftOut: [] }
  if (kind !== 'image' || !document) return { platforms: [], leftOut: [] }
  const platform = await platformOfConfig(bundle, document)
  return { platforms: platform ? [platformText(platform)] : [], leftOut: [] }
}

/** OCI image-spec 1.1, config.md: a single manifest's platform stands in its config. */
async function platformOfConfig(bundle: OpenBundle, { config }: ManifestDocument): Promise<Platform | undefined> {
  const place = bundle.places.get(config.digest)
  if (!place || place.size > 1024 * 1024) return undefined
  try {
    const bytes = await bundle.file.read(place.offset, place.size)
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
    const { os, architecture, variant } = value
    if (typeof os !== 'string' || typeof architecture !== 'string') return undefined
    if (!/^[a-z0-9]+$/.test(os) || !/^[a-z0-9_]+$/.test(architecture)) return undefined
    return { os, architecture, ...(typeof variant === 'string' && /^[a-z0-9.]+$/.test(variant) && { variant }) }
  } catch {
    return undefined
  }
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
