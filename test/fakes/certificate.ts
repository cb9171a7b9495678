import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A self-signed certificate that is its own authority, as PEM. */
export interface TestCertificate {
  readonly cert: string
  readonly key: string
}

/** Makes a certificate for 127.0.0.1, localhost and the given names, valid from 2020 to 2049. No tool is needed. */
export function makeCertificate(names: readonly string[] = []): TestCertificate {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const algorithm = sequence(oid('2a8648ce3d040302'))
  const name = sequence(set(sequence(oid('550403'), tagged(0x0c, Buffer.from('Ferry test authority')))))
  const validity = sequence(tagged(0x17, Buffer.from('200101000000Z')), tagged(0x17, Buffer.from('491231235959Z')))
  const alternative = sequence(
    tagged(0x87, Buffer.from([127, 0, 0, 1])),
    ...['localhost', ...names].map((host) => tagged(0x82, Buffer.from(host))),
  )
  const extensions = sequence(
    sequence(oid('551d13'), tagged(0x01, Buffer.from([0xff])), octets(sequence(tagged(0x01, Buffer.from([0xff]))))),
    sequence(oid('551d11'), octets(alternative)),
  )
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    name,
    validity,
    name,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, extensions),
  )
  const signature = sign('sha256', body, createPrivateKey(key))
  const der = sequence(body, algorithm, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return { cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`, key }
}

/** DER, X.690 section 8. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}
const sequence = (...parts: readonly Buffer[]) => tagged(0x30, Buffer.concat(parts))
const set = (...parts: readonly Buffer[]) => tagged(0x31, Buffer.concat(parts))
const oid = (hex: string) => tagged(0x06, Buffer.from(hex, 'hex'))
const octets = (content: Buffer) => tagged(0x04, content)
const integer = (content: Buffer) => tagged(0x02, content)
