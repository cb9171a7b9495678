import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { FerryError } from '../errors.ts'
import { encryptPkcs8 } from './pkcs8-encryption.ts'
import { type PemBlock, readPemBlocks } from './pem.ts'

/** An ECDSA P-256 public key. Two with the same `kid` are the same key. */
export interface PublicKey {
  /** How the user named it (the file), for messages. */
  readonly name: string
  /** 64 hex digits: SHA-256 of the SPKI DER. */
  readonly kid: string
  /** The first 8 digits of `kid`: the part in the names of signature files. */
  readonly kid8: string
  /** SubjectPublicKeyInfo (RFC 5480): named curve, uncompressed point, 91 bytes. */
  readonly spkiDer: Uint8Array
  readonly keyObject: KeyObject
}

/** A private key in memory, usable as a Signer. */
export interface PrivateKey {
  readonly publicKey: PublicKey
  /** ECDSA over SHA-256 of `bytes`, DER. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/** RFC 5480: SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING 04 X Y }. */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex')
const SPKI_BYTES = 91

/**
 * Makes a key pair. With a passphrase the private half is encrypted (PBES2, AES-256-CBC).
 * @throws FerryError `config-key` for an empty passphrase.
 */
export function generateKeyPair(options: { readonly passphrase?: string } = {}): {
  /** PKCS#8. */
  readonly privatePem: string
  /** SPKI. */
  readonly publicPem: string
} {
  const { passphrase } = options
  if (passphrase === '')
    throw new FerryError('config-key', 'the passphrase is empty', {
      hint: 'Give one of several words, or ask for a key without a passphrase.',
    })
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const privatePem =
    passphrase === undefined
      ? privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      : encryptPkcs8(privateKey.export({ type: 'pkcs8', format: 'der' }), passphrase)
  return { privatePem, publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString() }
}

/**
 * Reads a public key: one PEM block `PUBLIC KEY` holding an ECDSA P-256 key, as ferry, openssl and cosign write it.
 * @param name how the user named the file, for messages.
 * @throws FerryError `config-key` for anything else, saying what it is.
 */
export function parsePublicKey(pemText: string, name: string): PublicKey {
  const block = onlyBlock(readPemBlocks(pemText, name), name)
  if (block.label.includes('PRIVATE KEY'))
    throw refusal(
      name,
      'a private key, where a public key is needed',
      'Give the .pub file. A private key stays on the machine that signs; if it was sent here, make a new pair.',
    )
  if (block.label.includes('CERTIFICATE'))
    throw refusal(name, 'a certificate, not a public key', `Take the key out: openssl x509 -pubkey -noout -in ${name}`)
  if (block.label === 'RSA PUBLIC KEY') throw unsupported('an RSA key', name)
  if (block.label !== 'PUBLIC KEY')
    throw refusal(name, `a PEM block ${block.label}, not a public key`, 'Expected -----BEGIN PUBLIC KEY-----.')
  let keyObject: KeyObject
  try {
    keyObject = createPublicKey({ key: Buffer.from(block.der), format: 'der', type: 'spki' })
  } catch {
    throw damaged(name)
  }
  // The digest of the file's own DER is the key's identity, so there must be only one way to write a key.
  return checkedPublicKey(keyObject, block.der, name)
}

/** Whether reading this private key needs a passphrase. False for a text that is not a key: reading it says why. */
export function needsPassphrase(pemText: string): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY-----/.test(pemText) || /^Proc-Type: 4,ENCRYPTED\s*$/m.test(pemText)
}

/**
 * Reads a private key: PKCS#8 or SEC 1 (`EC PRIVATE KEY`), plain or encrypted, ECDSA P-256.
 * @param passphrase needed where `needsPassphrase(pemText)`; not looked at otherwise.
 * @throws FerryError `config-key` for anything else, a missing or a wrong passphrase.
 */
export function parsePrivateKey(pemText: string, name: string, passphrase?: string): PrivateKey {
  const blocks = readPemBlocks(pemText, name).filter((block) => block.label !== 'EC PARAMETERS')
  const block = onlyBlock(blocks, name)
  if (block.label === 'PUBLIC KEY')
    throw refusal(name, 'a public key, where a private key is needed to sign', 'Give the .key file made with it.')
  if (/^ENCRYPTED (COSIGN|SIGSTORE) PRIVATE KEY$/.test(block.label))
    throw refusal(name, "a private key in cosign's own format", 'Make one with `ferry keygen` or openssl.')
  if (block.label === 'OPENSSH PRIVATE KEY')
    throw refusal(name, "a private key in OpenSSH's own format", 'Make one with `ferry keygen` or openssl.')
  if (!block.label.endsWith('PRIVATE KEY'))
    throw refusal(name, `a PEM block ${block.label}, not a private key`, 'Expected -----BEGIN PRIVATE KEY-----.')
  const encrypted = needsPassphrase(block.text)
  if (encrypted && passphrase === undefined)
    throw refusal(name, 'encrypted, and no passphrase was given', 'Give it with --passphrase-file, or at the prompt.')
  let key: KeyObject
  try {
    key = createPrivateKey({ key: block.text, format: 'pem', ...(encrypted && { passphrase }) })
  } catch {
    if (encrypted) throw refusal(name, 'the passphrase is wrong, or the file is damaged', 'Try again.')
    throw damaged(name)
  }
  const keyObject = createPublicKey(key)
  const publicKey = checkedPublicKey(keyObject, keyObject.export({ type: 'spki', format: 'der' }), name)
  return {
    publicKey,
    sign: (bytes) =>
      new Promise((resolve, reject) => {
        sign('sha256', bytes, { key, dsaEncoding: 'der' }, (error, signature) => {
          if (error) reject(new FerryError('signer', `${name}: signing failed: ${error.message}`, { cause: error }))
          else resolve(signature)
        })
      }),
  }
}

/** The SPKI PEM text of a key, as `openssl pkey -pubin` writes it. */
export function publicPemOf(key: PublicKey): string {
  return key.keyObject.export({ type: 'spki', format: 'pem' }).toString()
}

/**
 * A key id for people, in groups of four digits: `short` is the first two groups (`3f9a 2c11 …`), `full` all sixteen.
 * Also takes a kid8, for `short`.
 */
export function fingerprintText(kid: string, form: 'short' | 'full' = 'short'): string {
  const groups = kid.match(/.{4}/g) ?? []
  return form === 'full' ? groups.join(' ') : `${groups.slice(0, 2).join(' ')} …`
}

function checkedPublicKey(keyObject: KeyObject, spkiDer: Uint8Array, name: string): PublicKey {
  const type = keyObject.asymmetricKeyType
  const curve = keyObject.asymmetricKeyDetails?.namedCurve
  if (type !== 'ec') throw unsupported(KIND_NAMES[type ?? ''] ?? `a key of type ${type ?? 'unknown'}`, name)
  if (curve !== undefined && curve !== 'prime256v1')
    throw unsupported(`an EC key on ${CURVE_NAMES[curve] ?? curve}`, name)
  if (spkiDer.length !== SPKI_BYTES || !SPKI_PREFIX.equals(spkiDer.subarray(0, SPKI_PREFIX.length)))
    throw refusal(
      name,
      'an EC key in an unusual form (explicit parameters or a compressed point)',
      `Rewrite the public half: openssl ec -pubin -in ${name} -conv_form uncompressed -param_enc named_curve`,
    )
  const kid = createHash('sha256').update(spkiDer).digest('hex')
  return { name, kid, kid8: kid.slice(0, 8), spkiDer: Uint8Array.from(spkiDer), keyObject }
}

const KIND_NAMES: Readonly<Record<string, string>> = {
  rsa: 'an RSA key',
  'rsa-pss': 'an RSA key',
  ed25519: 'an Ed25519 key',
  ed448: 'an Ed448 key',
  dsa: 'a DSA key',
}

const CURVE_NAMES: Readonly<Record<string, string>> = { secp384r1: 'P-384', secp521r1: 'P-521' }

function onlyBlock(blocks: readonly PemBlock[], name: string): PemBlock {
  const [block, ...more] = blocks
  if (block === undefined) throw damaged(name)
  if (more.length > 0)
    throw refusal(
      name,
      `${blocks.length} PEM blocks, where one key is expected`,
      'Put each key into a file of its own.',
    )
  return block
}

function unsupported(kind: string, name: string): FerryError {
  return refusal(
    name,
    `${kind}; Ferry signs with ECDSA P-256, which openssl, cosign and HSMs all verify`,
    'Make one with: ferry keygen, or: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256',
  )
}

function damaged(name: string): FerryError {
  return refusal(name, 'not a usable key: its content is damaged', 'Copy the file again from where it was made.')
}

function refusal(name: string, what: string, hint: string): FerryError {
  return new FerryError('config-key', `${name}: ${what}`, { hint })
}
