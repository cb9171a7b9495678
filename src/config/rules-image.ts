import { nameOf, referenceText, type Reference } from '../oci/reference.ts'
import type { BundleDraft, Parsed } from './bundle-draft.ts'
import type { Finding } from './problems.ts'
import { pathText, type Path } from './text-place.ts'

/** Every image has a name that can be read. */
export function ruleImageReferences(draft: BundleDraft): Finding[] {
  return draft.images.flatMap(({ refPath, parsed }) => unreadable(refPath, parsed))
}

/** Every image is there once, under whatever spelling; a tag is pinned to one digest at most. */
export function ruleImageDuplicates(draft: BundleDraft): Finding[] {
  const seen = new Map<string, { path: Path; reference: Reference }>()
  const findings: Finding[] = []
  for (const { path, refPath, parsed } of draft.images) {
    if ('error' in parsed) continue
    const { reference } = parsed
    const key = reference.tag === undefined ? referenceText(reference) : `${nameOf(reference)}:${reference.tag}`
    const first = seen.get(key)
    if (!first) seen.set(key, { path, reference })
    else if (first.reference.digest === reference.digest)
      findings.push({
        path: refPath,
        message: `${referenceText(reference)} is already carried by ${pathText(first.path)}`,
        hint: 'Leave one of them, with the platforms of both.',
      })
    else
      findings.push({
        path: refPath,
        message: `${key} stands for something else than in ${pathText(first.path)}; a tag has one digest`,
        hint: 'Leave one of them, or leave out the tag where a digest says what is meant: name@sha256:…',
      })
  }
  return findings
}

export function unreadable(path: Path, parsed: Parsed): Finding[] {
  if (!('error' in parsed)) return []
  const { message, hint } = parsed.error
  return [{ path, message, ...(hint !== undefined && { hint }) }]
}
