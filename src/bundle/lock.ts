import type { BundleDefinition, ChartEntry, FileEntry, ImageEntry, Place } from '../config/bundle-definition.ts'
import type { Chart, File, Image, LockFile } from '../config/bundle-lock.gen.ts'
import type { Problem } from '../errors.ts'
import { platformText } from '../oci/descriptor.ts'
import { digestOfHex, type Digest } from '../oci/digest.ts'
import { referenceText } from '../oci/reference.ts'
import { contentsOfArtifact } from './sources/artifact.ts'
import { mergeContents, type Contents, type Resolved } from './sources/contents.ts'
import { fileArtifact } from './sources/file-artifact.ts'
import { shownUrl } from './sources/shown-url.ts'

/** An entry of bundle.yaml beside what an existing lock knows of it. */
export type EntryMatch<Entry, Locked> = { readonly entry: Entry; readonly label: string } & (
  | { readonly state: 'locked'; readonly resolved: Resolved<Locked> }
  /** The same thing asked for differently: what is locked can still tell its digest. */
  | { readonly state: 'changed'; readonly locked: Locked; readonly reason: string }
  | { readonly state: 'new' }
)

export interface LockMatch {
  readonly images: readonly EntryMatch<ImageEntry, Image>[]
  readonly charts: readonly EntryMatch<ChartEntry, Chart>[]
  readonly files: readonly EntryMatch<FileEntry, File>[]
  /** What is locked but no longer asked for, by label. */
  readonly removed: readonly string[]
}

/** The name of an entry for people, and its identity: `quay.io/a/b:1`, `podinfo 6.9.1`, `kubeadm for linux/amd64`. */
function labelOf(entry: ImageEntry | ChartEntry | FileEntry): string {
  if ('mode' in entry) return fileLabel(entry.name, entry.platform && platformText(entry.platform))
  if (!('kind' in entry)) return referenceText(entry.reference)
  switch (entry.kind) {
    case 'repository':
      return `${entry.name} ${entry.version}`
    case 'oci':
      return `oci://${referenceText(entry.reference)}`
    case 'local':
      return entry.path
  }
}

/**
 * Compares bundle.yaml with an existing lock. Local charts and files match by path only: what they hold is part of the
 * author's repository and is looked at on every lock.
 */
export function matchLock(definition: BundleDefinition, existing: LockFile | undefined): LockMatch {
  const sizes = new LockedSizes(existing)
  const images = new Map(existing?.images.map((image) => [image.ref, image]))
  const charts = new Map(existing?.charts.map((chart) => [chartLabel(chart), chart]))
  const files = new Map(existing?.files.map((file) => [fileLabel(file.name, file.platform), file]))
  const match = {
    images: definition.images.map((entry) =>
      matchEntry(entry, images, { differs: imageDiffers, contentsOf: ({ contents }) => sizes.pick(contents) }),
    ),
    charts: definition.charts.map((entry) =>
      matchEntry(entry, charts, { differs: chartDiffers, contentsOf: ({ contents }) => sizes.pick(contents) }),
    ),
    files: definition.files.map((entry) =>
      matchEntry(entry, files, { differs: fileDiffers, contentsOf: (file) => sizes.ofFile(file) }),
    ),
  }
  return { ...match, removed: [...images.keys(), ...charts.keys(), ...files.keys()] }
}

/** A lock of these entries: its blobs are theirs and no others. */
export function assembleLock(entries: {
  readonly images: readonly Resolved<Image>[]
  readonly charts: readonly Resolved<Chart>[]
  readonly files: readonly Resolved<File>[]
}): LockFile {
  const { documents, layers } = mergeContents(
    [...entries.images, ...entries.charts, ...entries.files].map(({ contents }) => contents),
  )
  return {
    apiVersion: 'ferry.dev/v1',
    kind: 'BundleLock',
    images: sortBy(entries.images, ({ ref }) => ref),
    charts: sortBy(entries.charts, chartLabel),
    files: sortBy(entries.files, ({ name, platform }) => fileLabel(name, platform)),
    documents: Object.fromEntries([...documents].toSorted(byKey)),
    layers: Object.fromEntries([...layers].toSorted(byKey)),
  }
}

/** What keeps a lock from being the whole of bundle.yaml, each with its place: for --frozen. */
export function findDifferences(definition: BundleDefinition, match: LockMatch): Problem[] {
  const differences: Problem[] = []
  for (const { entry, label, ...found } of [...match.images, ...match.charts, ...match.files]) {
    if (found.state === 'new') differences.push(problemAt(definition, entry.place, `${label} is not in the lock`))
    if (found.state === 'changed') differences.push(problemAt(definition, entry.place, `${label}: ${found.reason}`))
  }
  for (const label of match.removed)
    differences.push({ file: definition.file, message: `${label} is in the lock, but no longer in the file` })
  return differences
}

/** Whether two locks say the same of blobs, whatever their order. */
export function sameBlobs(a: LockFile, b: LockFile): boolean {
  const text = ({ documents, layers }: LockFile): string =>
    JSON.stringify([Object.entries(documents).toSorted(byKey), Object.entries(layers).toSorted(byKey)])
  return text(a) === text(b)
}

export function problemAt(definition: BundleDefinition, place: Place, message: string, hint?: string): Problem {
  const { line, column, path } = place
  return { file: definition.file, line, column, path, message, ...(hint !== undefined && { hint }) }
}

/** Takes the entry's counterpart out of `known`, so that what is left at the end is what was removed. */
function matchEntry<Entry extends ImageEntry | ChartEntry | FileEntry, Locked>(
  entry: Entry,
  known: Map<string, Locked>,
  rules: {
    readonly differs: (entry: Entry, locked: Locked) => string | undefined
    readonly contentsOf: (locked: Locked) => Contents | undefined
  },
): EntryMatch<Entry, Locked> {
  const label = labelOf(entry)
  const locked = known.get(label)
  if (!locked) return { entry, label, state: 'new' }
  known.delete(label)
  const reason = rules.differs(entry, locked)
  if (reason !== undefined) return { entry, label, state: 'changed', locked, reason }
  const contents = rules.contentsOf(locked)
  if (!contents) return { entry, label, state: 'changed', locked, reason: 'the lock does not know all of its sizes' }
  return { entry, label, state: 'locked', resolved: { locked, contents } }
}

function imageDiffers(entry: ImageEntry, locked: Image): string | undefined {
  const wanted = entry.platforms.map(platformText).toSorted().join(', ')
  const has = locked.platforms.toSorted().join(', ')
  return wanted === has ? undefined : `wanted for ${wanted}, locked for ${has}`
}

function chartDiffers(entry: ChartEntry, locked: Chart): string | undefined {
  if (entry.kind !== 'repository' || entry.repo === locked.repo) return undefined
  return differentOrigin(entry.repo, locked.repo)
}

function fileDiffers(entry: FileEntry, locked: File): string | undefined {
  if (entry.mode !== locked.mode) return `wanted with mode ${entry.mode}, locked with ${locked.mode}`
  const origin = entry.kind === 'url' ? entry.url : entry.path
  const lockedOrigin = entry.kind === 'url' ? locked.url : locked.path
  if (origin !== lockedOrigin) return differentOrigin(origin, locked.url ?? locked.path)
  if (entry.sha256 !== undefined && digestOfHex(entry.sha256) !== locked.content)
    return `wanted with sha256:${entry.sha256}, locked with ${locked.content}`
  return undefined
}

/** Only where they differ to the eye: what they do not show may be a secret. */
function differentOrigin(wanted: string, locked = 'elsewhere'): string {
  const [now, then] = [shownUrl(wanted), shownUrl(locked)]
  return now === then ? `wanted from another address at ${now}` : `wanted from ${now}, locked from ${then}`
}

function chartLabel(chart: Chart): string {
  if (chart.repo !== undefined) return `${chart.name} ${chart.version}`
  return chart.path ?? chart.ref ?? `${chart.name} ${chart.version}`
}

function fileLabel(name: string, platform: string | undefined): string {
  return platform === undefined ? name : `${name} for ${platform}`
}

/** The sizes of an existing lock. */
class LockedSizes {
  readonly #documents: ReadonlyMap<string, number>
  readonly #layers: ReadonlyMap<string, number>

  constructor(lock: LockFile | undefined) {
    this.#documents = new Map(Object.entries(lock?.documents ?? {}))
    this.#layers = new Map(Object.entries(lock?.layers ?? {}))
  }

  /** Undefined when one is not known: a lock that was edited by hand, or merged badly. */
  pick(digests: readonly Digest[]): Contents | undefined {
    const documents = new Map<Digest, number>()
    const layers = new Map<Digest, number>()
    for (const digest of digests) {
      const document = this.#documents.get(digest)
      const layer = this.#layers.get(digest)
      if (document !== undefined) documents.set(digest, document)
      else if (layer !== undefined) layers.set(digest, layer)
      else return undefined
    }
    return { documents, layers }
  }

  /** A file's blobs follow from what the lock says of it. */
  ofFile({ name, mode, platform, content, digest }: File): Contents | undefined {
    const size = this.#layers.get(content) ?? this.#documents.get(content)
    if (size === undefined) return undefined
    const artifact = fileArtifact({ name, mode, content, size, ...(platform !== undefined && { platform }) })
    return artifact.manifest.descriptor.digest === digest ? contentsOfArtifact(artifact) : undefined
  }
}

function sortBy<Locked>(entries: readonly Resolved<Locked>[], keyOf: (locked: Locked) => string): Locked[] {
  return entries
    .map(({ locked }) => ({ locked, key: keyOf(locked) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ locked }) => locked)
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}
