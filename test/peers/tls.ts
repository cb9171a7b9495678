import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { peer, runOrThrow } from './peer.ts'

/** PEM files. */
export interface TlsFiles {
  /** The private CA that signed `cert`. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Makes a private CA and a server certificate for 127.0.0.1 and localhost in `folder`, by openssl. */
export async function makeTls(folder: string): Promise<TlsFiles> {
  await mkdir(folder, { recursive: true })
  const files = { ca: join(folder, 'ca.pem'), cert: join(folder, 'server.pem'), key: join(folder, 'server.key') }
  const caKey = join(folder, 'ca.key')
  const request = join(folder, 'server.csr')
  const extensions = join(folder, 'extensions')
  const openssl = (...args: string[]) => runOrThrow(peer('openssl'), args)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '30',
    '-subj',
    '/CN=Ferry test CA',
    '-keyout',
    caKey,
    '-out',
    files.ca,
  )
  await openssl('req', ...newKey, '-subj', '/CN=localhost', '-keyout', files.key, '-out', request)
  await writeFile(extensions, 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n')
  const signed = ['-CA', files.ca, '-CAkey', caKey, '-CAcreateserial', '-days', '30', '-extfile', extensions]
  await openssl('x509', '-req', '-in', request, ...signed, '-out', files.cert)
  return files
}
