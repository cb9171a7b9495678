import type { BundleDraft } from './bundle-draft.ts'
import type { Finding } from './problems.ts'
import { showValue } from './shown-value.ts'
import { toUtcSeconds } from './utc-time.ts'

/** A bundle carries something. (Lists that are there and empty are reported by the schema.) */
export function ruleSomethingToCarry(draft: BundleDraft): Finding[] {
  if (draft.namesContent) return []
  return [{ path: ['spec'], at: 'key', message: 'nothing to carry', hint: 'Add images, charts or files.' }]
}

/** The end of a bundle's life is a time that everyone reads the same way. */
export function ruleNotAfter({ metadata: { notAfter } }: BundleDraft): Finding[] {
  if (notAfter === undefined || toUtcSeconds(notAfter) !== undefined) return []
  return [
    {
      path: ['metadata', 'notAfter'],
      message: `${showValue(notAfter)}: expected a time with its zone (RFC 3339), as 2027-01-31T00:00:00Z`,
    },
  ]
}

/** A bundle can be installed where an earlier release of it is. */
export function ruleSequences({ metadata: { sequence, minInstalledSequence } }: BundleDraft): Finding[] {
  if (sequence === undefined || minInstalledSequence === undefined || minInstalledSequence <= sequence) return []
  return [
    {
      path: ['metadata', 'minInstalledSequence'],
      message: `${minInstalledSequence} is higher than the bundle's own sequence, ${sequence}`,
    },
  ]
}
