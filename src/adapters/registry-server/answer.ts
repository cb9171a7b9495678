import type { Descriptor } from '../../oci/descriptor.ts'
import type { ByteRange } from '../../oci/served.ts'

/** What a request is answered with, as a value: decided before the first byte is sent. */
export interface Answer {
  readonly status: number
  /** With Content-Length. No value ever holds text of the request that has not been checked to be a plain name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body:
    | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
    | { readonly kind: 'blob'; readonly descriptor: Descriptor; readonly range?: ByteRange }
}

/** distribution-spec 1.1 "Error Codes", and two that docker-registry has beyond them. */
export type RegistryErrorCode =
  | 'BLOB_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'PAGINATION_NUMBER_INVALID'
  | 'TAG_INVALID'
  | 'UNKNOWN'
  | 'UNSUPPORTED'

export function bytesAnswer(
  status: number,
  bytes: Uint8Array,
  headers: Readonly<Record<string, string>> & { readonly 'content-type': string },
): Answer {
  return {
    status,
    headers: { ...headers, 'content-length': String(bytes.length) },
    body: { kind: 'bytes', bytes },
  }
}

export function jsonAnswer(
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
  mediaType = 'application/json',
): Answer {
  return bytesAnswer(200, encode(JSON.stringify(value)), { ...headers, 'content-type': mediaType })
}

export function textAnswer(status: number, text: string): Answer {
  return bytesAnswer(status, encode(`${text}\n`), { 'content-type': 'text/plain; charset=utf-8' })
}

/**
 * An error in the registry's form (distribution-spec 1.1 "Error Codes").
 * @param message what, where and why.
 * @param detail what to do next.
 */
export function errorAnswer(
  status: number,
  code: RegistryErrorCode,
  { message, detail }: { readonly message: string; readonly detail?: string },
): Answer {
  const errors = [{ code, message, ...(detail !== undefined && { detail }) }]
  return bytesAnswer(status, encode(JSON.stringify({ errors })), { 'content-type': 'application/json' })
}

/** A text of the request for a message: quoted and short. */
export function shown(text: string): string {
  return JSON.stringify(text.length <= 100 ? text : `${text.slice(0, 100)}…`)
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
