import { FerryError } from '../../errors.ts'
import { digestOf, isDigest, type Digest } from '../../oci/digest.ts'
import { MAX_DOCUMENT_BYTES, parseDocument, sniffMediaType } from '../../oci/document.ts'
import { isDocumentType, MEDIA } from '../../oci/media-types.ts'
import type { FetchedDocument, Registry } from '../../oci/registry.ts'
import type { Endpoint } from './endpoint.ts'
import type { HttpResponse } from './http.ts'
import { apiPath, scopeOf } from './names.ts'
import { readRefusal, refusalError } from './status-error.ts'

/** Schema 1 is asked for too: that there is nothing newer is worth saying. */
const ACCEPT = [
  MEDIA.ociIndex,
  MEDIA.dockerList,
  MEDIA.ociManifest,
  MEDIA.dockerManifest,
  MEDIA.dockerSchema1Signed,
  MEDIA.dockerSchema1,
].join(', ')

/** distribution-spec 1.1 "Pulling manifests". One attempt. */
export async function fetchDocument(
  endpoint: Endpoint,
  repository: string,
  tagOrDigest: string,
  signal?: AbortSignal,
): Promise<FetchedDocument | undefined> {
  const what = nameOfDocument(endpoint, repository, tagOrDigest)
  const response = await askForDocument(endpoint, { method: 'GET', repository, tagOrDigest, signal })
  if (response.status === 404) {
    response.body.discard()
    return undefined
  }
  if (response.status !== 200) throw await endpoint.unexpected(response, what)
  const announced = announcedDigest(response, what)
  const length = Number(response.header('content-length') ?? 0)
  if (length > MAX_DOCUMENT_BYTES) {
    response.body.discard()
    throw new FerryError('content-invalid', `${what} has ${length} bytes; at most ${MAX_DOCUMENT_BYTES} are accepted`)
  }
  const bytes = await response.body.readAll(MAX_DOCUMENT_BYTES)
  const mediaType = mediaTypeOf(response, bytes)
  // Its digest leaves its own signature out, so comparing it would hide the reason.
  if (mediaType === MEDIA.dockerSchema1 || mediaType === MEDIA.dockerSchema1Signed)
    parseDocument(bytes, mediaType, what)
  const digest = digestOf(bytes)
  checkDigest(digest, { asked: tagOrDigest, announced, what })
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes }
}

/** HEAD on a manifest; where the registry does not tell the digest, it is fetched. One attempt. */
export async function headDocument(
  endpoint: Endpoint,
  repository: string,
  tagOrDigest: string,
  signal?: AbortSignal,
): Promise<Digest | undefined> {
  const what = nameOfDocument(endpoint, repository, tagOrDigest)
  const response = await askForDocument(endpoint, { method: 'HEAD', repository, tagOrDigest, signal })
  response.body.discard()
  if (response.status === 404) return undefined
  if (response.status !== 200) throw await endpoint.unexpected(response, what)
  const announced = announcedDigest(response, what)
  if (announced === undefined)
    return (await fetchDocument(endpoint, repository, tagOrDigest, signal))?.descriptor.digest
  if (isDigest(tagOrDigest)) checkDigest(announced, { asked: tagOrDigest, announced, what })
  return announced
}

/** "Pushing manifests". One attempt. */
export async function putDocument(
  endpoint: Endpoint,
  repository: string,
  tagOrDigest: string,
  options: { readonly mediaType: string; readonly bytes: Uint8Array; readonly signal?: AbortSignal },
): Promise<Awaited<ReturnType<Registry['putDocument']>>> {
  const { mediaType, bytes, signal } = options
  const what = nameOfDocument(endpoint, repository, tagOrDigest)
  const response = await endpoint.send({
    method: 'PUT',
    url: endpoint.address(apiPath(repository, 'manifests', tagOrDigest)),
    scopes: [scopeOf(endpoint.repository(repository), 'pull,push')],
    what,
    headers: { 'content-type': mediaType },
    body: () => bytes,
    ...(signal && { signal }),
  })
  const { status } = response
  if (status === 201 || status === 200 || status === 202) {
    response.body.discard()
    const announced = announcedDigest(response, what)
    checkDigest(digestOf(bytes), { asked: tagOrDigest, announced, what })
    return { subjectHandled: response.header('oci-subject') !== undefined }
  }
  const refusal = await readRefusal(response, endpoint.mask)
  if (status === 400 || status === 404 || status === 413 || status === 422)
    return { refused: refusal.text || `status ${status}`, code: refusal.code }
  const { host, origin, mask } = endpoint
  throw refusalError({ response, host, origin, what, now: endpoint.now(), mask }, refusal)
}

function askForDocument(
  endpoint: Endpoint,
  options: {
    readonly method: 'GET' | 'HEAD'
    readonly repository: string
    readonly tagOrDigest: string
    readonly signal: AbortSignal | undefined
  },
): Promise<HttpResponse> {
  const { method, repository, tagOrDigest, signal } = options
  return endpoint.send({
    method,
    url: endpoint.address(apiPath(repository, 'manifests', tagOrDigest)),
    scopes: [scopeOf(endpoint.repository(repository), 'pull')],
    what: nameOfDocument(endpoint, repository, tagOrDigest),
    headers: { accept: ACCEPT },
    ...(signal && { signal }),
  })
}

/** For messages: `docker.io/library/nginx:1.29`. */
function nameOfDocument(endpoint: Endpoint, repository: string, tagOrDigest: string): string {
  return `${endpoint.host}/${endpoint.repository(repository)}${isDigest(tagOrDigest) ? '@' : ':'}${tagOrDigest}`
}

function announcedDigest(response: HttpResponse, what: string): Digest | undefined {
  const value = response.header('docker-content-digest')
  // Other algorithms than sha256 are allowed here, and of no use.
  if (value === undefined || !value.startsWith('sha256:')) return undefined
  if (!isDigest(value)) throw new FerryError('registry-protocol', `${what}: Docker-Content-Digest is not a digest`)
  return value
}

function checkDigest(
  computed: Digest,
  known: { readonly asked: string; readonly announced: Digest | undefined; readonly what: string },
): void {
  const wanted = isDigest(known.asked) ? known.asked : known.announced
  if (wanted === undefined || wanted === computed) return
  throw new FerryError('registry-digest', `${known.what}: expected ${wanted}, but the content is ${computed}`, {
    hint: 'The manifest was changed or damaged on the way or in the registry. Nothing of it was used.',
  })
}

function mediaTypeOf(response: HttpResponse, bytes: Uint8Array): string {
  const type = (response.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (isDocumentType(type) || type === MEDIA.dockerSchema1 || type === MEDIA.dockerSchema1Signed) return type
  return sniffMediaType(bytes) ?? type
}
