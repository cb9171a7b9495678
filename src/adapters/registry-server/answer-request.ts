import type { CatalogRepository } from '../../oci/catalog.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ServedContent } from '../../oci/served.ts'
import { errorAnswer, jsonAnswer, textAnswer, type Answer } from './answer.ts'
import { blobAnswer, documentAnswer, type Asked } from './content-answer.ts'
import { catalogAnswer, referrersAnswer, tagsAnswer } from './listings.ts'
import { fileAnswer } from './plain-files.ts'
import { parseTarget, type AskedName, type TagOrDigest } from './routes.ts'

/** A request as far as it counts. */
export interface RegistryRequest extends Omit<Asked, 'method'> {
  readonly method: string
  /** The request target: `/v2/library/nginx/tags/list?ns=docker.io`. */
  readonly target: string
}

/** Decides what a request is answered with. Reads nothing but the catalog and manifests, all of it in memory. */
export function answerRequest(content: ServedContent, request: RegistryRequest): Answer {
  const { method, headers, target } = request
  if (method !== 'GET' && method !== 'HEAD') return refuseWrite()
  const { route, query } = parseTarget(target)
  const asked = { method, headers } as const
  switch (route.kind) {
    case 'refused':
      return route.answer
    case 'about':
      return textAnswer(200, aboutText(content))
    case 'health':
      return textAnswer(200, 'ok')
    case 'version':
      return jsonAnswer({})
    case 'catalog':
      return catalogAnswer(content, query)
    case 'file':
      return fileAnswer(content, route.name, asked, query.get('platform'))
    default:
      break
  }
  const found = findRepository(content, route.repository)
  if (!found) return unknownName(route.repository)
  switch (route.kind) {
    case 'tags':
      return tagsAnswer(found.repository, route.repository, query)
    case 'referrers':
      return referrersAnswer(found.repository, route.digest, query)
    case 'manifest':
      return manifestAnswer(content, found, asked, route.reference)
    case 'blob':
      return findBlob(content, found, asked, route.digest)
  }
}

interface FoundRepository {
  readonly path: string
  readonly repository: CatalogRepository
}

function findRepository({ catalog }: ServedContent, { paths }: AskedName): FoundRepository | undefined {
  for (const path of paths) {
    const repository = catalog.repositories.get(path)
    if (repository) return { path, repository }
  }
  return undefined
}

function manifestAnswer(
  content: ServedContent,
  { path, repository }: FoundRepository,
  asked: Asked,
  reference: TagOrDigest,
): Answer {
  const descriptor =
    'tag' in reference ? repository.tags.get(reference.tag) : repository.documents.get(reference.digest)
  const bytes = descriptor && content.document(descriptor.digest)
  if (bytes) return documentAnswer(asked, descriptor, bytes)
  const what = 'tag' in reference ? `no tag ${reference.tag}` : `no manifest ${reference.digest}`
  return errorAnswer(404, 'MANIFEST_UNKNOWN', {
    message: `${path} has ${what} here`,
    detail: 'Only what the bundle carries is served; an index may name platforms that were left out of it.',
  })
}

function findBlob(content: ServedContent, { path, repository }: FoundRepository, asked: Asked, digest: Digest): Answer {
  const descriptor = repository.blobs.get(digest)
  if (!descriptor) return errorAnswer(404, 'BLOB_UNKNOWN', { message: `${path} has no blob ${digest} here` })
  return content.isBarred(descriptor) ? damagedAnswer(digest) : blobAnswer(asked, descriptor)
}

/** What is said of a blob whose bytes are not those that were signed. */
export function damagedAnswer(digest: Digest): Answer {
  return errorAnswer(500, 'UNKNOWN', {
    message: `the blob ${digest} was damaged or altered; it is not given out`,
    detail: 'Ask whoever runs this registry to check the bundle with ferry verify and to copy it again.',
  })
}

function unknownName({ name, namespace }: AskedName): Answer {
  const where = namespace === undefined ? '' : ` of ${namespace}`
  return errorAnswer(404, 'NAME_UNKNOWN', {
    message: `there is no repository ${name}${where} here`,
    detail: 'Names are <upstream host>/<repository>, as docker.io/library/nginx; /v2/_catalog lists them.',
  })
}

function refuseWrite(): Answer {
  const answer = errorAnswer(405, 'UNSUPPORTED', {
    message: 'this registry is read-only: it serves a signed bundle',
    detail: 'Use ferry push to fill a registry of your own.',
  })
  // What the client goes on sending is not read.
  return { ...answer, headers: { ...answer.headers, allow: 'GET, HEAD', connection: 'close' } }
}

function aboutText({ title, catalog }: ServedContent): string {
  return `Ferry serves ${title}: ${catalog.entries.length} items in ${catalog.repositories.size} repositories, read-only.
Names: /v2/_catalog. Images: <this host>/<upstream host>/<repository>. Files: /files/NAME?platform=os/architecture.`
}
