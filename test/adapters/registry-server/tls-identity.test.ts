import { generateKeyPairSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { checkTlsIdentity } from '../../../src/adapters/registry-server/tls-identity.ts'
import { makeCertificate } from '../../fakes/certificate.ts'

const CERT = makeCertificate().cert
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const KEY = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const ENCRYPTED = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString()

it.each([
  ['a key of another certificate', CERT, KEY, /do not belong together/],
  ['garbage for a certificate', 'garbage', KEY, /certificate cannot be read/],
  ['garbage for a key', CERT, 'garbage', /key cannot be read/],
  ['a key where the certificate belongs', KEY, CERT, /certificate is a private key/],
  ['an encrypted key', CERT, ENCRYPTED, /key is encrypted/],
])('%s is refused, with a hint', (_, cert, key, message) => {
  expect(() => checkTlsIdentity({ cert, key })).toThrow(
    expect.objectContaining({
      code: 'config-key',
      message: expect.stringMatching(message) as string,
      hint: expect.any(String) as string,
    }),
  )
})

it('no part of a key is ever in the message', () => {
  const broken = KEY.replace('M', 'X')
  expect(() => checkTlsIdentity({ cert: CERT, key: broken })).toThrow(
    /^the TLS key cannot be read as a private key \(PEM\)$/,
  )
})
