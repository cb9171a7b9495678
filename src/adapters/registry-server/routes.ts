import { isDigest, type Digest } from '../../oci/digest.ts'
import { hostAsPath, isHost, isRepository, isTag, normalHost } from '../../oci/reference.ts'
import { errorAnswer, shown, type Answer } from './answer.ts'

/** A repository as it was asked for. */
export interface AskedName {
  /** As in the path: for answers that repeat it. Checked to be a repository's name. */
  readonly name: string
  /** containerd's `?ns=`: the upstream host. Checked to be a host. */
  readonly namespace?: string
  /** The paths it can have in the catalog, in the order to try them. */
  readonly paths: readonly string[]
}

export type Route =
  | { readonly kind: 'about' }
  | { readonly kind: 'health' }
  | { readonly kind: 'version' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly repository: AskedName }
  | { readonly kind: 'manifest'; readonly repository: AskedName; readonly reference: TagOrDigest }
  | { readonly kind: 'blob'; readonly repository: AskedName; readonly digest: Digest }
  | { readonly kind: 'referrers'; readonly repository: AskedName; readonly digest: Digest }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'refused'; readonly answer: Answer }

export type TagOrDigest = { readonly tag: string } | { readonly digest: Digest }

/** A request's target (RFC 9112, 3.2) in its parts. */
export interface Target {
  readonly route: Route
  readonly query: URLSearchParams
}

/**
 * Reads a request target: the endpoints of distribution-spec 1.1 that read (end-1, 2, 3, 8, 12), docker's `_catalog`,
 * and Ferry's own. Each part is decoded once and must then be a name, a tag or a digest in its one form.
 */
export function parseTarget(target: string): Target {
  const [, path = '', search = ''] = /^(?:https?:\/\/[^/?#]*)?([^?#]*)(?:\?([^#]*))?/.exec(target) ?? []
  const query = new URLSearchParams(search)
  return { route: parsePath(path, query), query }
}

function parsePath(path: string, query: URLSearchParams): Route {
  if (path !== '' && !path.startsWith('/'))
    return refused(400, `${shown(path)} is not a path: it does not begin with /`)
  const parts = decodeParts(path)
  if (!parts) return refused(400, `${shown(path)} is not a path: its percent-encoding is broken`)
  const [first, ...rest] = parts
  if (parts.length === 0) return { kind: 'about' }
  if (first === 'healthz' && rest.length === 0) return { kind: 'health' }
  if (first === 'v2') return parseApi(rest, query)
  const file = first === 'files' ? rest.join('/') : ''
  if (file !== '' && rest.every((part) => !part.includes('/')) && isRepository(file))
    return { kind: 'file', name: file }
  return refused(404, `there is nothing at ${shown(path)}`)
}

/** The parts of a path; an empty one only at the end (`/v2/`), which does not count. */
function decodeParts(path: string): string[] | undefined {
  const parts = path.split('/').slice(1)
  if (parts.at(-1) === '') parts.pop()
  try {
    return parts.map(decodeURIComponent)
  } catch {
    return undefined
  }
}

function parseApi(parts: readonly string[], query: URLSearchParams): Route {
  if (parts.length === 0) return { kind: 'version' }
  if (parts.length === 1 && parts[0] === '_catalog') return { kind: 'catalog' }
  const last = parts.at(-1) ?? ''
  const word = parts.at(-2)
  const namespace = query.get('ns') ?? undefined
  if (namespace !== undefined && !isHost(namespace.toLowerCase()))
    return refused(400, `ns: ${shown(namespace)} is not a registry host`)
  const name = parts.slice(0, -2).join('/')
  if (!['tags', 'manifests', 'blobs', 'referrers'].includes(word ?? '') || (word === 'tags' && last !== 'list'))
    return refused(404, `there is no such endpoint: ${shown(`/v2/${parts.join('/')}`)}`)
  if (parts.slice(0, -2).some((part) => part.includes('/')) || !isRepository(name))
    return {
      kind: 'refused',
      answer: errorAnswer(400, 'NAME_INVALID', { message: `${shown(name)} cannot be the name of a repository` }),
    }
  const repository = askedName(name, namespace)
  if (word === 'tags') return { kind: 'tags', repository }
  if (word === 'manifests' && !last.includes(':')) return parseTag(repository, last)
  if (!isDigest(last))
    return {
      kind: 'refused',
      answer: errorAnswer(400, 'DIGEST_INVALID', {
        message: `${shown(last)} is not sha256: and 64 lower-case hex digits`,
      }),
    }
  if (word === 'manifests') return { kind: 'manifest', repository, reference: { digest: last } }
  return word === 'blobs' ? { kind: 'blob', repository, digest: last } : { kind: 'referrers', repository, digest: last }
}

function parseTag(repository: AskedName, tag: string): Route {
  if (isTag(tag)) return { kind: 'manifest', repository, reference: { tag } }
  return {
    kind: 'refused',
    answer: errorAnswer(400, 'TAG_INVALID', { message: `${shown(tag)} is neither a tag nor a digest` }),
  }
}

/**
 * A mirror may be given the upstream's own path with the host in `?ns=`, or (`override_path` in hosts.toml) both: the
 * host in the path and in `?ns=`.
 */
function askedName(name: string, namespace: string | undefined): AskedName {
  if (namespace === undefined) return { name, paths: [name] }
  const host = hostAsPath(normalHost(namespace))
  return { name, namespace, paths: [`${host}/${name}`, name] }
}

function refused(status: 400 | 404, message: string): Route {
  return { kind: 'refused', answer: errorAnswer(status, status === 400 ? 'NAME_INVALID' : 'NAME_UNKNOWN', { message }) }
}
