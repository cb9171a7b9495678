import { createCipheriv, pbkdf2Sync, randomBytes } from 'node:crypto'

/** OWASP's figure for PBKDF2-HMAC-SHA256; about a quarter of a second. OpenSSL's own default (2048) is too cheap to guess. */
const ITERATIONS = 600_000

/** RFC 8018: id-PBES2, id-PBKDF2, id-hmacWithSHA256; NIST: aes256-CBC. */
const PBES2 = Buffer.from('06092a864886f70d01050d', 'hex')
const PBKDF2 = Buffer.from('06092a864886f70d01050c', 'hex')
const HMAC_SHA256 = Buffer.from('06082a864886f70d02090500', 'hex')
const AES_256_CBC = Buffer.from('060960864801650304012a', 'hex')

/**
 * A PKCS#8 private key as `-----BEGIN ENCRYPTED PRIVATE KEY-----`: PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC
 * (RFC 5958 section 3, RFC 8018 section 6.2). Node can write this form too, but without a say in the iterations.
 */
export function encryptPkcs8(pkcs8: Uint8Array, passphrase: string): string {
  const salt = randomBytes(16)
  const iv = randomBytes(16)
  const key = pbkdf2Sync(passphrase, salt, ITERATIONS, 32, 'sha256')
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  const content = Buffer.concat([cipher.update(pkcs8), cipher.final()])
  const derivation = sequence(PBKDF2, sequence(octets(salt), integer(ITERATIONS), sequence(HMAC_SHA256)))
  const encryption = sequence(AES_256_CBC, octets(iv))
  const der = sequence(sequence(PBES2, sequence(derivation, encryption)), octets(content))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${lines.join('\n')}\n-----END ENCRYPTED PRIVATE KEY-----\n`
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

function octets(bytes: Uint8Array): Buffer {
  return tagged(0x04, bytes)
}

function integer(value: number): Buffer {
  let hex = value.toString(16)
  if (hex.length % 2 === 1) hex = `0${hex}`
  if (Number.parseInt(hex.slice(0, 2), 16) > 0x7f) hex = `00${hex}`
  return tagged(0x02, Buffer.from(hex, 'hex'))
}

/** DER tag, length, value (X.690 8.1.3), for values below 64 KiB. */
function tagged(tag: number, value: Uint8Array): Buffer {
  const size = value.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Uint8Array.from([tag, ...length]), value])
}
