import { FerryError, reasonOf, systemCodeOf } from '../../errors.ts'
import { transient } from '../../oci/store.ts'
import { plainText } from './safe-text.ts'

/** How often a host that cannot be reached at all is tried: a wrong name does not become right by patience. */
const UNREACHABLE_ATTEMPTS = 3

const NO_ADDRESS = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME'])
const NO_CONNECTION = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
])
const BROKEN = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_DESTROYED',
  'UND_ERR_CLOSED',
])
const CERTIFICATE =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/
/** What OpenSSL says when the first bytes of the other side are not TLS. */
const NOT_TLS = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|RECORD_LAYER_FAILURE|UNKNOWN_PROTOCOL/i

/** Says in a person's words why a request to `url` failed, transient-marked where another attempt could help. */
export function networkError(error: unknown, url: URL): FerryError {
  if (error instanceof FerryError) return error
  const host = url.host
  const code = systemCodeOf(error) ?? ''
  const cause = error
  if (NO_ADDRESS.has(code))
    return transient(
      new FerryError('registry-unreachable', `${host} cannot be reached: no address is known for ${url.hostname}`, {
        hint: `Check the name, and DNS with: getent hosts ${url.hostname}. Behind a proxy set HTTPS_PROXY.`,
        cause,
      }),
      { attempts: UNREACHABLE_ATTEMPTS },
    )
  if (NO_CONNECTION.has(code) || code.startsWith('UND_ERR_PRX') || isProxyRefusal(error))
    return transient(
      new FerryError('registry-unreachable', `${host} cannot be reached: ${reasonText(error)}`, {
        hint: `Check with: curl -v ${url.origin}/${url.pathname.startsWith('/v2/') ? 'v2/' : ''} . HTTP_PROXY, HTTPS_PROXY and NO_PROXY are respected.`,
        cause,
      }),
      { attempts: UNREACHABLE_ATTEMPTS },
    )
  if (url.protocol === 'https:' && (NOT_TLS.test(code) || (code === 'EPROTO' && NOT_TLS.test(opensslReason(error)))))
    return new FerryError('registry-unreachable', `${host} speaks plain HTTP, not HTTPS`, {
      hint: `If that is meant to be so, set plainHttp: true for ${host} (push: --plain-http).`,
      cause,
    })
  if (CERTIFICATE.test(code))
    return new FerryError(
      'registry-unreachable',
      `the certificate of ${host} cannot be trusted: ${reasonText(error)} (${code})`,
      { hint: `If ${host} has a certificate of your own authority, name its PEM file: caFile (push: --ca).`, cause },
    )
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS'))
    return new FerryError('registry-unreachable', `no TLS connection to ${host}: ${reasonText(error)}`, {
      hint: `Check with: openssl s_client -connect ${host}. For an authority of your own: caFile (push: --ca).`,
      cause,
    })
  if (code === 'UND_ERR_HEADERS_TIMEOUT')
    return transient(new FerryError('registry-unreachable', `${host} took the request and does not answer`, { cause }))
  if (BROKEN.has(code))
    return transient(
      new FerryError('registry-unreachable', `the connection to ${host} broke: ${reasonText(error)}`, { cause }),
    )
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW')
    return new FerryError('registry-protocol', `${host} does not answer in HTTP: ${reasonText(error)}`, {
      ...(url.protocol === 'http:' && { hint: `If ${host} speaks HTTPS, leave plainHttp away.` }),
      cause,
    })
  return new FerryError('registry-unreachable', `the request to ${host} failed: ${reasonText(error)}`, { cause })
}

/** The proxy's own no to a tunnel; undici has no code of its own for it. */
function isProxyRefusal(error: unknown): boolean {
  return /^Proxy (response|Authentication)/.test(reasonOf(error))
}

/** Node puts every address it tried into an AggregateError without a message. */
function reasonText(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  // Node adds advice about its own command line, which nobody here has typed.
  return plainText(reasonOf(first).replace(/; if the root CA .*$/s, '')) || (systemCodeOf(error) ?? 'unknown reason')
}

function opensslReason(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const named = 'opensslErrorStack' in error ? JSON.stringify(error.opensslErrorStack) : ''
  return `${reasonOf(error).replaceAll(' ', '_')} ${named.replaceAll(' ', '_')}`
}
