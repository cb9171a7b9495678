import { FerryError } from '../errors.ts'

/** One `-----BEGIN LABEL-----` block of a text (RFC 7468). */
export interface PemBlock {
  readonly label: string
  /** The block with its marks, as it stood. */
  readonly text: string
  /** RFC 1421 header lines (`Proc-Type: 4,ENCRYPTED`), which only OpenSSL's old private key files have. */
  readonly headers: string
  /** The decoded content. */
  readonly der: Uint8Array
}

/** Larger texts are no key. */
const MAX_PEM_CHARACTERS = 64 * 1024

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----\r?\n((?:[A-Za-z0-9-]+: .*\r?\n)*)([A-Za-z0-9+/=\s]*?)-----END \1-----/g

/**
 * All PEM blocks of a text; other text around them is ignored, as openssl does.
 * @param name how the user named the file, for messages.
 * @throws FerryError `config-key` when there is no block, or one that is cut off or damaged.
 */
export function readPemBlocks(text: string, name: string): readonly PemBlock[] {
  if (text.length > MAX_PEM_CHARACTERS)
    throw new FerryError('config-key', `${name}: too large for a key (${text.length} characters)`, { hint: HINT })
  const begun = text.split('-----BEGIN ').length - 1
  if (begun === 0) throw notPem(text, name)
  const blocks = [...text.matchAll(BLOCK)].map((match) => {
    const [whole, label = '', headers = '', body = ''] = match
    return { label, text: whole, headers, der: decodeBase64(body.replaceAll(/\s/g, ''), name) }
  })
  if (blocks.length !== begun)
    throw new FerryError('config-key', `${name}: the PEM text is cut off or damaged`, {
      hint: 'Copy the file again from where it was made, whole and unchanged.',
    })
  return blocks
}

function decodeBase64(body: string, name: string): Uint8Array {
  const bytes = Buffer.from(body, 'base64')
  if (body === '' || bytes.toString('base64') !== body)
    throw new FerryError('config-key', `${name}: the PEM text is cut off or damaged: its content is not base64`, {
      hint: 'Copy the file again from where it was made, whole and unchanged.',
    })
  return bytes
}

const HINT = 'A key file is PEM text: it starts with -----BEGIN. `ferry keygen` makes a pair.'

function notPem(text: string, name: string): FerryError {
  if (/^(ssh-|ecdsa-sha2-)/m.test(text))
    return new FerryError('config-key', `${name}: an SSH public key, not PEM text`, {
      hint: `If it is a nistp256 key, convert it with: ssh-keygen -e -m PKCS8 -f ${name}`,
    })
  return new FerryError('config-key', `${name}: not a key in PEM text`, { hint: HINT })
}
