import { FerryError, reasonOf } from '../../errors.ts'
import { asMap, platformMatches, platformText, type Descriptor, type Platform } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { isRunnable, parseDocument, type IndexDocument, type ManifestDocument } from '../../oci/document.ts'
import { MAX_DEPTH } from '../../oci/graph.ts'
import { isIndexType, MEDIA } from '../../oci/media-types.ts'
import type { RepositoryReader } from './repository-reader.ts'

/** Which parts of a multi-platform image are carried. */
export interface PlatformChoice {
  /** The indexes of the image itself: of their entries only those in `followed` come along. */
  readonly indexes: ReadonlySet<Digest>
  readonly followed: ReadonlySet<Digest>
  /** Root, indexes and manifests that signatures and SBOMs can be attached to; no attestation manifests. */
  readonly subjects: readonly Digest[]
}

const MAX_CONFIG_BYTES = 8 * 1024 * 1024

/** A manifest of the image and what leads to it. Without a platform: something that is no container image. */
interface Candidate {
  readonly digest: Digest
  readonly parents: readonly Digest[]
  readonly platform?: Platform
}

/**
 * Chooses the manifests for the wanted platforms, with the attestations buildx put beside them.
 * @param name the image, for messages.
 * @throws FerryError `content-platform` naming the platforms that exist.
 */
export async function choosePlatforms(
  root: Descriptor,
  wanted: readonly Platform[],
  { reader, name }: { readonly reader: RepositoryReader; readonly name: string },
): Promise<PlatformChoice> {
  const indexes = new Map<Digest, IndexDocument>()
  const candidates = await listCandidates(root, [], { reader, name, indexes })
  const chosen = candidates.filter(
    ({ platform }) => !platform || wanted.some((platformWanted) => platformMatches(platformWanted, platform)),
  )
  const has = candidates.flatMap(({ platform }) => platform ?? [])
  const missing = wanted.filter((platform) => !has.some((have) => platformMatches(platform, have)))
  if (has.length > 0 && missing.length > 0) throw noPlatform(name, missing, has)
  if (candidates.length === 0)
    throw new FerryError('content-platform', `${name}: the index names nothing that can be run`)

  const followed = new Set(chosen.flatMap(({ digest, parents }) => [...parents, digest]))
  const subjects = [root.digest, ...followed]
  for (const index of indexes.values()) {
    for (const child of index.manifests) {
      const about = child.annotations?.['vnd.docker.reference.digest']
      if (about !== undefined && followed.has(about as Digest) && !isRunnable(child)) followed.add(child.digest)
    }
  }
  return { indexes: new Set(indexes.keys()), followed, subjects: [...new Set(subjects)] }
}

async function listCandidates(
  descriptor: Descriptor,
  parents: readonly Digest[],
  context: {
    readonly reader: RepositoryReader
    readonly name: string
    readonly indexes: Map<Digest, IndexDocument>
  },
): Promise<Candidate[]> {
  const { reader, name, indexes } = context
  if (parents.length >= MAX_DEPTH)
    throw new FerryError('content-invalid', `${name}: indexes are nested more than ${MAX_DEPTH} deep`)
  const { digest } = descriptor
  if (descriptor.platform && !isIndexType(descriptor.mediaType))
    return [{ digest, parents, platform: descriptor.platform }]
  if (indexes.has(digest)) return []
  const document = parseDocument(await reader.load(descriptor), descriptor.mediaType, `${name} (${digest})`)
  if (document.kind === 'manifest') {
    const platform = await platformOfConfig(document, reader, name)
    return [{ digest, parents, ...(platform && { platform }) }]
  }
  indexes.set(digest, document)
  const children = document.manifests.filter((child) => isIndexType(child.mediaType) || isRunnable(child))
  const lists = await Promise.all(children.map((child) => listCandidates(child, [...parents, digest], context)))
  return lists.flat()
}

/** OCI image-spec 1.1, config.md "Properties"; undefined for artifacts, which run nowhere and so fit everywhere. */
async function platformOfConfig(
  manifest: ManifestDocument,
  reader: RepositoryReader,
  name: string,
): Promise<Platform | undefined> {
  const { config } = manifest
  if (config.mediaType !== MEDIA.ociConfig && config.mediaType !== MEDIA.dockerConfig) return undefined
  const where = `${name}: config ${config.digest}`
  const bytes = await reader.readBlob(config, MAX_CONFIG_BYTES)
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw new FerryError('content-invalid', `${where} is not JSON: ${reasonOf(error)}`)
  }
  const { os, architecture, variant } = asMap(json, where)
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || architecture === '') return undefined
  return { os, architecture, ...(typeof variant === 'string' && variant !== '' && { variant }) }
}

function noPlatform(name: string, missing: readonly Platform[], has: readonly Platform[]): FerryError {
  const list = (platforms: readonly Platform[]): string =>
    [...new Set(platforms.map(platformText))].toSorted().join(', ')
  return new FerryError('content-platform', `${name} is not there for ${list(missing)}. It is for: ${list(has)}`, {
    hint: `Give this image its own list: {ref: …, platforms: […]}`,
  })
}
