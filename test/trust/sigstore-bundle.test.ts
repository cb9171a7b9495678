import fc from 'fast-check'
import { expect, it } from 'vitest'
import { derFromRaw } from '../../src/trust/ecdsa-signature.ts'
import { MAX_SIGSTORE_BYTES, sigstoreBundle, sigstoreHint } from '../../src/trust/sigstore-bundle.ts'

const SHA256 = 'a'.repeat(64)
const KID = '3f9a2c11'.repeat(8)

it('has exactly these bytes', () => {
  const text = new TextDecoder().decode(sigstoreBundle(SHA256, Buffer.from('3006020101020101', 'hex'), KID))
  expect(text).toBe(
    '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",' +
      `"verificationMaterial":{"publicKey":{"hint":"${KID}"}},` +
      '"messageSignature":{"messageDigest":{"algorithm":"SHA2_256",' +
      '"digest":"qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="},"signature":"MAYCAQECAQE="}}\n',
  )
})

it('fits into one block of a tar whatever the signature, so that no offset depends on it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (raw) => {
      const der = derFromRaw(raw)
      fc.pre(der !== undefined)
      const size = sigstoreBundle(SHA256, der, KID).length
      expect(size).toBeLessThanOrEqual(MAX_SIGSTORE_BYTES)
      expect(size).toBe(308 + 4 * Math.ceil(der.length / 3))
    }),
  )
  expect(sigstoreBundle(SHA256, new Uint8Array(72), KID).length).toBeLessThanOrEqual(512)
})

it('names the key in full, and nothing else is taken for a name', () => {
  const bytes = sigstoreBundle(SHA256, new Uint8Array(72), KID)
  expect(sigstoreHint(bytes)).toBe(KID)
  expect(sigstoreHint(sigstoreBundle(SHA256, new Uint8Array(72), 'X'.repeat(64)))).toBeUndefined()
  expect(sigstoreHint(sigstoreBundle(SHA256, new Uint8Array(72), '3f9a'))).toBeUndefined()
  expect(sigstoreHint(new Uint8Array())).toBeUndefined()
})
