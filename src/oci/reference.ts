import { FerryError } from '../errors.ts'
import { isDigest, type Digest } from './digest.ts'

/**
 * A reference to content in a registry, in its normal form: `nginx` is `docker.io/library/nginx:latest`.
 * Grammar: distribution/reference; names and tags: distribution-spec 1.1 "Pulling manifests".
 */
export interface Reference {
  /** Host with optional port, lower case: `docker.io`, `127.0.0.1:5000`, `[::1]:5000`. */
  readonly registry: string
  /** `library/nginx`. */
  readonly repository: string
  readonly tag?: string
  readonly digest?: Digest
}

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`)
const HOST =
  /^(?:(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$/

/**
 * Parses an image name as people write it. A name without tag and digest gets `latest`.
 * @throws FerryError `config-invalid` with the reason and an example.
 */
export function parseReference(text: string): Reference {
  const fail = (why: string): never => {
    throw new FerryError('config-invalid', `not an image name: ${JSON.stringify(text.slice(0, 300))}: ${why}`, {
      hint: 'Examples: nginx:1.29, quay.io/prometheus/prometheus:v3.5.0, host:5000/a/b@sha256:…',
    })
  }
  if (text.length > 600) return fail('it is longer than any registry accepts')
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : text.slice(at + 1)
  if (digest !== undefined && !isDigest(digest))
    return fail('after @ there must be sha256: and 64 lower-case hex digits')
  let name = at < 0 ? text : text.slice(0, at)
  const colon = name.lastIndexOf(':')
  let tag: string | undefined
  if (colon > name.lastIndexOf('/')) {
    tag = name.slice(colon + 1)
    name = name.slice(0, colon)
    if (!TAG.test(tag)) return fail(`the tag ${JSON.stringify(tag)} is not made of letters, digits, ".", "_" and "-"`)
  }
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const hasHost = slash > 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first)
  let registry = hasHost ? first.toLowerCase() : 'docker.io'
  let repository = hasHost ? name.slice(slash + 1) : name
  if (registry === 'index.docker.io' || registry === 'registry-1.docker.io') registry = 'docker.io'
  if (registry === 'docker.io' && repository !== '' && !repository.includes('/')) repository = `library/${repository}`
  if (!HOST.test(registry)) return fail(`${JSON.stringify(registry)} is not a host`)
  if (!REPOSITORY.test(repository))
    return fail(
      repository.toLowerCase() === repository
        ? 'the path may have lower-case letters and digits, joined by ".", "_", "-" and "/"'
        : 'the path must be in lower case',
    )
  if (registry.length + 1 + repository.length > 255) return fail('the name is longer than 255 characters')
  return {
    registry,
    repository,
    ...(tag !== undefined ? { tag } : digest === undefined ? { tag: 'latest' } : {}),
    ...(digest !== undefined && { digest }),
  }
}

/** `docker.io/library/nginx`, without tag and digest. */
export function nameOf(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`
}

/** The full normal form, `docker.io/library/nginx:1.29@sha256:…`. */
export function referenceText(reference: Reference): string {
  return (
    nameOf(reference) +
    (reference.tag === undefined ? '' : `:${reference.tag}`) +
    (reference.digest === undefined ? '' : `@${reference.digest}`)
  )
}

export function isTag(text: string): boolean {
  return TAG.test(text)
}

export function isRepository(text: string): boolean {
  return text.length <= 255 && REPOSITORY.test(text)
}

/** The tag of a chart version: `+` is not allowed in tags, Helm writes `_` (helm.sh "OCI registries"). */
export function chartTag(version: string): string {
  return version.replaceAll('+', '_')
}

/**
 * A registry host as the first component of a repository path: `127.0.0.1:5000` becomes `127.0.0.1_5000`, an IPv6
 * `[::1]:5000` becomes `__1_5000` with its brackets dropped, as everywhere a name of Ferry's goes into a path.
 */
export function hostAsPath(registry: string): string {
  return registry.replaceAll(/[[\]]/g, '').replaceAll(':', '_')
}
