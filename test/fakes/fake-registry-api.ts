import { digestOf, isDigest, type Digest } from '../../src/oci/digest.ts'
import { MEDIA } from '../../src/oci/media-types.ts'
import type { FakeGate } from './fake-registry-auth.ts'
import type { FakeContent, FakeDocument } from './fake-registry-content.ts'
import type { FakeUploads } from './fake-registry-uploads.ts'
import type { FakeAnswer, FakeRequest, FakeServer, ReadBody } from './fake-server.ts'

/** What this registry can and cannot. */
export interface FakeBehaviour {
  /** Whether there is a referrers API; without it 404. Default true. */
  readonly referrers?: boolean
  /** Whether Range requests are honoured; without it they are answered with 200. Default true. */
  readonly ranges?: boolean
  /** Whether a manifest may name blobs or manifests that are not there. Default false: 400 MANIFEST_BLOB_UNKNOWN. */
  readonly sparse?: boolean
  /** Tags in one page, however many are asked for. Default: as asked for. */
  readonly pageSize?: number
  /** Whether the digest of a manifest is told in headers. Default true. */
  readonly digestHeader?: boolean
}

/** What an API call needs of its registry. */
export interface ApiParts {
  readonly content: FakeContent
  readonly uploads: FakeUploads
  readonly gate: FakeGate
  readonly options: FakeBehaviour
  readonly storage: FakeServer | undefined
}

const ROUTE = /^\/v2\/(.+?)\/(?:(manifests|blobs|referrers)\/([^/]+)|(blobs\/uploads)\/([^/]*)|(tags\/list))$/

/** One call of the distribution API. */
export function answerApi(request: FakeRequest, readBody: ReadBody, parts: ApiParts): Promise<FakeAnswer> | FakeAnswer {
  const { content, uploads, gate, options, storage } = parts
  if (request.path === '/v2/') return gate.refuse(request, []) ?? { status: 200, body: '{}' }
  const match = ROUTE.exec(request.path)
  const repository = match?.[1]
  if (!match || repository === undefined) return failure(404, 'NOT_FOUND')
  const reading = request.method === 'GET' || request.method === 'HEAD'
  const actions = reading && match[4] === undefined ? 'pull' : 'pull,push'
  const from = request.query.get('from')
  const refused = gate.refuse(request, [
    `repository:${repository}:${actions}`,
    ...(from === null ? [] : [`repository:${from}:pull`]),
  ])
  if (refused) return refused
  if (match[4] !== undefined) return uploads.handle(request, { repository, session: match[5] ?? '' }, readBody)
  if (match[6] !== undefined) return tagsPage(request, repository, parts)
  const reference = match[3] ?? ''
  if (match[2] === 'referrers') return referrers(repository, reference, parts)
  if (match[2] === 'manifests') {
    return reading
      ? manifest(repository, reference, parts)
      : putManifest(request, readBody, { repository, reference, parts })
  }
  const bytes = isDigest(reference) ? content.repositories.get(repository)?.blobs.get(reference) : undefined
  if (!bytes) return failure(404, 'BLOB_UNKNOWN')
  if (storage)
    return { status: 307, headers: { location: `${storage.url}/${repository}/${reference}?signature=secret` } }
  return ranged(request, bytes, options)
}

/** A blob from the server that redirects lead to. */
export function answerStorage(request: FakeRequest, content: FakeContent, options: FakeBehaviour): FakeAnswer {
  const slash = request.path.lastIndexOf('/')
  const bytes = content.repositories
    .get(request.path.slice(1, slash))
    ?.blobs.get(request.path.slice(slash + 1) as Digest)
  return bytes ? ranged(request, bytes, options) : { status: 404 }
}

function ranged(request: FakeRequest, bytes: Buffer, options: FakeBehaviour): FakeAnswer {
  const from = /^bytes=(\d+)-$/.exec(request.headers['range'] as string)?.[1]
  const headers = { 'content-type': 'application/octet-stream' }
  if (from === undefined || options.ranges === false) return { status: 200, headers, body: bytes }
  const start = Number(from)
  if (start >= bytes.length) return { status: 416, headers: { 'content-range': `bytes */${bytes.length}` } }
  const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`
  return { status: 206, headers: { ...headers, 'content-range': range }, body: bytes.subarray(start) }
}

function manifest(repository: string, reference: string, { content, options }: ApiParts): FakeAnswer {
  const found = content.find(repository, reference)
  if (!found) return failure(404, 'MANIFEST_UNKNOWN')
  const headers: Record<string, string> = { 'content-type': found.mediaType }
  if (options.digestHeader !== false) headers['docker-content-digest'] = found.digest
  return { status: 200, headers, body: found.bytes }
}

async function putManifest(
  request: FakeRequest,
  readBody: ReadBody,
  target: { readonly repository: string; readonly reference: string; readonly parts: ApiParts },
): Promise<FakeAnswer> {
  const { repository, reference, parts } = target
  const pieces: Buffer[] = []
  if (!(await readBody((piece) => pieces.push(piece)))) return { status: 499 }
  const bytes = Buffer.concat(pieces)
  const mediaType = String(request.headers['content-type'])
  if (isDigest(reference) && digestOf(bytes) !== reference) return failure(400, 'DIGEST_INVALID')
  const json = JSON.parse(bytes.toString()) as Named & {
    manifests?: Named[]
    config?: Named
    layers?: Named[]
    subject?: Named
  }
  const held = parts.content.repository(repository)
  const missing =
    json.manifests?.find((child) => !held.documents.has(child.digest)) ??
    [json.config, ...(json.layers ?? [])].find((child) => child && !held.blobs.has(child.digest))
  if (missing && !parts.options.sparse) return failure(400, 'MANIFEST_BLOB_UNKNOWN', missing.digest)
  const tag = isDigest(reference) ? {} : { tag: reference }
  const digest = parts.content.addDocument(repository, { content: bytes, mediaType, ...tag })
  const headers: Record<string, string> = {
    location: `/v2/${repository}/manifests/${digest}`,
    'docker-content-digest': digest,
  }
  if (json.subject && parts.options.referrers !== false) headers['oci-subject'] = json.subject.digest
  return { status: 201, headers }
}

interface Named {
  readonly digest: Digest
}

function referrers(repository: string, subject: string, { content, options }: ApiParts): FakeAnswer {
  if (options.referrers === false) return { status: 404, body: '404 page not found' }
  const manifests = [...(content.repositories.get(repository)?.documents ?? [])].flatMap(([digest, document]) => {
    const json = parse(document)
    if (json.subject?.digest !== subject) return []
    const artifactType = json.artifactType ?? json.config?.mediaType
    const { mediaType, bytes } = document
    return [{ mediaType, digest, size: bytes.length, artifactType, annotations: json.annotations }]
  })
  const body = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests })
  return { status: 200, headers: { 'content-type': MEDIA.ociIndex }, body }
}

function parse(document: FakeDocument): {
  readonly subject?: Named
  readonly artifactType?: string
  readonly config?: { readonly mediaType?: string }
  readonly annotations?: Record<string, string>
} {
  return JSON.parse(document.bytes.toString()) as ReturnType<typeof parse>
}

function tagsPage(request: FakeRequest, repository: string, { content, options }: ApiParts): FakeAnswer {
  const held = content.repositories.get(repository)
  if (!held) return failure(404, 'NAME_UNKNOWN')
  const last = request.query.get('last')
  const size = Math.min(Number(request.query.get('n') ?? Infinity), options.pageSize ?? Infinity)
  const all = [...held.tags.keys()].toSorted().filter((tag) => last === null || tag > last)
  const tags = all.slice(0, size)
  const more = all.length > tags.length
  const link = { link: `</v2/${repository}/tags/list?last=${tags.at(-1) ?? ''}&n=${size}>; rel="next"` }
  return { status: 200, ...(more && { headers: link }), body: JSON.stringify({ name: repository, tags }) }
}

function failure(status: number, code: string, detail?: string): FakeAnswer {
  const entry = { code, message: code.toLowerCase().replaceAll('_', ' '), ...(detail !== undefined && { detail }) }
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ errors: [entry] }) }
}
