import { verify } from 'node:crypto'
import { FerryError } from '../errors.ts'
import { derFromRaw, isCanonicalDer, RAW_SIGNATURE_BYTES } from './ecdsa-signature.ts'
import { fingerprintText, type PublicKey } from './key.ts'

/** Whatever can sign: a key in memory, or a command in front of an HSM. Used through `signAndCheck`, never directly. */
export interface Signer {
  /** The key the result is declared, and checked, to be of. */
  readonly publicKey: PublicKey
  /** Signs SHA-256 of `bytes` with ECDSA P-256. Resolves to DER (RFC 3279), or to the 64 bytes r||s. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/**
 * A DER signature that verifies, whatever the signer gave back.
 * @throws FerryError `signer` when the result is no signature, or not one of `signer.publicKey`.
 */
export async function signAndCheck(signer: Signer, bytes: Uint8Array): Promise<Uint8Array> {
  const result = await signer.sign(bytes)
  const { publicKey } = signer
  // 64 bytes can, very rarely, be a short DER form; which of the two it is shows when it verifies.
  const candidates = [isCanonicalDer(result) ? result : undefined, derFromRaw(result)].filter(
    (der) => der !== undefined,
  )
  const der = candidates.find((candidate) => checkSignature(publicKey, bytes, candidate))
  if (der) return Uint8Array.from(der)
  if (candidates.length === 0)
    throw new FerryError(
      'signer',
      `the signer's result of ${result.length} bytes is not an ECDSA P-256 signature: neither DER nor ${RAW_SIGNATURE_BYTES} bytes r||s`,
      { hint: 'The signer must write the binary signature, and nothing else, to its standard output.' },
    )
  throw new FerryError(
    'signer',
    `the signature does not verify with the declared public key ${publicKey.name} (${fingerprintText(publicKey.kid)})`,
    { hint: 'Check that it is the public half of the key that signs, and that the signer hashes with SHA-256 once.' },
  )
}

/**
 * Whether `der` is a signature of `bytes` (ECDSA P-256, SHA-256) by this key, in its canonical DER form. ECDSA is
 * malleable: (r, n-s) holds whenever (r, s) does, so a signature is evidence, never an identity.
 */
export function checkSignature(publicKey: PublicKey, bytes: Uint8Array, der: Uint8Array): boolean {
  return isCanonicalDer(der) && verify('sha256', bytes, { key: publicKey.keyObject, dsaEncoding: 'der' }, der)
}
