import { reasonOf } from '../errors.ts'
import type { Descriptor } from './descriptor.ts'
import { hexOf, type Digest } from './digest.ts'
import { parseDocument } from './document.ts'
import { MEDIA } from './media-types.ts'

/**
 * The list of referrers that clients keep themselves where a registry has no referrers API: distribution-spec 1.1
 * "Referrers Tag Schema", and "Pushing Manifests with Subject".
 */

/** `sha256-<hex>`. */
export function referrersTag(subject: Digest): string {
  return `sha256-${hexOf(subject)}`
}

/**
 * The list with `referrers` in it. What others wrote stays as it is, field for field; the same descriptors in any order
 * give the same bytes.
 * @param existing the document the tag stands at now.
 * @returns `unchanged` when they are all in it; a `conflict` when the tag stands at something that is not such a list.
 */
export function mergeReferrers(
  existing: { readonly mediaType: string; readonly bytes: Uint8Array } | undefined,
  referrers: readonly Descriptor[],
): { readonly kind: 'unchanged' } | { readonly kind: 'merged'; readonly bytes: Uint8Array } | Conflict {
  const known = new Set<Digest>()
  let json: Record<string, unknown> = { schemaVersion: 2, mediaType: MEDIA.ociIndex }
  let kept: readonly unknown[] = []
  if (existing) {
    try {
      const document = parseDocument(existing.bytes, existing.mediaType, 'the list of referrers')
      if (document.kind !== 'index' || document.mediaType !== MEDIA.ociIndex)
        return { kind: 'conflict', reason: `it stands at a ${existing.mediaType}` }
      for (const { digest } of document.manifests) known.add(digest)
    } catch (error) {
      return { kind: 'conflict', reason: reasonOf(error) }
    }
    json = JSON.parse(new TextDecoder().decode(existing.bytes)) as Record<string, unknown>
    kept = json['manifests'] as unknown[]
  }
  const fresh = new Map(referrers.filter(({ digest }) => !known.has(digest)).map((entry) => [entry.digest, entry]))
  if (fresh.size === 0) return { kind: 'unchanged' }
  const added = [...fresh.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
  const bytes = new TextEncoder().encode(JSON.stringify({ ...json, manifests: [...kept, ...added] }))
  return { kind: 'merged', bytes }
}

interface Conflict {
  readonly kind: 'conflict'
  readonly reason: string
}
