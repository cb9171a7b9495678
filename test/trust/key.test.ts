import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  fingerprintText,
  generateKeyPair,
  needsPassphrase,
  parsePrivateKey,
  parsePublicKey,
  publicPemOf,
} from '../../src/trust/key.ts'
import { checkSignature } from '../../src/trust/signer.ts'
import { thrownBy } from './sample-release.ts'

// Made with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | openssl pkey -pubout
const OPENSSL_PUBLIC = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHWoidcmyX3R/rDYUd2lYCEeSjoav
bxAIa3w41cCclssahpgL42aeZUJxPSWmRXyzO20a3kea6mLLccJSHBQG/g==
-----END PUBLIC KEY-----
`
// openssl pkey -pubin -outform DER | sha256sum
const OPENSSL_KID = 'd407fe578f4bb301000aba1cb70227cc45dc2572edef7d77c7aa40667820fa48'

const bytes = new TextEncoder().encode('what is signed')
const spki = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()
const sec1 = (key: KeyObject, passphrase?: string): string =>
  key
    .export({ type: 'sec1', format: 'pem', ...(passphrase !== undefined && { cipher: 'aes-256-cbc', passphrase }) })
    .toString()

describe('a public key', () => {
  it('has the SHA-256 of its DER as its id, as sha256sum prints it', () => {
    const key = parsePublicKey(OPENSSL_PUBLIC, 'vendor.pub')
    expect(key.kid).toBe(OPENSSL_KID)
    expect(key.kid8).toBe(OPENSSL_KID.slice(0, 8))
    expect(key.name).toBe('vendor.pub')
    expect(createHash('sha256').update(key.spkiDer).digest('hex')).toBe(OPENSSL_KID)
  })

  it('is written back as it was read', () => {
    expect(publicPemOf(parsePublicKey(OPENSSL_PUBLIC, 'vendor.pub'))).toBe(OPENSSL_PUBLIC)
  })

  it('may have Windows line ends and a comment around it', () => {
    const text = `The key of 2026\r\n${OPENSSL_PUBLIC.replaceAll('\n', '\r\n')}\r\nend`
    expect(parsePublicKey(text, 'vendor.pub').kid).toBe(OPENSSL_KID)
  })

  it('is shown as a fingerprint, two groups of four in a line and all sixteen to compare', () => {
    expect(fingerprintText(OPENSSL_KID)).toBe(`${OPENSSL_KID.slice(0, 4)} ${OPENSSL_KID.slice(4, 8)} …`)
    expect(fingerprintText(OPENSSL_KID.slice(0, 8))).toBe(fingerprintText(OPENSSL_KID))
    const full = fingerprintText(OPENSSL_KID, 'full')
    expect(full.split(' ')).toHaveLength(16)
    expect(full.replaceAll(' ', '')).toBe(OPENSSL_KID)
  })

  const p256 = generateKeyPair()
  const explicit = generateKeyPairSync('ec', { namedCurve: 'prime256v1', paramEncoding: 'explicit' })
  it.each([
    ['an Ed25519 key', spki(generateKeyPairSync('ed25519').publicKey), /Ed25519.*P-256/],
    ['a P-384 key', spki(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey), /P-384.*P-256/],
    ['a secp256k1 key', spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey), /secp256k1/],
    ['an RSA key', spki(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey), /RSA/],
    ['explicit curve parameters', spki(explicit.publicKey), /explicit parameters/],
    ['a private key', p256.privatePem, /a private key, where a public key is needed/],
    ['an encrypted private key', generateKeyPair({ passphrase: 'x' }).privatePem, /a private key, where/],
    ['two keys', p256.publicPem + OPENSSL_PUBLIC, /2 PEM blocks/],
    ['a key and a private key', p256.publicPem + p256.privatePem, /2 PEM blocks/],
    ['a certificate', p256.publicPem.replaceAll('PUBLIC KEY', 'CERTIFICATE'), /a certificate/],
    ['another PEM block', p256.publicPem.replaceAll('PUBLIC KEY', 'DH PARAMETERS'), /DH PARAMETERS/],
    ['an SSH key', 'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= me@here', /an SSH public key/],
    ['an empty file', '', /not a key in PEM text/],
    ['garbage', '\0\u0001ÿ binary', /not a key in PEM text/],
    ['a large file', 'x'.repeat(100_000), /too large/],
    ['a text cut off', OPENSSL_PUBLIC.slice(0, -40), /cut off or damaged/],
    ['a line lost', OPENSSL_PUBLIC.split('\n').toSpliced(1, 1).join('\n'), /damaged/],
    ['a letter that is not base64', OPENSSL_PUBLIC.replace('\nM', '\n!'), /cut off or damaged/],
    ['empty content', '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n', /not base64/],
  ])('is refused, and it is said why: %s', (_, text, message) => {
    expect(() => parsePublicKey(text, 'vendor.pub')).toThrow(
      expect.objectContaining({
        code: 'config-key',
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(/\S/) as string,
      }),
    )
    expect(() => parsePublicKey(text, 'vendor.pub')).toThrow(/^vendor\.pub: /)
  })

  it('is refused with a compressed point, with the command that rewrites it', () => {
    const der = Buffer.from(parsePublicKey(OPENSSL_PUBLIC, 'k').spkiDer)
    const odd = (der.at(-1) ?? 0) & 1
    const compressed = Buffer.concat([
      Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
      Buffer.from([2 + odd]),
      der.subarray(27, 59),
    ])
    // The same key for openssl …
    const read = createPublicKey({ key: compressed, format: 'der', type: 'spki' })
    expect(read.equals(parsePublicKey(OPENSSL_PUBLIC, 'k').keyObject)).toBe(true)
    // … but with another digest, so another id.
    const pem = `-----BEGIN PUBLIC KEY-----\n${compressed.toString('base64')}\n-----END PUBLIC KEY-----\n`
    expect(() => parsePublicKey(pem, 'vendor.pub')).toThrow(
      expect.objectContaining({
        code: 'config-key',
        hint: expect.stringContaining('-conv_form uncompressed') as string,
      }),
    )
  })

  it('is refused when its point is not on the curve', () => {
    const der = Buffer.from(parsePublicKey(OPENSSL_PUBLIC, 'k').spkiDer)
    der[90] = (der[90] ?? 0) ^ 1
    const pem = `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`
    expect(() => parsePublicKey(pem, 'vendor.pub')).toThrow(/vendor\.pub: not a usable key/)
  })
})

describe('a private key', () => {
  it('signs what its public half verifies', async () => {
    const pair = generateKeyPair()
    const key = parsePrivateKey(pair.privatePem, 'vendor.key')
    const publicKey = parsePublicKey(pair.publicPem, 'vendor.pub')
    expect(key.publicKey.kid).toBe(publicKey.kid)
    expect(checkSignature(publicKey, bytes, await key.sign(bytes))).toBe(true)
    expect(needsPassphrase(pair.privatePem)).toBe(false)
  })

  it('opens with its passphrase and with no other', () => {
    const pair = generateKeyPair({ passphrase: 'correct horse – ünï' })
    expect(pair.privatePem).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    expect(needsPassphrase(pair.privatePem)).toBe(true)
    const opened = parsePrivateKey(pair.privatePem, 'vendor.key', 'correct horse – ünï')
    expect(opened.publicKey.kid).toBe(parsePublicKey(pair.publicPem, 'k').kid)
    expect(() => parsePrivateKey(pair.privatePem, 'vendor.key')).toThrow(
      expect.objectContaining({ code: 'config-key', message: 'vendor.key: encrypted, and no passphrase was given' }),
    )
    for (const wrong of ['correct horse', '', 'correct horse – ünï ']) {
      expect(() => parsePrivateKey(pair.privatePem, 'vendor.key', wrong)).toThrow(/passphrase is wrong/)
    }
  })

  it('never shows a passphrase in an error', () => {
    const { privatePem } = generateKeyPair({ passphrase: 'right' })
    const act = (): unknown => parsePrivateKey(privatePem, 'vendor.key', 'hunter2-hunter2')
    const error = thrownBy(act)
    expect(inspect(error, { depth: 9 })).not.toContain('hunter2')
    expect(error).not.toHaveProperty('cause')
  })

  it('is encrypted with a fresh salt and 600 000 rounds', () => {
    const ders = [1, 2].map(() => {
      const { privatePem } = generateKeyPair({ passphrase: 'x' })
      return Buffer.from(privatePem.replaceAll(/-----.*-----|\s/g, ''), 'base64')
    })
    // INTEGER 600000, behind the OCTET STRING of 16 bytes that is the salt.
    for (const der of ders) expect(der.includes(Buffer.from('0203' + '0927c0', 'hex'))).toBe(true)
    const [first, second] = ders.map((der) => der.subarray(35, 51))
    expect(first).not.toEqual(second)
  })

  it('is refused with an empty passphrase', () => {
    expect(() => generateKeyPair({ passphrase: '' })).toThrow(expect.objectContaining({ code: 'config-key' }))
  })

  it('may be one made by openssl in its older form, plain or encrypted', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    // openssl ecparam -genkey writes the curve's parameters in front.
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
    const kid = parsePublicKey(spki(createPublicKey(privateKey)), 'k').kid
    expect(parsePrivateKey(parameters + sec1(privateKey), 'vendor.key').publicKey.kid).toBe(kid)
    const encrypted = sec1(privateKey, 'secret')
    expect(encrypted).toContain('Proc-Type: 4,ENCRYPTED')
    expect(needsPassphrase(encrypted)).toBe(true)
    expect(parsePrivateKey(encrypted, 'vendor.key', 'secret').publicKey.kid).toBe(kid)
    expect(() => parsePrivateKey(encrypted, 'vendor.key', 'wrong')).toThrow(/passphrase is wrong/)
    expect(() => parsePrivateKey(encrypted, 'vendor.key')).toThrow(/no passphrase was given/)
  })

  const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
  const plain = generateKeyPair()
  it.each([
    ['an Ed25519 key', pkcs8(generateKeyPairSync('ed25519').privateKey), /Ed25519.*P-256/],
    ['a P-521 key', pkcs8(generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey), /P-521/],
    ['an RSA key', pkcs8(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey), /RSA/],
    ['a public key', plain.publicPem, /a public key, where a private key is needed/],
    ['two keys', plain.privatePem + plain.privatePem, /2 PEM blocks/],
    [
      "cosign's own format",
      plain.privatePem.replaceAll('PRIVATE', 'ENCRYPTED SIGSTORE PRIVATE'),
      /cosign's own format/,
    ],
    ["OpenSSH's own format", plain.privatePem.replaceAll('PRIVATE', 'OPENSSH PRIVATE'), /OpenSSH's own format/],
    ['a certificate', plain.publicPem.replaceAll('PUBLIC KEY', 'CERTIFICATE'), /CERTIFICATE, not a private key/],
    ['a damaged key', plain.privatePem.replace(/\nM.{8}/, '\nMAAAAAAAA'), /not a usable key/],
    [
      'only parameters',
      '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n',
      /not a usable/,
    ],
    ['garbage', 'hello', /not a key in PEM text/],
  ])('is refused, and it is said why: %s', (_, text, message) => {
    expect(() => parsePrivateKey(text, 'vendor.key', 'x')).toThrow(
      expect.objectContaining({
        code: 'config-key',
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(/\S/) as string,
      }),
    )
  })

  it('is stored as PKCS#8 when it is not encrypted', () => {
    const key = createPrivateKey(plain.privatePem)
    expect(pkcs8(key)).toBe(plain.privatePem)
    expect(key.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
  })
})
