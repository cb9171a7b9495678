import type { IncomingHttpHeaders } from 'node:http'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { bytesAnswer, type Answer } from './answer.ts'
import { parseRange } from './byte-range.ts'

/** What a request says beyond its target. */
export interface Asked {
  readonly method: 'GET' | 'HEAD'
  readonly headers: IncomingHttpHeaders
}

/** A manifest's own bytes, or 304 for who has them. Accept is not looked at: content is served as it is or not at all. */
export function documentAnswer(asked: Asked, { digest, mediaType }: Descriptor, bytes: Uint8Array): Answer {
  const headers = { etag: etagOf(digest), 'docker-content-digest': digest }
  if (matches(asked.headers['if-none-match'], digest)) return notModified(headers)
  return bytesAnswer(200, bytes, { ...headers, 'content-type': mediaType })
}

/**
 * A blob, a part of it (206), or what stands for it: 304, 416 (RFC 9110, 13.2.2 and 14).
 * @param headers further ones, as Content-Disposition.
 */
export function blobAnswer(
  asked: Asked,
  descriptor: Descriptor,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const { digest, size } = descriptor
  const tags = { etag: etagOf(digest), 'docker-content-digest': digest, 'accept-ranges': 'bytes', ...headers }
  if (matches(asked.headers['if-none-match'], digest)) return notModified(tags)
  // A Range is for GET only, and only of the content that the client has begun with.
  const current = [undefined, etagOf(digest)].includes(asked.headers['if-range'] as string | undefined)
  const range = asked.method === 'GET' && current ? parseRange(asked.headers.range, size) : undefined
  if (range === 'unsatisfiable')
    return { ...notModified({ ...tags, 'content-range': `bytes */${size}`, 'content-length': '0' }), status: 416 }
  const whole = { ...tags, 'content-type': 'application/octet-stream' }
  if (!range)
    return { status: 200, headers: { ...whole, 'content-length': String(size) }, body: { kind: 'blob', descriptor } }
  return {
    status: 206,
    headers: {
      ...whole,
      'content-range': `bytes ${range.start}-${range.end - 1}/${size}`,
      'content-length': String(range.end - range.start),
    },
    body: { kind: 'blob', descriptor, range },
  }
}

/** The digest is a strong validator: equal content, equal tag (RFC 9110, 8.8.3). */
function etagOf(digest: Digest): string {
  return `"${digest}"`
}

function matches(ifNoneMatch: string | undefined, digest: Digest): boolean {
  if (ifNoneMatch === undefined) return false
  const wanted = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return wanted.includes('*') || wanted.includes(etagOf(digest))
}

function notModified(headers: Readonly<Record<string, string>>): Answer {
  return { status: 304, headers, body: { kind: 'bytes', bytes: new Uint8Array() } }
}
