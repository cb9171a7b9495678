import { digestOf, hexOf } from '../../src/oci/digest.ts'
import { generateKeyPair, parsePrivateKey, type PrivateKey } from '../../src/trust/key.ts'
import { signAndCheck } from '../../src/trust/signer.ts'
import { sigstoreBundle } from '../../src/trust/sigstore-bundle.ts'
import { buildStatement, type StatementOptions } from '../../src/trust/statement.ts'
import type { ReleaseSignature } from '../../src/trust/verify-release.ts'

export const SAMPLE: StatementOptions = {
  product: 'platform',
  channel: 'stable',
  version: '1.4.0',
  sequence: 42,
  minInstalledSequence: 0,
  issuedAt: '2026-03-01T12:00:00Z',
  notAfter: '2027-03-01T12:00:00Z',
  keysVersion: 1,
  subjects: [
    { name: 'oci-layout', sha256: '18f0797eab35a4597c1e9624aa4f15fd91f6254e5538c1e0d193b2a95dd4acc6', size: 30 },
    { name: 'index.json', sha256: 'b'.repeat(64), size: 812 },
    { name: `blobs/sha256/${'c'.repeat(64)}`, sha256: 'c'.repeat(64), size: 5_000_000_000 },
  ],
}

/** A statement's bytes, with what differs from the sample. */
export function sampleStatement(changes: Partial<StatementOptions> = {}): Uint8Array {
  return buildStatement({ ...SAMPLE, ...changes })
}

export function newKey(name = 'vendor.key'): PrivateKey {
  return parsePrivateKey(generateKeyPair().privatePem, name)
}

/** Both files of a signature. */
export async function signRelease(key: PrivateKey, bytes: Uint8Array): Promise<ReleaseSignature> {
  const der = await signAndCheck(key, bytes)
  const { kid, kid8 } = key.publicKey
  return { kid8, der, sigstore: sigstoreBundle(hexOf(digestOf(bytes)), der, kid) }
}

/** What a function throws. Fails when it does not. */
export function thrownBy(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** A copy with one bit turned. */
export function flipBit(bytes: Uint8Array, index: number, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[index] = (copy[index] ?? 0) ^ (1 << bit)
  return copy
}
