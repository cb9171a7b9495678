import type { ReleaseStatement } from '../config/release.gen.ts'
import { FerryError } from '../errors.ts'
import { fingerprintText } from './key.ts'

/** What a site remembers so that nobody can take it back to an older release: one entry per product, channel and keysVersion. */
export interface SiteState {
  readonly releases: readonly SeenRelease[]
}

/** The highest release a site has accepted. */
export interface SeenRelease {
  readonly product: string
  readonly channel: string
  /** The version of the vendor's key set; a new key set starts a new count of sequences. */
  readonly keysVersion: number
  readonly sequence: number
  /** 64 hex digits: SHA-256 of its ferry/release.json. Never of a signature, which anyone can vary (ECDSA). */
  readonly digest: string
}

/** A site that has seen nothing. */
export const EMPTY_SITE_STATE: SiteState = { releases: [] }

/**
 * Whether a site in this state may take the release. The same release again is fine.
 * @param digest 64 hex digits: SHA-256 of the statement's bytes.
 * @throws FerryError `bundle-sequence` when an older key set or a lower sequence, another release of the same sequence,
 * or a release that needs a newer one installed first, is offered.
 */
export function checkRatchet(state: SiteState, statement: ReleaseStatement, digest: string): void {
  const { product, channel, version, sequence, keysVersion, minInstalledSequence } = statement.predicate
  const installed = latestOf(state, statement)
  if (!installed) return
  const what = `${product} ${version} (${channel}, sequence ${sequence})`
  if (keysVersion < installed.keysVersion)
    throw refusal(
      `${what} is signed for version ${keysVersion} of the vendor's keys; this site has already accepted version ${installed.keysVersion}`,
      'Use a bundle that was made with the current keys.',
    )
  if (installed.sequence < minInstalledSequence)
    throw refusal(
      `${what} needs at least sequence ${minInstalledSequence} installed; this site has ${installed.sequence}`,
      'Install a bundle in between first. The vendor knows which.',
    )
  if (keysVersion > installed.keysVersion) return
  if (sequence < installed.sequence)
    throw refusal(
      `${what} is older than what this site has accepted: sequence ${installed.sequence}`,
      'A site never goes back. Use a newer bundle.',
    )
  if (sequence === installed.sequence && digest !== installed.digest)
    throw refusal(
      `${what} is another release with a sequence this site has accepted already (release.json ${fingerprintText(digest)}, accepted ${fingerprintText(installed.digest)})`,
      'Two releases must not share a sequence. Ask the vendor which one is meant.',
    )
}

/** The state after taking the release. @throws what `checkRatchet` throws. */
export function advance(state: SiteState, statement: ReleaseStatement, digest: string): SiteState {
  checkRatchet(state, statement, digest)
  const { product, channel, keysVersion, sequence } = statement.predicate
  const others = state.releases.filter(
    (seen) => seen.product !== product || seen.channel !== channel || seen.keysVersion !== keysVersion,
  )
  return { releases: [...others, { product, channel, keysVersion, sequence, digest }] }
}

/** What is installed of the same product and channel: the entry of the newest key set. */
function latestOf(state: SiteState, statement: ReleaseStatement): SeenRelease | undefined {
  const { product, channel } = statement.predicate
  return state.releases
    .filter((seen) => seen.product === product && seen.channel === channel)
    .reduce<SeenRelease | undefined>(
      (latest, seen) => (latest && latest.keysVersion >= seen.keysVersion ? latest : seen),
      undefined,
    )
}

function refusal(message: string, hint: string): FerryError {
  return new FerryError('bundle-sequence', message, { hint })
}
