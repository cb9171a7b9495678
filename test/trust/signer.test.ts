import { createHash, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { derFromRaw, isCanonicalDer, MAX_DER_BYTES, rawFromDer } from '../../src/trust/ecdsa-signature.ts'
import { checkSignature, signAndCheck, type Signer } from '../../src/trust/signer.ts'
import { flipBit, newKey } from './sample-release.ts'

const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
const bytes = new TextEncoder().encode('what is signed')
const key = newKey()

const hex = (value: bigint): string => value.toString(16).padStart(64, '0')
const rawOf = (r: bigint, s: bigint): Uint8Array => Buffer.from(hex(r) + hex(s), 'hex')
const signing = (result: Uint8Array): Signer => ({ publicKey: key.publicKey, sign: () => Promise.resolve(result) })
const anyNumber = fc.bigInt({ min: 1n, max: ORDER - 1n })

describe('the encodings of a signature', () => {
  it.each([
    [1n, 1n, '3006020101020101'],
    [0x7fn, 0x80n, '300702017f02020080'],
    [ORDER - 1n, 1n, `3026022100${hex(ORDER - 1n)}020101`],
    [1n << 246n, 0x1234n, `302502 1f ${hex(1n << 246n).slice(2)} 02021234`.replaceAll(' ', '')],
  ])('r %s and s %s are one DER text', (r, s, der) => {
    expect(Buffer.from(derFromRaw(rawOf(r, s)) ?? []).toString('hex')).toBe(der)
  })

  it('go back and forth for every pair of numbers', () => {
    fc.assert(
      fc.property(anyNumber, anyNumber, (r, s) => {
        const raw = rawOf(r, s)
        const der = derFromRaw(raw)
        expect(der).toBeDefined()
        expect(der?.length).toBeLessThanOrEqual(MAX_DER_BYTES)
        expect(Buffer.from(rawFromDer(der ?? raw) ?? []).equals(raw)).toBe(true)
      }),
    )
  })

  it('refuse numbers outside 1 … order-1', () => {
    for (const bad of [0n, ORDER, ORDER + 1n, 2n ** 256n - 1n]) {
      expect(derFromRaw(rawOf(bad, 1n))).toBeUndefined()
      expect(derFromRaw(rawOf(1n, bad))).toBeUndefined()
    }
    expect(isCanonicalDer(Buffer.from('3006020100020101', 'hex'))).toBe(false)
    expect(isCanonicalDer(Buffer.from(`3026022100${hex(ORDER)}020101`, 'hex'))).toBe(false)
  })

  it.each([
    ['nothing', ''],
    ['a trailing byte', '300602010102010100'],
    ['a byte cut off', '30060201010201'],
    ['a needless leading zero', '300702020001020101'],
    ['a negative number', '30060201ff020101'],
    ['an empty number', '30050200020101'],
    ['a long form of the length', '3081060201010201 01'.replace(' ', '')],
    ['an indefinite length', '30800201010201010000'],
    ['another tag', '3106020101020101'],
    ['another tag inside', '3006020101030101'],
    ['a length that reaches too far', '3006020101020201'],
    ['a first length that reaches too far', '30060204010201 01'.replace(' ', '')],
    ['three numbers', '3009020101020101020101'],
    ['a number of 34 bytes', `3027022200${'ff'.repeat(33)}020101`],
  ])('refuse %s', (_, text) => {
    expect(isCanonicalDer(Buffer.from(text, 'hex'))).toBe(false)
  })

  it('never accept two texts for the same numbers', () => {
    fc.assert(
      fc.property(anyNumber, anyNumber, fc.nat(71), fc.nat(7), (r, s, at, bit) => {
        const der = derFromRaw(rawOf(r, s)) ?? new Uint8Array()
        const other = flipBit(der, at % der.length, bit)
        const raw = rawFromDer(other)
        if (raw) expect(Buffer.from(derFromRaw(raw) ?? []).equals(other)).toBe(true)
      }),
    )
  })
})

describe('a signature', () => {
  it('does not hold with any bit of it changed', async () => {
    const der = await signAndCheck(key, bytes)
    expect(checkSignature(key.publicKey, bytes, der)).toBe(true)
    for (let i = 0; i < der.length; i++)
      for (let bit = 0; bit < 8; bit++) expect(checkSignature(key.publicKey, bytes, flipBit(der, i, bit))).toBe(false)
  })

  it('does not hold for other bytes or another key', async () => {
    const der = await signAndCheck(key, bytes)
    expect(checkSignature(key.publicKey, flipBit(bytes, 3, 0), der)).toBe(false)
    expect(checkSignature(newKey().publicKey, bytes, der)).toBe(false)
  })

  it('in r||s form is not taken where DER is expected', async () => {
    const raw = rawFromDer(await signAndCheck(key, bytes))
    expect(raw).toHaveLength(64)
    expect(checkSignature(key.publicKey, bytes, raw ?? bytes)).toBe(false)
  })
})

describe("a signer's result", () => {
  it('is DER as it came', async () => {
    const der = await key.sign(bytes)
    expect(await signAndCheck(signing(der), bytes)).toEqual(Uint8Array.from(der))
  })

  it('of 64 bytes r||s becomes DER', async () => {
    const der = await key.sign(bytes)
    const raw = rawFromDer(der) ?? new Uint8Array()
    expect(await signAndCheck(signing(raw), bytes)).toEqual(Uint8Array.from(der))
  })

  it.each([
    ['nothing', new Uint8Array()],
    ['text', new TextEncoder().encode('MEUCIQDx…base64')],
    ['64 zero bytes', new Uint8Array(64)],
    ['DER and a newline', Buffer.concat([Buffer.from('3006020101020101', 'hex'), Buffer.from('\n')])],
  ])('is refused when it is %s', async (_, result) => {
    await expect(signAndCheck(signing(result), bytes)).rejects.toMatchObject({
      code: 'signer',
      message: expect.stringContaining('is not an ECDSA P-256 signature') as string,
    })
  })

  it('is refused when it is not of the declared key, naming that key', async () => {
    const other = newKey()
    await expect(
      signAndCheck({ publicKey: key.publicKey, sign: (input) => other.sign(input) }, bytes),
    ).rejects.toMatchObject({
      code: 'signer',
      message: expect.stringContaining(
        `vendor.key (${key.publicKey.kid.slice(0, 4)} ${key.publicKey.kid.slice(4, 8)} …)`,
      ) as string,
    })
  })

  it('is refused when the signer hashed twice', async () => {
    const hashed = await key.sign(createHash('sha256').update(bytes).digest())
    await expect(signAndCheck(signing(hashed), bytes)).rejects.toMatchObject({
      code: 'signer',
      hint: expect.stringContaining('SHA-256 once') as string,
    })
  })
})

it('the other half of every signature, n-s, holds as well: signatures are no identities', async () => {
  const raw = Buffer.from(rawFromDer(await signAndCheck(key, bytes)) ?? [])
  const twin = derFromRaw(
    rawOf(BigInt(`0x${raw.toString('hex', 0, 32)}`), ORDER - BigInt(`0x${raw.toString('hex', 32)}`)),
  )
  expect(verify('sha256', bytes, key.publicKey.keyObject, twin ?? raw)).toBe(true)
  expect(checkSignature(key.publicKey, bytes, twin ?? raw)).toBe(true)
})
