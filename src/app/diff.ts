import type { LockFile } from '../config/bundle-lock.gen.ts'
import { buildIndexes } from '../bundle/index-json.ts'
import type { OpenBundle } from '../bundle/open-bundle.ts'
import type { ContentKind } from '../oci/catalog.ts'
import type { Digest } from '../oci/digest.ts'
import { chartTag } from '../oci/reference.ts'

/** What two bundles or locks are compared by. */
export interface ReleaseContent {
  /** How people call it: the file. */
  readonly label: string
  readonly items: readonly { readonly kind: ContentKind; readonly name: string; readonly digest: Digest }[]
  /** Every blob, manifests included, with its bytes. */
  readonly sizes: ReadonlyMap<Digest, number>
}

export interface DiffItem {
  readonly kind: ContentKind
  readonly name: string
  readonly change: 'came' | 'went' | 'changed'
  readonly from?: Digest
  readonly to?: Digest
}

export interface DiffReport {
  readonly old: string
  readonly new: string
  readonly items: readonly DiffItem[]
  /** How many items are the same in both. */
  readonly unchanged: number
  /** Blobs of NEW that OLD does not have. */
  readonly newBlobs: number
  readonly newBytes: number
  /** Blobs of OLD that NEW no longer has. */
  readonly goneBlobs: number
  readonly goneBytes: number
  /** All blobs of NEW. */
  readonly totalBytes: number
}

/** A bundle as the sides of a diff. */
export function contentOfBundle(bundle: OpenBundle): ReleaseContent {
  return {
    label: bundle.file.name,
    items: bundle.catalog.entries.map(({ kind, name, descriptor }) => ({ kind, name, digest: descriptor.digest })),
    sizes: new Map([...bundle.places].map(([digest, { size }]) => [digest, size])),
  }
}

/** A lock as one side of a diff, under the names its bundle will give. */
export function contentOfLock(lock: LockFile, label: string): ReleaseContent {
  const attached = [...lock.images, ...lock.charts].flatMap((owner) => {
    const name = ('name' in owner ? owner.ref?.replace(/^oci:\/\//, '') : owner.ref) ?? ''
    const repository = name.replace(/@.*$/, '').replace(/:[^/:]*$/, '')
    return (owner.attached ?? []).map(({ tag, digest }) => ({
      kind: 'attached' as const,
      name: tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`,
      digest,
    }))
  })
  return {
    label,
    items: [
      ...lock.images.map(({ ref, digest }) => ({ kind: 'image' as const, name: ref, digest })),
      ...lock.charts.map(({ ref, name, version, digest }) => ({
        kind: 'chart' as const,
        name: ref?.replace(/^oci:\/\//, '') ?? `charts/${name}:${chartTag(version)}`,
        digest,
      })),
      ...lock.files.map(({ name, platform, digest }) => ({
        kind: 'file' as const,
        name: `files/${name}:${platform?.replaceAll('/', '-') ?? 'any'}`,
        digest,
      })),
      ...new Map(attached.map((item) => [item.name, item])).values(),
    ],
    sizes: new Map([
      ...(Object.entries({ ...lock.documents, ...lock.layers }) as [Digest, number][]),
      ...buildIndexes(lock).groups.map(({ descriptor }): [Digest, number] => [descriptor.digest, descriptor.size]),
    ]),
  }
}

/** What came, went and changed from `older` to `newer`, and how many bytes are new. Pure. */
export function diffReleases(older: ReleaseContent, newer: ReleaseContent): DiffReport {
  const before = new Map(older.items.map((item) => [`${item.kind} ${item.name}`, item]))
  const after = new Map(newer.items.map((item) => [`${item.kind} ${item.name}`, item]))
  const items: DiffItem[] = []
  let unchanged = 0
  for (const [key, { kind, name, digest }] of after) {
    const from = before.get(key)?.digest
    if (from === undefined) items.push({ kind, name, change: 'came', to: digest })
    else if (from === digest) unchanged++
    else items.push({ kind, name, change: 'changed', from, to: digest })
  }
  for (const [key, { kind, name, digest }] of before)
    if (!after.has(key)) items.push({ kind, name, change: 'went', from: digest })
  const fresh = [...newer.sizes].filter(([digest]) => !older.sizes.has(digest))
  const gone = [...older.sizes].filter(([digest]) => !newer.sizes.has(digest))
  const total = (pairs: Iterable<readonly [Digest, number]>): number => {
    let bytes = 0
    for (const [, size] of pairs) bytes += size
    return bytes
  }
  const order = (a: DiffItem, b: DiffItem): number => {
    const left = `${a.kind} ${a.name}`
    const right = `${b.kind} ${b.name}`
    return left < right ? -1 : left > right ? 1 : 0
  }
  return {
    old: older.label,
    new: newer.label,
    items: items.sort(order),
    unchanged,
    newBlobs: fresh.length,
    newBytes: total(fresh),
    goneBlobs: gone.length,
    goneBytes: total(gone),
    totalBytes: total(newer.sizes),
  }
}
