import { describe, expect, it } from 'vitest'
import { digestOf, hexOf } from '../../src/oci/digest.ts'
import { derFromRaw, rawFromDer } from '../../src/trust/ecdsa-signature.ts'
import { fingerprintText } from '../../src/trust/key.ts'
import { sigstoreBundle } from '../../src/trust/sigstore-bundle.ts'
import { advance, EMPTY_SITE_STATE } from '../../src/trust/site-state.ts'
import { verifyRelease, type VerifyReleaseOptions } from '../../src/trust/verify-release.ts'
import { flipBit, newKey, sampleStatement, signRelease, thrownBy } from './sample-release.ts'

const vendor = newKey('vendor.pub')
const second = newKey('second.pub')
const stranger = newKey('stranger.pub')
const releaseBytes = sampleStatement()
const digest = hexOf(digestOf(releaseBytes))
const signature = await signRelease(vendor, releaseBytes)
const strange = await signRelease(stranger, releaseBytes)

const verify = (changes: Partial<VerifyReleaseOptions> = {}): ReturnType<typeof verifyRelease> =>
  verifyRelease({
    releaseBytes,
    signatures: [signature],
    trustedKeys: [vendor.publicKey],
    now: new Date('2026-06-01T00:00:00Z'),
    ...changes,
  })
const failure = (changes: Partial<VerifyReleaseOptions>): unknown => thrownBy(() => verify(changes))
const saying = (...parts: readonly string[]): { message: string } => ({
  message: expect.toSatisfy((text: string) => parts.every((part) => text.includes(part)), parts.join(' … ')) as string,
})
const short = (key: typeof vendor): string => fingerprintText(key.publicKey.kid)

describe('a release', () => {
  it('signed by a trusted key is taken, and it is said by whom', () => {
    const verified = verify()
    expect(verified.statement.predicate).toMatchObject({ product: 'platform', version: '1.4.0', sequence: 42 })
    expect(verified.digest).toBe(digest)
    expect(verified.signedBy.map((key) => key.name)).toEqual(['vendor.pub'])
    expect(verified.unknown).toEqual([])
  })

  it('may carry signatures of several keys; those not trusted here are named as unknown', async () => {
    const signatures = [strange, signature, await signRelease(second, releaseBytes)]
    const verified = verify({ signatures, trustedKeys: [second.publicKey, vendor.publicKey] })
    expect(verified.signedBy.map((key) => key.name)).toEqual(['vendor.pub', 'second.pub'])
    expect(verified.unknown).toEqual([stranger.publicKey.kid8])
  })

  it('needs one of the trusted keys, not all of them', () => {
    const verified = verify({ trustedKeys: [second.publicKey, vendor.publicKey] })
    expect(verified.signedBy.map((key) => key.name)).toEqual(['vendor.pub'])
  })

  it('signed by nobody trusted is refused, naming who is trusted and who signed', () => {
    expect(failure({ signatures: [strange] })).toMatchObject({
      code: 'bundle-signature',
      ...saying('not signed by a trusted key', `vendor.pub (${short(vendor)})`, short(stranger)),
    })
  })

  it('without a signature is refused', () => {
    expect(failure({ signatures: [] })).toMatchObject({
      code: 'bundle-signature',
      ...saying('the bundle is not signed', `vendor.pub (${short(vendor)})`),
    })
  })

  it('is never checked against no key at all', () => {
    expect(failure({ trustedKeys: [] })).toMatchObject({ code: 'usage' })
  })

  it('with any byte changed is refused before it is read', () => {
    for (let i = 0; i < releaseBytes.length; i++)
      expect(failure({ releaseBytes: flipBit(releaseBytes, i, i % 8) })).toMatchObject({ code: 'bundle-signature' })
    // Not even JSON: the signature is what is complained about.
    expect(failure({ releaseBytes: new Uint8Array([1, 2, 3]) })).toMatchObject({ code: 'bundle-signature' })
  })

  it('that is signed but no statement is refused for its form', async () => {
    const bytes = new TextEncoder().encode('{"hello":1}\n')
    const signatures = [await signRelease(vendor, bytes)]
    expect(failure({ releaseBytes: bytes, signatures })).toMatchObject({ code: 'bundle-format' })
  })
})

describe('a signature file', () => {
  it('with any bit changed is refused', () => {
    const { der, sigstore } = signature
    for (let i = 0; i < der.length; i++)
      for (let bit = 0; bit < 8; bit++)
        expect(failure({ signatures: [{ ...signature, der: flipBit(der, i, bit) }] })).toMatchObject({
          code: 'bundle-signature',
        })
    for (let i = 0; i < sigstore.length; i++)
      for (let bit = 0; bit < 8; bit++)
        expect(failure({ signatures: [{ ...signature, sigstore: flipBit(sigstore, i, bit) }] })).toMatchObject({
          code: 'bundle-signature',
          ...saying(`${signature.kid8}.sigstore.json`),
        })
  })

  it('cut short or with more behind it is refused', () => {
    for (const name of ['der', 'sigstore'] as const) {
      const content = signature[name]
      for (const changed of [content.subarray(0, -1), Buffer.concat([content, Buffer.from('\n')]), new Uint8Array()])
        expect(failure({ signatures: [{ ...signature, [name]: changed }] })).toMatchObject({ code: 'bundle-signature' })
    }
  })

  it('of a trusted key must hold even when another one does', async () => {
    const other = await signRelease(second, sampleStatement({ sequence: 43 }))
    const sigstore = sigstoreBundle(digest, other.der, second.publicKey.kid)
    const changes = {
      signatures: [signature, { ...other, sigstore }],
      trustedKeys: [vendor.publicKey, second.publicKey],
    }
    expect(failure(changes)).toMatchObject({
      code: 'bundle-signature',
      ...saying(`release.json.${second.publicKey.kid8}.sig does not verify`, `second.pub (${short(second)})`),
    })
  })

  it('under the name of a trusted key but by another is refused', () => {
    const { kid, kid8 } = vendor.publicKey
    const forged = { kid8, der: strange.der, sigstore: sigstoreBundle(digest, strange.der, kid) }
    expect(failure({ signatures: [forged] })).toMatchObject({ code: 'bundle-signature', ...saying('does not verify') })
  })

  it('of a trusted key under the name of another is no signature of the trusted one', () => {
    const { kid, kid8 } = stranger.publicKey
    const renamed = { kid8, der: signature.der, sigstore: sigstoreBundle(digest, signature.der, kid) }
    expect(failure({ signatures: [renamed] })).toMatchObject({ ...saying('not signed by a trusted key') })
  })

  it('and its Sigstore form must be of the same key and the same bytes', () => {
    for (const sigstore of [
      strange.sigstore,
      sigstoreBundle(digest, signature.der, stranger.publicKey.kid),
      sigstoreBundle('0'.repeat(64), signature.der, vendor.publicKey.kid),
      sigstoreBundle(digest, strange.der, vendor.publicKey.kid),
    ])
      expect(failure({ signatures: [{ ...signature, sigstore }] })).toMatchObject({
        code: 'bundle-signature',
        ...saying('.sigstore.json: not the same signature'),
      })
  })

  it('of an unknown key is still checked for its form', () => {
    const { kid, kid8 } = stranger.publicKey
    const { der, sigstore } = strange
    for (const bad of [
      { kid8, der: new Uint8Array(72), sigstore },
      { kid8, der: rawFromDer(der) ?? der, sigstore },
      { kid8, der, sigstore: signature.sigstore },
      { kid8, der, sigstore: new Uint8Array() },
      { kid8, der, sigstore: sigstoreBundle('0'.repeat(64), der, kid) },
      { kid8, der, sigstore: sigstoreBundle(digest, der, 'f'.repeat(63)) },
      { kid8, der, sigstore: sigstoreBundle(digest, der, vendor.publicKey.kid) },
    ])
      expect(failure({ signatures: [signature, bad] })).toMatchObject({ code: 'bundle-signature', ...saying(kid8) })
  })

  it.each(['3F9A2C11', '3f9a2c1', '../../x', '3f9a2c111', ''])('named for the key %j is refused', (kid8) => {
    expect(failure({ signatures: [{ ...signature, kid8 }] })).toMatchObject({
      code: 'bundle-signature',
      ...saying('not 8 hex digits'),
    })
  })

  it('is there once', () => {
    expect(failure({ signatures: [signature, signature] })).toMatchObject(saying('is there twice'))
  })

  it('is one of at most 16', () => {
    const signatures = Array.from({ length: 17 }, (_, i) => ({ ...strange, kid8: i.toString(16).padStart(8, '0') }))
    expect(failure({ signatures })).toMatchObject(saying('at most 16'))
  })

  it('in its other half (n-s) is the same release by the same key', () => {
    const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
    const raw = Buffer.from(rawFromDer(signature.der) ?? [])
    const s = (order - BigInt(`0x${raw.toString('hex', 32)}`)).toString(16).padStart(64, '0')
    const der = derFromRaw(Buffer.from(raw.toString('hex', 0, 32) + s, 'hex')) ?? raw
    expect(Buffer.from(der).equals(signature.der)).toBe(false)
    const twin = { ...signature, der, sigstore: sigstoreBundle(digest, der, vendor.publicKey.kid) }
    const first = verify()
    const state = advance(EMPTY_SITE_STATE, first.statement, first.digest)
    const again = verify({ signatures: [twin], state })
    expect(again).toEqual(first)
    expect(advance(state, again.statement, again.digest)).toEqual(state)
  })
})

describe('two trusted keys with the same first 8 digits', () => {
  // Such a key can be found by trying; here it is made by renaming one.
  const collision = { ...second.publicKey, kid8: vendor.publicKey.kid8 }

  it('are told apart by which of them verifies', () => {
    expect(verify({ trustedKeys: [collision, vendor.publicKey] }).signedBy).toEqual([vendor.publicKey])
  })

  it('cannot stand in for each other', () => {
    expect(failure({ trustedKeys: [collision] })).toMatchObject(saying('does not verify'))
  })
})

describe('time and sequence', () => {
  it('is refused after its notAfter, naming both times', () => {
    expect(verify({ now: new Date('2027-03-01T12:00:00Z') }).statement.predicate.sequence).toBe(42)
    expect(failure({ now: new Date('2027-03-01T12:00:00.001Z') })).toMatchObject({
      code: 'bundle-expired',
      ...saying('platform 1.4.0', '2027-03-01T12:00:00Z', '2027-03-01T12:00:00.001Z'),
    })
  })

  it('is never refused for its age without one', async () => {
    const bytes = sampleStatement({ notAfter: null })
    const signatures = [await signRelease(vendor, bytes)]
    expect(verify({ releaseBytes: bytes, signatures, now: new Date('9999-01-01T00:00:00Z') }).digest).toBeTruthy()
  })

  it('is refused when the site has seen a newer one', async () => {
    const newer = sampleStatement({ sequence: 43 })
    const seen = verify({ releaseBytes: newer, signatures: [await signRelease(vendor, newer)] })
    const state = advance(EMPTY_SITE_STATE, seen.statement, seen.digest)
    expect(failure({ state })).toMatchObject({ code: 'bundle-sequence', ...saying('43') })
    expect(verify({ state: EMPTY_SITE_STATE }).digest).toBe(digest)
  })

  it('is refused for its signature first, whatever its time', () => {
    expect(failure({ signatures: [strange], now: new Date('2030-01-01T00:00:00Z') })).toMatchObject({
      code: 'bundle-signature',
    })
  })
})
