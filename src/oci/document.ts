import { FerryError, reasonOf } from '../errors.ts'
import { asMap, parseDescriptor, type Descriptor } from './descriptor.ts'
import { isDocumentType, isIndexType, isManifestType, MEDIA } from './media-types.ts'

/** Manifests and indexes over 4 MiB are refused (distribution-spec 1.1, "Pushing Manifests": the size a registry must take). */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
/** More descriptors in one document are refused. */
export const MAX_DESCRIPTORS = 10_000

/** An image index or a Docker manifest list. */
export interface IndexDocument {
  readonly kind: 'index'
  readonly mediaType: string
  readonly artifactType?: string
  readonly manifests: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** An image manifest, of an image, a chart, a file or an attachment. */
export interface ManifestDocument {
  readonly kind: 'manifest'
  readonly mediaType: string
  /** artifactType, or the config's media type where there is none (image-spec 1.1, "Guidelines for Artifact Usage"). */
  readonly artifactType: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

export type Document = IndexDocument | ManifestDocument

/**
 * Parses bytes whose digest has been checked. `expected` is the media type the descriptor or the Content-Type gave; a
 * document that claims to be something else, or to be two things at once, is refused (CVE-2021-41190).
 */
export function parseDocument(bytes: Uint8Array, expected: string, where: string): Document {
  if (bytes.length > MAX_DOCUMENT_BYTES)
    throw invalid(`${where}: a manifest of ${bytes.length} bytes; at most ${MAX_DOCUMENT_BYTES} are accepted`)
  if (expected === MEDIA.dockerSchema1 || expected === MEDIA.dockerSchema1Signed) throw schema1(where)
  if (!isDocumentType(expected)) throw invalid(`${where}: unknown kind of manifest: ${expected.slice(0, 100)}`)
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw invalid(`${where}: the manifest is not JSON: ${reasonOf(error)}`)
  }
  const map = asMap(json, where)
  if (map['schemaVersion'] === 1 || 'fsLayers' in map) throw schema1(where)
  if (map['schemaVersion'] !== 2) throw invalid(`${where}: schemaVersion is not 2`)
  if ('manifests' in map && ('layers' in map || 'config' in map))
    throw invalid(`${where}: the document is an index and a manifest at once`)
  // OCI lets a document leave mediaType out; where it is there it must agree with how it was found.
  if (map['mediaType'] !== undefined && map['mediaType'] !== expected)
    throw invalid(`${where}: mediaType is ${JSON.stringify(map['mediaType'])}, but it came as ${expected}`)
  const subject = map['subject'] == null ? undefined : parseDescriptor(map['subject'], `${where}: subject`)
  const annotations = stringMap(map['annotations'])
  const common = { mediaType: expected, ...(subject && { subject }), ...(annotations && { annotations }) }
  if (isIndexType(expected)) {
    const manifests = parseList(map['manifests'], `${where}: manifests`)
    const artifactType = typeof map['artifactType'] === 'string' ? map['artifactType'] : undefined
    return { kind: 'index', ...common, manifests, ...(artifactType !== undefined && { artifactType }) }
  }
  const config = parseDescriptor(map['config'], `${where}: config`)
  const layers = parseList(map['layers'], `${where}: layers`)
  if (isDocumentType(config.mediaType) || layers.some((layer) => isDocumentType(layer.mediaType)))
    throw invalid(`${where}: a manifest names another manifest as its config or layer`)
  const artifactType =
    typeof map['artifactType'] === 'string' && map['artifactType'] !== '' ? map['artifactType'] : config.mediaType
  return { kind: 'manifest', ...common, artifactType, config, layers }
}

/** The descriptors a document names directly, in its order. */
export function childrenOf(document: Document): readonly Descriptor[] {
  return document.kind === 'index' ? document.manifests : [document.config, ...document.layers]
}

/** The media type of untyped bytes by their form, for registries that answer without a usable Content-Type. */
export function sniffMediaType(bytes: Uint8Array): string | undefined {
  try {
    const map = asMap(JSON.parse(new TextDecoder().decode(bytes)), 'manifest')
    if (typeof map['mediaType'] === 'string') return map['mediaType']
    if (map['schemaVersion'] === 1) return MEDIA.dockerSchema1
    if (Array.isArray(map['manifests'])) return MEDIA.ociIndex
    if (Array.isArray(map['layers'])) return MEDIA.ociManifest
  } catch {
    return undefined
  }
  return undefined
}

/** Whether a descriptor of an index points to something a container runtime can run (not to an attestation). */
export function isRunnable(descriptor: Descriptor): boolean {
  return (
    isManifestType(descriptor.mediaType) &&
    descriptor.platform?.os !== 'unknown' &&
    descriptor.annotations?.['vnd.docker.reference.type'] === undefined
  )
}

function parseList(value: unknown, where: string): Descriptor[] {
  if (!Array.isArray(value)) throw invalid(`${where} is not a list`)
  if (value.length > MAX_DESCRIPTORS)
    throw invalid(`${where}: ${value.length} entries; at most ${MAX_DESCRIPTORS} are accepted`)
  return value.map((entry, i) => parseDescriptor(entry, `${where}[${i}]`))
}

function stringMap(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

function schema1(where: string): FerryError {
  return new FerryError(
    'content-invalid',
    `${where}: a Docker schema 1 manifest. It has no content digests that could be checked, and container runtimes no longer run it.`,
    { hint: 'Push the image again with a current docker, podman or skopeo, or name a newer tag.' },
  )
}

function invalid(message: string): FerryError {
  return new FerryError('content-invalid', message)
}
