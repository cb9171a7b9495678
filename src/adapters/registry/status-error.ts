import { FerryError } from '../../errors.ts'
import { transient } from '../../oci/store.ts'
import type { HttpResponse } from './http.ts'
import { parseRetryAfter } from './retry.ts'
import { plainText, type Mask } from './safe-text.ts'

/** Of an error's body at most this is read. */
const ERROR_BODY_LIMIT = 16 * 1024

/** What the other side said of a failure, harmless to show: distribution-spec 1.1 "Error Codes". */
export interface Refusal {
  /** `MANIFEST_UNKNOWN`, `DENIED`, ... or the empty text. */
  readonly code: string
  /** At most 300 characters. */
  readonly text: string
}

/** Reads the body of an error answer. Never fails: what cannot be read is left out. */
export async function readRefusal(response: HttpResponse, mask: Mask): Promise<Refusal> {
  const type = response.header('content-type') ?? ''
  let body: string
  try {
    body = (await response.body.readAll(ERROR_BODY_LIMIT, 'truncate')).toString('utf8')
  } catch {
    return { code: '', text: '' }
  }
  const problem = parseErrors(body)
  if (problem) return { code: plainText(problem.code, 60), text: plainText(mask.hide(problem.text)) }
  // Pages for browsers say nothing to a person at a terminal.
  return { code: '', text: /html/i.test(type) ? '' : plainText(mask.hide(body)) }
}

function parseErrors(body: string): Refusal | undefined {
  try {
    const json: unknown = JSON.parse(body)
    if (typeof json !== 'object' || json === null) return undefined
    const list = 'errors' in json && Array.isArray(json.errors) ? (json.errors as unknown[]) : [json]
    const errors = list.slice(0, 5).flatMap((entry) => (typeof entry === 'object' && entry !== null ? [entry] : []))
    const codes = errors.map((entry) => field(entry, 'code'))
    const texts = errors.map((entry) =>
      [
        field(entry, 'code'),
        field(entry, 'message') || field(entry, 'details') || field(entry, 'error'),
        detailOf(entry),
      ]
        .filter(Boolean)
        .join(' '),
    )
    return { code: codes[0] ?? '', text: texts.join('; ') }
  } catch {
    return undefined
  }
}

function field(entry: object, name: string): string {
  const value: unknown = Object.getOwnPropertyDescriptor(entry, name)?.value
  return typeof value === 'string' ? value : ''
}

function detailOf(entry: object): string {
  const value: unknown = Object.getOwnPropertyDescriptor(entry, 'detail')?.value
  if (value === undefined || value === null || value === '') return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text === '{}' || text === '[]' ? '' : `(${text.slice(0, 200)})`
}

const HINTS: Readonly<Record<number, string>> = {
  405: 'It takes no uploads: it is read-only, in maintenance, or a cache of another registry.',
  413: 'The registry, or a proxy in front of it, limits how large one upload may be (nginx: client_max_body_size).',
}

/** One answer that was not the wanted one. */
export interface FailedAnswer {
  readonly response: HttpResponse
  /** The registry as people call it. */
  readonly host: string
  /** Of the host that was asked; an answer from elsewhere came after a redirect. */
  readonly origin: string
  /** What was wanted, as `the manifest of library/nginx:1.29`. */
  readonly what: string
  /** Milliseconds since the epoch, for Retry-After. */
  readonly now: number
  readonly mask: Mask
}

/** The error for a status that was not expected; reads the body. 408, 429 and what a server may mend are transient. */
export async function statusError(answer: FailedAnswer): Promise<FerryError> {
  const refusal = await readRefusal(answer.response, answer.mask)
  return refusalError(answer, refusal)
}

/** As `statusError`, where the body has been read. */
export function refusalError({ response, host, origin, what, now }: FailedAnswer, refusal: Refusal): FerryError {
  const { status } = response
  const words = refusal.text === '' ? '' : `: ${refusal.text}`
  // The path and query of a redirect may be a credential: only its host is shown.
  const from = response.url.origin === origin ? host : `${host} (sent on to ${response.url.host})`
  const afterMs = parseRetryAfter(response.header('retry-after'), now)
  const wait = afterMs === undefined ? {} : { afterMs }
  if (status === 429)
    return transient(
      new FerryError('registry-refused', `${from}: 429, too many requests (${what})${words}`, {
        hint: `${host} limits how much may be asked. With an account the limit is often higher: docker login ${host}`,
      }),
      wait,
    )
  if (status === 408 || (status >= 500 && status !== 501 && status !== 505))
    return transient(new FerryError('registry-refused', `${from}: ${status} (${what})${words}`), wait)
  if (status === 401 || status === 403) {
    const error = new FerryError('registry-auth', `${from}: ${status}, not allowed (${what})${words}`, {
      hint: `Check the name. If it is private: docker login ${host}`,
    })
    // A storage address signed for a few minutes may have run out; the registry hands out a new one.
    return from === host ? error : transient(error, { attempts: 3 })
  }
  if (status === 404)
    return new FerryError('registry-not-found', `${from}: ${what} is not there (404)${words}`, {
      hint: 'Check the name, and whether it was deleted.',
    })
  // What Go's servers say to plain HTTP on a TLS port; to HEAD they say it without words.
  const hint =
    status === 400 && response.url.protocol === 'http:'
      ? `If ${host} speaks HTTPS, leave plainHttp (--plain-http) away.`
      : HINTS[status]
  return new FerryError('registry-refused', `${from}: unexpected answer ${status} (${what})${words}`, {
    ...(hint !== undefined && { hint }),
  })
}
