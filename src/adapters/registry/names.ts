import { FerryError } from '../../errors.ts'
import { isDigest } from '../../oci/digest.ts'
import { isRepository, isTag } from '../../oci/reference.ts'

/** Docker Hub: what people call it, and where its API and its token service are. */
export const DOCKER_HUB = {
  names: new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']),
  apiHost: 'registry-1.docker.io',
  tokenHost: 'auth.docker.io',
  /** The name docker's configuration has for it. */
  configKey: 'https://index.docker.io/v1/',
} as const

/** The path of an API call. Whatever goes into it is checked here: names become paths and headers nowhere else. */
export function apiPath(repository: string, kind: 'manifests' | 'blobs' | 'referrers', reference: string): string {
  if (!isDigest(reference) && !(kind === 'manifests' && isTag(reference)))
    throw new FerryError('registry-protocol', `${JSON.stringify(reference.slice(0, 150))} is not a tag or digest`)
  return `${checkedRepository(repository)}/${kind}/${reference}`
}

export function checkedRepository(repository: string): string {
  if (!isRepository(repository))
    throw new FerryError('registry-protocol', `${JSON.stringify(repository.slice(0, 150))} is not a repository path`)
  return repository
}

/** distribution "Token Scope": what a token is asked for. */
export function scopeOf(repository: string, actions: 'pull' | 'pull,push'): string {
  return `repository:${repository}:${actions}`
}

/** The base address of a registry host. @throws FerryError `config-invalid` for anything but `host[:port]`. */
export function baseAddress(host: string, plainHttp: boolean): URL {
  const name = DOCKER_HUB.names.has(host) ? DOCKER_HUB.apiHost : host
  const url = URL.parse(`${plainHttp ? 'http' : 'https'}://${name}`)
  if (!url || /[/?#@\\\s]/.test(name))
    throw new FerryError('config-invalid', `${JSON.stringify(host.slice(0, 150))} is not a registry host`, {
      hint: 'Expected host or host:port, as registry.example:5000.',
    })
  return url
}
