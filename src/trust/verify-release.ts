import { createHash } from 'node:crypto'
import type { ReleaseStatement } from '../config/release.gen.ts'
import { FerryError } from '../errors.ts'
import { isCanonicalDer } from './ecdsa-signature.ts'
import { fingerprintText, type PublicKey } from './key.ts'
import { checkSignature } from './signer.ts'
import { sigstoreBundle, sigstoreHint } from './sigstore-bundle.ts'
import { checkRatchet, type SiteState } from './site-state.ts'
import { parseStatement } from './statement.ts'

/** The two files of one signature, as they came. */
export interface ReleaseSignature {
  /** From the names of the files: 8 hex digits. */
  readonly kid8: string
  /** Content of `ferry/release.json.<kid8>.sig`. */
  readonly der: Uint8Array
  /** Content of `ferry/release.json.<kid8>.sigstore.json`. */
  readonly sigstore: Uint8Array
}

export interface VerifyReleaseOptions {
  /** Content of ferry/release.json. */
  readonly releaseBytes: Uint8Array
  readonly signatures: readonly ReleaseSignature[]
  /** At least one. Any of them may have signed. */
  readonly trustedKeys: readonly PublicKey[]
  /** The one reference time: what `notAfter` is compared with. */
  readonly now: Date
  /** What the site has accepted before. Left out: nothing is compared. */
  readonly state?: SiteState
}

export interface VerifiedRelease {
  readonly statement: ReleaseStatement
  /** 64 hex digits: SHA-256 of `releaseBytes`, the release's identity. */
  readonly digest: string
  /** The trusted keys that signed, at least one, in the order of the signatures. */
  readonly signedBy: readonly PublicKey[]
  /** The kid8 of signatures by keys that are not trusted here; they prove nothing. */
  readonly unknown: readonly string[]
}

/** More signatures on one release are refused. */
const MAX_SIGNATURES = 16

/**
 * Decides whether a release may be used: first the bytes' signatures, then what they say, then time and sequence.
 * @throws FerryError `bundle-signature` when no trusted key signed, or any signature is wrong; `bundle-format` when the
 * statement is; `bundle-expired` after its `notAfter`; `bundle-sequence` when `state` forbids it.
 */
export function verifyRelease(options: VerifyReleaseOptions): VerifiedRelease {
  const { releaseBytes, signatures, trustedKeys, now, state } = options
  if (trustedKeys.length === 0)
    throw new FerryError('usage', 'no public key to verify with', { hint: "Name the vendor's with --pub FILE." })
  const digest = createHash('sha256').update(releaseBytes).digest('hex')
  checkNames(signatures, trustedKeys)
  const signedBy: PublicKey[] = []
  const unknown: string[] = []
  for (const signature of signatures) {
    const named = trustedKeys.filter((key) => key.kid8 === signature.kid8)
    const key = named.find((candidate) => checkSignature(candidate, releaseBytes, signature.der))
    if (key) signedBy.push(key)
    else if (named.length > 0) throw notBy(named, signature)
    else unknown.push(signature.kid8)
    checkSigstore(signature, digest, key)
  }
  if (signedBy.length === 0) throw notSigned(signatures, trustedKeys)
  // Only from here on are the bytes worth reading.
  const statement = parseStatement(releaseBytes)
  checkTime(statement, now)
  if (state) checkRatchet(state, statement, digest)
  return { statement, digest, signedBy, unknown }
}

function checkNames(signatures: readonly ReleaseSignature[], trustedKeys: readonly PublicKey[]): void {
  if (signatures.length === 0) throw notSigned(signatures, trustedKeys)
  if (signatures.length > MAX_SIGNATURES)
    throw wrong(`the release has ${signatures.length} signatures; at most ${MAX_SIGNATURES} are accepted`)
  const seen = new Set<string>()
  for (const { kid8 } of signatures) {
    if (!/^[a-f0-9]{8}$/.test(kid8))
      throw wrong(`a signature is named for the key ${JSON.stringify(kid8.slice(0, 20))}, not 8 hex digits`)
    if (seen.has(kid8)) throw wrong(`ferry/release.json.${kid8}.sig is there twice`)
    seen.add(kid8)
  }
}

/** The .sigstore.json holds nothing of its own: it is compared with what the .sig yields. */
function checkSigstore(signature: ReleaseSignature, digest: string, key: PublicKey | undefined): void {
  const file = `ferry/release.json.${signature.kid8}`
  if (!isCanonicalDer(signature.der)) throw wrong(`${file}.sig: not an ECDSA P-256 signature in DER`)
  const kid = key?.kid ?? sigstoreHint(signature.sigstore)
  const expected = kid?.startsWith(signature.kid8) ? sigstoreBundle(digest, signature.der, kid) : undefined
  if (!expected || Buffer.compare(expected, signature.sigstore) !== 0)
    throw wrong(`${file}.sigstore.json: not the same signature as ${file}.sig in Sigstore's form`)
}

function checkTime(statement: ReleaseStatement, now: Date): void {
  const { product, version, notAfter } = statement.predicate
  if (notAfter === null || now.getTime() <= Date.parse(notAfter)) return
  throw new FerryError(
    'bundle-expired',
    `${product} ${version} expired at ${notAfter}; the time taken for this check is ${now.toISOString()}`,
    { hint: "Check this machine's clock, or ask the vendor for a newer bundle." },
  )
}

function notBy(keys: readonly PublicKey[], { kid8 }: ReleaseSignature): FerryError {
  return new FerryError(
    'bundle-signature',
    `ferry/release.json.${kid8}.sig does not verify with the trusted key ${listOf(keys)}: the statement or the signature was changed`,
    { hint: 'Do not use this bundle. Get it again, and tell the vendor if it fails again.' },
  )
}

function notSigned(signatures: readonly ReleaseSignature[], trustedKeys: readonly PublicKey[]): FerryError {
  const by = signatures.map(({ kid8 }) => fingerprintText(kid8)).join(', ')
  return new FerryError(
    'bundle-signature',
    signatures.length === 0
      ? `the bundle is not signed. Trusted: ${listOf(trustedKeys)}`
      : `the bundle is not signed by a trusted key. Trusted: ${listOf(trustedKeys)}; signed by: ${by}`,
    {
      hint:
        signatures.length === 0
          ? 'Every bundle made by `ferry export` is signed. Get it again from its vendor.'
          : "If the vendor has a new key, get its public half and compare the fingerprint by another way than the bundle's.",
    },
  )
}

function listOf(keys: readonly PublicKey[]): string {
  return keys.map((key) => `${key.name} (${fingerprintText(key.kid)})`).join(', ')
}

function wrong(message: string): FerryError {
  return new FerryError('bundle-signature', message, {
    hint: 'Do not use this bundle. Get it again, and tell the vendor if it fails again.',
  })
}
