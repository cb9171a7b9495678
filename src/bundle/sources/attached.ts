import type { Attached } from '../../config/bundle-lock.gen.ts'
import { FerryError } from '../../errors.ts'
import { hexOf, type Digest } from '../../oci/digest.ts'
import { parseDocument } from '../../oci/document.ts'
import type { FetchedDocument } from '../../oci/registry.ts'
import type { RepositoryReader } from './repository-reader.ts'

/** A signature of an SBOM of an image: deeper than this nothing is looked for. */
const MAX_DEPTH = 3
const MAX_ATTACHED = 1000
/** cosign's tag scheme: `sha256-<hex>.sig` and so on (sigstore/cosign, specs/SIGNATURE_SPEC.md). */
const COSIGN_SUFFIXES = ['sig', 'att', 'sbom']

/**
 * Finds what is attached to manifests: OCI referrers (distribution-spec 1.1 "Listing Referrers") and cosign's tags, and what
 * is attached to that in turn.
 * @param subjects manifests and indexes of one image.
 */
export async function findAttached(
  subjects: readonly Digest[],
  { reader, warn }: { readonly reader: RepositoryReader; readonly warn: (message: string) => void },
): Promise<Attached[]> {
  const found = new Map<string, Attached>()
  const asked = new Set<Digest>()
  let level = subjects
  for (let depth = 1; depth <= MAX_DEPTH && level.length > 0; depth++) {
    const fresh = [...new Set(level)].filter((digest) => !asked.has(digest))
    for (const digest of fresh) asked.add(digest)
    const lists = await Promise.all(
      fresh.map(async (digest) => {
        const [referrers, tagged] = await Promise.all([
          findReferrers(digest, reader, warn),
          findCosignTags(digest, reader),
        ])
        return [...referrers, ...tagged]
      }),
    )
    const attached = lists.flat()
    for (const entry of attached) found.set(`${entry.digest} ${entry.tag ?? ''}`, entry)
    if (found.size > MAX_ATTACHED)
      throw new FerryError(
        'content-invalid',
        `${reader.name}: more than ${MAX_ATTACHED} signatures, SBOMs and attestations are attached to one image`,
      )
    level = attached.map(({ digest }) => digest)
  }
  // What has a tag needs no second mention by digest.
  const tagged = new Set([...found.values()].flatMap(({ digest, tag }) => (tag === undefined ? [] : [digest])))
  return [...found.values()]
    .filter(({ digest, tag }) => tag !== undefined || !tagged.has(digest))
    .toSorted((a, b) => (a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0))
}

async function findReferrers(
  subject: Digest,
  reader: RepositoryReader,
  warn: (message: string) => void,
): Promise<Attached[]> {
  const listed = await reader.listReferrers(subject)
  if (listed.length > MAX_ATTACHED)
    throw new FerryError(
      'content-invalid',
      `${reader.name}@${subject}: ${listed.length} referrers; at most ${MAX_ATTACHED}`,
    )
  const found = await Promise.all(
    listed.map(async ({ digest }): Promise<Attached[]> => {
      const fetched = await reader.fetch(digest)
      // Registries without the API keep a list in a tag, and lists get stale.
      if (!fetched) {
        warn(`${reader.name}@${subject}: the registry lists ${digest} as attached, but has it not; it is left out`)
        return []
      }
      const document = parseDocument(fetched.bytes, fetched.descriptor.mediaType, `${reader.name}@${digest}`)
      if (document.subject?.digest !== subject) {
        warn(
          `${reader.name}@${subject}: the registry lists ${digest} as attached, but that is about something else; it is left out`,
        )
        return []
      }
      return [attachedOf(fetched, document.artifactType === undefined ? {} : { artifactType: document.artifactType })]
    }),
  )
  return found.flat()
}

async function findCosignTags(subject: Digest, reader: RepositoryReader): Promise<Attached[]> {
  const found = await Promise.all(
    COSIGN_SUFFIXES.map(async (suffix): Promise<Attached[]> => {
      const tag = `sha256-${hexOf(subject)}.${suffix}`
      const fetched = await reader.find(tag)
      return fetched ? [attachedOf(fetched, { tag })] : []
    }),
  )
  return found.flat()
}

function attachedOf({ descriptor }: FetchedDocument, more: Pick<Attached, 'tag' | 'artifactType'>): Attached {
  const { digest, size, mediaType } = descriptor
  return { digest, size, mediaType, ...more }
}
