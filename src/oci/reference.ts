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
const HOST_NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/
const IPV6 = /^\[[0-9a-f:]+\]$/

/**
 * Parses an image name as people write it. A name without tag and digest gets `latest`.
 * @throws FerryError `config-invalid` with the reason and an example.
 */
export function parseReference(text: string): Reference {
  const fail = (why: string): never => {
    // A URL in the place of a name may carry a password.
    const shown = text.slice(0, 300).replaceAll(/\/\/[^/]*@/g, '//***@')
    throw new FerryError('config-invalid', `not an image name: ${JSON.stringify(shown)}: ${why}`, {
      hint: 'Examples: nginx:1.29, quay.io/prometheus/prometheus:v3.5.0, host:5000/a/b@sha256:…',
    })
  }
  if (text.length > 600) return fail('it is longer than any registry accepts')
  if (text.includes('://')) return fail('a name has no https:// or other scheme in front')
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
  const registry = hasHost ? normalHost(first) : 'docker.io'
  let repository = hasHost ? name.slice(slash + 1) : name
  if (registry === 'docker.io' && repository !== '' && !repository.includes('/')) repository = `library/${repository}`
  if (!isHost(registry)) return fail(`${JSON.stringify(registry)} is not a host`)
  // Written out again in lower case it would be read as a path on docker.io.
  if (!isRegistryHost(registry)) return fail('the path must be in lower case, and a host needs a dot or a port')
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

/** Whether this is a host name or address, in lower case, with an optional port: `auth.example`, `[::1]:5000`. */
export function isHost(text: string): boolean {
  const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(text) ?? []
  if (host === undefined || (port !== undefined && (Number(port) < 1 || Number(port) > 65535))) return false
  if (text.length > 255) return false
  return IPV6.test(host) ? expandIpv6(host.slice(1, -1)) !== undefined : HOST_NAME.test(host)
}

/** Whether a name can begin with this host: it has a dot or a port, or is localhost (else it is a path on docker.io). */
export function isRegistryHost(text: string): boolean {
  return isHost(text) && (/[.:]/.test(text) || text === 'localhost')
}

/** A registry host in its normal form: lower case, docker.io under its one name. */
export function normalHost(text: string): string {
  const host = text.toLowerCase()
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host
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
 * A registry host as the first component of a repository path, everywhere a name of Ferry's goes into a path:
 * `127.0.0.1:5000` becomes `127.0.0.1_5000`. An IPv6 address is written out, without brackets, because a path component
 * neither begins with `_` nor has three of them: `[::1]:5000` becomes `0_0_0_0_0_0_0_1_5000`.
 */
export function hostAsPath(registry: string): string {
  const [, address, port] = /^\[(.*)\](:[0-9]+)?$/.exec(registry) ?? []
  const groups = address === undefined ? undefined : expandIpv6(address)
  return (groups ? `${groups.join('_')}${port ?? ''}` : registry).replaceAll(':', '_')
}

/** The eight groups of an IPv6 address without leading zeros (RFC 4291, 2.2, forms 1 and 2), undefined if it is none. */
function expandIpv6(address: string): string[] | undefined {
  const halves = address.split('::')
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail]
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return undefined
  return groups.map((group) => Number.parseInt(group, 16).toString(16))
}
