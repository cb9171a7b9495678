import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { FerryError, reasonOf } from '../../errors.ts'
import type { TlsIdentity } from '../../oci/served.ts'

/**
 * Checks that a certificate and a key can be served with, before anything listens.
 * @throws FerryError `config-key` saying which of the two is wrong and how.
 */
export function checkTlsIdentity({ cert, key }: TlsIdentity): void {
  const certificate = readCertificate(cert)
  const privateKey = readKey(key)
  if (!certificate.checkPrivateKey(privateKey))
    throw new FerryError('config-key', 'the TLS certificate and the key do not belong together', {
      hint: `Give the key that ${certificate.subject.replaceAll('\n', ', ')} was issued for; the server's certificate comes first in its file.`,
    })
}

function readCertificate(pem: string): X509Certificate {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem) && !pem.includes('-----BEGIN CERTIFICATE-----'))
    throw wrong('the TLS certificate is a private key', 'Were --cert and --cert-key exchanged?')
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw wrong(`the TLS certificate cannot be read: ${reasonOf(error)}`, 'Expected -----BEGIN CERTIFICATE-----.')
  }
}

function readKey(pem: string): KeyObject {
  if (/ENCRYPTED/.test(pem))
    throw wrong('the TLS key is encrypted', 'Take the passphrase off: openssl pkey -in KEY -out PLAIN-KEY')
  try {
    return createPrivateKey(pem)
  } catch {
    // The reason would be OpenSSL's, about the bytes of a secret.
    throw wrong('the TLS key cannot be read as a private key (PEM)', 'Expected -----BEGIN PRIVATE KEY-----.')
  }
}

function wrong(message: string, hint: string): FerryError {
  return new FerryError('config-key', message, { hint })
}
