import type { OpenBundle } from '../../../src/bundle/open-bundle.ts'
import { digestOf, isDigest } from '../../../src/oci/digest.ts'
import type { RawAnswer } from './raw-http.ts'

export interface Expectations {
  readonly bundle: OpenBundle
  /** The bundle's file, whole and undamaged. */
  readonly bytes: Buffer
  /** A blob that is damaged in the file that is served: nothing of it may come out whole. */
  readonly damaged?: string
  /** What is no HTTP takes the answers of its connection along. */
  readonly mayBreakOff: boolean
}

/** Answers without content of the bundle. */
const OWN_WORDS = /^(?:\/?$|\/healthz|\/v2\/?$|\/v2\/_catalog|.*\/tags\/list|.*\/referrers\/)/

/** What is wrong with an answer, whatever was asked; undefined when nothing is. */
export function wrongWith(
  answer: RawAnswer,
  asked: { readonly method: string; readonly target: string } | undefined,
  { bundle, bytes, damaged, mayBreakOff }: Expectations,
): string | undefined {
  const { status, headers, body, complete } = answer
  const digest = headers.get('docker-content-digest')
  if (status >= 500 && damaged === undefined) return `status ${status}: ${body.toString().slice(0, 300)}`
  for (const name of headers.keys()) if (!KNOWN_HEADERS.has(name)) return `a header that nobody wrote: ${name}`
  if (status !== 200 && status !== 206) return undefined
  if (digest === undefined) {
    const path = plainPath(asked?.target ?? '/')
    return path === undefined || OWN_WORDS.test(path) ? undefined : `status ${status} without a digest for ${path}`
  }
  if (!isDigest(digest)) return `${digest} is no digest`
  const place = bundle.places.get(digest)
  if (!place) return `${digest} is not in the bundle`
  if (asked) {
    const wanted = /\/(?:blobs|manifests)\/(sha256:[0-9a-f]{64})/.exec(plainPath(asked.target) ?? '')?.[1]
    if (wanted !== undefined && wanted !== digest) return `asked for ${wanted}, got ${digest}`
  }
  if (asked?.method === 'HEAD')
    return Number(headers.get('content-length')) === place.size ? undefined : `HEAD: not ${place.size} bytes`
  if (damaged === digest && complete) return `${status}: ${body.length} bytes of a damaged blob`
  const whole = bytes.subarray(place.offset, place.offset + place.size)
  // A client that is left with less than was announced knows; what came must be right all the same.
  if (status === 200) {
    if (Number(headers.get('content-length')) !== place.size) return 'another content-length than its size'
    if (!complete) return damaged === digest || mayBreakOff ? undefined : `broken off after ${body.length} bytes`
    return digestOf(body) === digest ? undefined : `200 with other bytes than ${digest}`
  }
  const [, from, to, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
  if (Number(size) !== place.size) return `content-range: ${headers.get('content-range') ?? ''}`
  if (!complete) return mayBreakOff ? undefined : `broken off after ${body.length} bytes`
  return body.equals(whole.subarray(Number(from), Number(to) + 1)) ? undefined : `206 with other bytes than ${digest}`
}

const KNOWN_HEADERS = new Set([
  'accept-ranges',
  'allow',
  'connection',
  'content-disposition',
  'content-length',
  'content-range',
  'content-type',
  'date',
  'docker-content-digest',
  'docker-distribution-api-version',
  'etag',
  'keep-alive',
  'link',
  'oci-filters-applied',
  'transfer-encoding',
  'x-content-type-options',
])

function plainPath(target: string): string | undefined {
  try {
    return decodeURIComponent(target.replace(/^https?:\/\/[^/?#]*/, '').replace(/[?#].*$/s, ''))
  } catch {
    return undefined
  }
}
