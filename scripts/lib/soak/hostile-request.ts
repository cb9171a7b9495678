import type { Catalog } from '../../../src/oci/catalog.ts'
import type { Random } from './random.ts'

/** Some bytes for a connection. */
export interface RawRequest {
  readonly bytes: Buffer
  /** The requests in it, in this order; empty when it is none. */
  readonly requests: readonly { readonly method: string; readonly target: string }[]
  /** All of it is HTTP: each request must be answered. */
  readonly wellFormed: boolean
}

/** Origin-form or absolute-form (RFC 9112, 3.2) in ASCII. Anything else is refused together with all that came before on its connection. */
const LEGAL = /^(?:https?:\/\/[a-z0-9:]+)?\/[\x21-\x7e]*$/

/** Requests that a registry may meet: good ones, odd ones, wrong ones, and bytes that are none. */
export function hostileRequest(catalog: Catalog, random: Random): RawRequest {
  if (random.chance(0.12))
    return { bytes: malformed(targetOf(catalog, random), random), requests: [], wellFormed: false }
  const count = random.chance(0.15) ? random.between(2, 5) : 1
  const requests = Array.from({ length: count }, () => {
    const method = random.chance(0.8) ? 'GET' : random.pick(['HEAD', 'HEAD', 'OPTIONS', 'GET'])
    const good = targetOf(catalog, random)
    return { method, target: random.chance(0.5) ? good : disfigure(good, random) }
  })
  const texts = requests.map(({ method, target }, i) => {
    const headers = ['host: x', ...headersOf(random)]
    if (i === count - 1) headers.push('connection: close')
    return `${method} ${target} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`
  })
  const bytes = Buffer.from(texts.join(''), 'latin1')
  return { bytes, requests, wellFormed: requests.every(({ target }) => LEGAL.test(target)) }
}

/** A target that has an answer. */
function targetOf({ repositories }: Catalog, random: Random): string {
  const [name, { tags, documents, blobs }] = random.pick([...repositories])
  const digests = [...blobs.keys()]
  switch (random.below(10)) {
    case 0:
      return random.pick(['/v2/', '/', '/healthz', '/v2/_catalog', '/v2/_catalog?n=2', `/v2/${name}/tags/list`])
    case 1:
      return tags.size > 0 ? `/v2/${name}/manifests/${random.pick([...tags.keys()])}` : `/v2/${name}/tags/list?n=1`
    case 2:
      return `/v2/${name}/manifests/${random.pick([...documents.keys()])}`
    case 3:
      return `/v2/${name}/referrers/${random.pick([...documents.keys()])}`
    case 4:
      return random.pick([
        '/files/tool',
        '/files/handbook',
        '/files/tool?platform=linux/amd64',
        '/files/tool?platform=',
      ])
    case 5: {
      const [host = '', ...path] = name.split('/')
      return `/v2/${path.join('/')}/blobs/${random.pick(digests)}?ns=${host.replace('_', ':')}`
    }
    default:
      return `/v2/${name}/blobs/${random.pick(digests)}`
  }
}

function headersOf(random: Random): string[] {
  const headers: string[] = []
  const number = (): number => random.pick([0, 1, 511, 512, random.below(3_000_000), 2 ** 31, 2 ** 53, 1e21])
  if (random.chance(0.5))
    headers.push(
      `range: ${random.pick([
        `bytes=${number()}-${number()}`,
        `bytes=${number()}-`,
        `bytes=-${number()}`,
        `bytes=${random.below(1000)}-${random.between(1000, 200_000)}`,
        `bytes=0-0`,
        `bytes=0-1,5-9`,
        `bytes= ${number()} - ${number()}`,
        `bytes=-`,
        `bytes=a-b`,
        `bytes=0x10-0x20`,
        `bytes=1e2-1e3`,
        `BYTES=1-2`,
        `lines=1-2`,
        `bytes=-0`,
        `bytes=+1-+2`,
        '',
      ])}`,
    )
  if (random.chance(0.1))
    headers.push(`if-range: ${random.pick(['"x"', 'W/"x"', 'Mon, 01 Jan 2024 00:00:00 GMT', '*'])}`)
  if (random.chance(0.1)) headers.push(`if-none-match: ${random.pick(['"x"', 'W/"y", "z"', ',,,', '""'])}`)
  if (random.chance(0.2))
    headers.push(random.pick(['accept: */*;q=0', 'accept-encoding: gzip, br', 'te: trailers', 'accept: \u00ff']))
  if (random.chance(0.1))
    headers.push(random.pick(['authorization: Basic !!!', 'cookie: a=b', `x: ${'y'.repeat(4000)}`]))
  return headers
}

const ODD = [
  '%00',
  '%0d%0aset-cookie:%20a=b',
  '%2e%2e',
  '..',
  '.',
  '//',
  '/',
  '%2f',
  '%',
  '%zz',
  '%C0%AF',
  '%ff',
  '\\',
  ';',
  '?',
]
const ODDER = [
  '&',
  '#',
  ':',
  '@',
  '[',
  ']',
  '~',
  '^',
  '|',
  '`',
  '{',
  '\u00e9',
  '%F0%9F%92%A9',
  '*',
  'v2',
  'blobs',
  'sha256:',
  '$&',
]

/** The same with something odd in it; still without spaces, so still a target. */
function disfigure(target: string, random: Random): string {
  let text = target
  for (let times = random.between(1, 3); times > 0; times--) {
    const at = random.below(text.length + 1)
    const [before, after] = [text.slice(0, at), text.slice(at)]
    switch (random.below(9)) {
      case 0:
        text = before + random.pick(ODD) + after
        break
      case 1:
        text = before + random.pick(ODDER) + after
        break
      case 2:
        text = before + after.slice(random.between(1, 5))
        break
      case 3:
        text = before + after.slice(0, 1).toUpperCase() + after.slice(1)
        break
      case 4:
        text = before + after.replace(/^./, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
        break
      case 5:
        text = `${random.pick(['http://x', 'http://x:1', 'https://evil', ''])}${text}`
        break
      case 6:
        text = `${text}${random.pick(['?', '&'])}${random.pick(['ns=', 'n=', 'last=', 'platform=', 'artifactType=', 'ns=a&ns='])}${random.pick(ODD)}`
        break
      case 7:
        text = text.replace(/[0-9a-f]{64}/, (hex) =>
          random.pick([hex.toUpperCase(), hex.slice(1), `${hex}0`, '0'.repeat(64)]),
        )
        break
      default:
        text = before + 'a'.repeat(random.pick([1, 300, 2000])) + after
    }
  }
  return text === '' ? '/' : text
}

/** No request, or one that must not be acted upon. */
function malformed(target: string, random: Random): Buffer {
  const head = `GET ${target} HTTP/1.1\r\nhost: x\r\n`
  const text = random.pick([
    `${head}content-length: 5\r\ncontent-length: 6\r\n\r\nhello!`,
    `${head}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\nGET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n`,
    `${head}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n`,
    `${head}expect: 100-continue\r\ncontent-length: 10\r\n\r\n`,
    `${head} folded: a\r\n b\r\n\r\n`,
    `${head}x: ${'y'.repeat(40_000)}\r\n\r\n`,
    `${head}upgrade: h2c\r\nconnection: upgrade\r\n\r\n`,
    head,
    `GET ${target}\r\n\r\n`,
    `GET ${target} HTTP/9.9\r\n\r\n`,
    `GET ${target} HTTP/1.0\r\n\r\n`,
    `get ${target} HTTP/1.1\nhost: x\n\n`,
    `CONNECT ${target} HTTP/1.1\r\nhost: x\r\n\r\n`,
    `${random.pick(['PUT', 'POST', 'PATCH', 'DELETE'])} ${target} HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nabc`,
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
  ])
  return random.chance(0.2) ? random.bytes(random.between(1, 3000)) : Buffer.from(text, 'latin1')
}
