import type { Attached, Chart, File, Image, LockFile } from '../config/bundle-lock.gen.ts'
import { FerryError } from '../errors.ts'
import { parsePlatformText, type Descriptor } from '../oci/descriptor.ts'
import { ANNOTATION, MEDIA } from '../oci/media-types.ts'
import { hostAsPath, nameOf, parseReference, referenceText, type Reference } from '../oci/reference.ts'
import { encodeBlob, type SmallBlob } from './sources/artifact.ts'
import { chartName } from './sources/chart-artifact.ts'
import { fileName } from './sources/file-artifact.ts'

/** The documents of a bundle that follow from the lock alone. */
export interface BundleIndexes {
  /** The bytes of index.json (OCI image-spec 1.1, image-layout.md). */
  readonly index: Uint8Array
  /**
   * The nested indexes of charts, files and attachments, those that are not empty: documents of the bundle. They keep what is
   * no image out of the sight of importers, which take everything at the top level for one.
   */
  readonly groups: readonly SmallBlob[]
}

/**
 * Writes index.json and the nested indexes. `catalog.ts` reads them back.
 * @throws FerryError `config-invalid` when one name would stand for two things.
 */
export function buildIndexes(lock: LockFile): BundleIndexes {
  const images = sortByName(lock.images.map(imageDescriptor))
  const charts = sortByName(lock.charts.map(chartDescriptor))
  const files = sortByName(lock.files.map(fileDescriptor))
  const named = new Map([...images, ...charts, ...files].map((entry) => [refNameOf(entry), entry]))
  const attached = sortByName(attachedDescriptors(lock, named))
  checkNames([...images, ...charts, ...files, ...attached])
  const groups = [
    buildGroup(MEDIA.ferryCharts, charts),
    buildGroup(MEDIA.ferryFiles, files),
    buildGroup(MEDIA.ferryAttached, attached),
  ].flatMap((group) => group ?? [])
  const manifests = [...images, ...groups.map(({ descriptor }) => descriptor)]
  const { bytes: index } = encodeBlob(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests })
  return { index, groups }
}

/** The reference of a chart that lies in a registry, undefined for others. */
function chartReference(chart: Pick<Chart, 'ref'>): Reference | undefined {
  return chart.ref === undefined ? undefined : parseReference(chart.ref.replace(/^oci:\/\//, ''))
}

function imageDescriptor(image: Image): Descriptor {
  const { mediaType, digest, size } = image
  const reference = parseReference(image.ref)
  const name = referenceText(reference)
  return {
    mediaType,
    digest,
    size,
    annotations: {
      ...pinnedBy(reference),
      [ANNOTATION.containerdName]: name,
      [ANNOTATION.refName]: name,
    },
  }
}

function chartDescriptor(chart: Chart): Descriptor {
  const { mediaType, digest, size, name, version } = chart
  const reference = chartReference(chart)
  return {
    mediaType,
    digest,
    size,
    annotations: {
      ...pinnedBy(reference),
      [ANNOTATION.refName]: reference ? referenceText(reference) : chartName(name, version),
    },
  }
}

function fileDescriptor(file: File): Descriptor {
  const { digest, size, name, platform: text } = file
  const platform = text === undefined ? undefined : parsePlatformText(text)
  return {
    mediaType: MEDIA.ociManifest,
    digest,
    size,
    ...(platform && { platform }),
    artifactType: MEDIA.ferryFile,
    annotations: { [ANNOTATION.refName]: fileName(name, text) },
  }
}

/** One image under two tags brings its signatures twice: they stand here once, and not if they were asked for by name. */
function attachedDescriptors(lock: LockFile, named: ReadonlyMap<string, Descriptor>): Descriptor[] {
  const found = new Map<string, Descriptor>()
  const add = (reference: Reference | undefined, list: readonly Attached[] = []): void => {
    if (!reference) return
    for (const { mediaType, digest, size, artifactType, tag } of list) {
      const name = nameOf(reference) + (tag === undefined ? `@${digest}` : `:${tag}`)
      if (named.get(name)?.digest === digest) continue
      const kind = artifactType === undefined ? {} : { artifactType }
      found.set(`${name} ${digest}`, { mediaType, digest, size, ...kind, annotations: { [ANNOTATION.refName]: name } })
    }
  }
  for (const image of lock.images) add(parseReference(image.ref), image.attached)
  for (const chart of lock.charts) add(chartReference(chart), chart.attached)
  return [...found.values()]
}

function buildGroup(artifactType: string, manifests: readonly Descriptor[]): SmallBlob | undefined {
  if (manifests.length === 0) return undefined
  const { descriptor, bytes } = encodeBlob(MEDIA.ociIndex, {
    schemaVersion: 2,
    mediaType: MEDIA.ociIndex,
    artifactType,
    manifests,
  })
  return { descriptor: { ...descriptor, artifactType }, bytes }
}

function pinnedBy(reference: Reference | undefined): Readonly<Record<string, string>> {
  return reference?.digest === undefined ? {} : { [ANNOTATION.pinned]: reference.digest }
}

/** A bundle is read as a registry: a name, and a tag of a repository, can stand for one thing only. */
function checkNames(descriptors: readonly Descriptor[]): void {
  const names = new Set<string>()
  const tags = new Map<string, Descriptor>()
  for (const descriptor of descriptors) {
    const name = refNameOf(descriptor)
    if (names.has(name))
      throw new FerryError('config-invalid', `${name} would be in the bundle twice`, {
        hint: 'Two entries of bundle.yaml come to the same name: take one out, or give it another version or tag.',
      })
    names.add(name)
    const tag = tagOf(name)
    const other = tags.get(tag)
    if (other && other.digest !== descriptor.digest)
      throw new FerryError('config-invalid', `${tag} would stand for ${other.digest} and for ${descriptor.digest}`, {
        hint: 'One entry names the tag alone, another the tag with a digest, and the tag has moved: take one out.',
      })
    if (tag !== '') tags.set(tag, descriptor)
  }
}

/** `repo:tag` as it is in a registry that Ferry fills, empty for what has no tag. */
function tagOf(name: string): string {
  if (/^(charts|files)\/[^/]+:[^/@]+$/.test(name)) return name
  const { registry, repository, tag } = parseReference(name)
  return tag === undefined ? '' : `${hostAsPath(registry)}/${repository}:${tag}`
}

function refNameOf(descriptor: Descriptor): string {
  return descriptor.annotations?.[ANNOTATION.refName] ?? ''
}

function sortByName(descriptors: readonly Descriptor[]): Descriptor[] {
  return descriptors.toSorted((a, b) => (refNameOf(a) < refNameOf(b) ? -1 : refNameOf(a) > refNameOf(b) ? 1 : 0))
}
