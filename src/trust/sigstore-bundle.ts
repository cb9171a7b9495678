/** The same signature in the form cosign reads: a Sigstore bundle v0.3 with a plain key and no transparency log. */

/** sigstore/protobuf-specs, sigstore_bundle.proto, "media_type". */
const MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'

/** The form is below one tar block for every possible signature, so its place in a bundle never depends on it. */
export const MAX_SIGSTORE_BYTES = 512

/**
 * The one accepted form: compact JSON in this order and a newline. Its length depends on the signature's only
 * (four bytes between signatures of up to 69 and of 70 to 72 bytes).
 * @param sha256 64 hex digits: SHA-256 of the signed bytes.
 * @param der the signature.
 * @param kid the key's full id; becomes the hint.
 */
export function sigstoreBundle(sha256: string, der: Uint8Array, kid: string): Uint8Array {
  const bundle = {
    mediaType: MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: kid } },
    messageSignature: {
      messageDigest: { algorithm: 'SHA2_256', digest: Buffer.from(sha256, 'hex').toString('base64') },
      signature: Buffer.from(der).toString('base64'),
    },
  }
  return new TextEncoder().encode(`${JSON.stringify(bundle)}\n`)
}

/** The hint at its fixed place in that form: 64 hex digits, or undefined. Says nothing about the rest of the bytes. */
export function sigstoreHint(bytes: Uint8Array): string | undefined {
  const start = `{"mediaType":"${MEDIA_TYPE}","verificationMaterial":{"publicKey":{"hint":"`.length
  const hint = Buffer.from(bytes.subarray(start, start + 64)).toString('latin1')
  return /^[a-f0-9]{64}$/.test(hint) ? hint : undefined
}
