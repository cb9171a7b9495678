import { isHost, isRegistryHost, isRepository, normalHost } from '../oci/reference.ts'
import type { BundleDraft } from './bundle-draft.ts'
import type { Finding } from './problems.ts'
import { showValue } from './shown-value.ts'

/** Settings are found by the host that image names begin with. */
export function ruleRegistryHosts(draft: BundleDraft): Finding[] {
  const seen = new Map<string, string>()
  return draft.registries.flatMap(({ path, host }): Finding[] => {
    const normal = normalHost(host)
    if (!isHost(normal))
      return [{ path, at: 'key', message: 'expected host or host:port, without https:// and without a path' }]
    if (!isRegistryHost(normal))
      return [
        { path, at: 'key', message: 'no image name begins with this; a host has a dot or a port, or is localhost' },
      ]
    const first = seen.get(normal)
    seen.set(normal, host)
    return first === undefined ? [] : [{ path, at: 'key', message: `the same registry as ${showValue(first)}` }]
  })
}

/** Mirrors are `host[:port][/prefix]`. */
export function ruleRegistryMirrors(draft: BundleDraft): Finding[] {
  return draft.registries.flatMap(({ path, value }) =>
    (value.mirrors ?? []).flatMap((mirror, i) =>
      isMirror(mirror)
        ? []
        : [
            {
              path: [...path, 'mirrors', i],
              message: `${showValue(mirror)}: expected host[:port][/prefix], as mirror.example:5000/quay.io`,
            },
          ],
    ),
  )
}

/** Token hosts are given credentials: hosts and nothing else. */
export function ruleRegistryTokenHosts(draft: BundleDraft): Finding[] {
  return draft.registries.flatMap(({ path, value }) =>
    (value.tokenHosts ?? []).flatMap((host, i) =>
      isHost(host.toLowerCase())
        ? []
        : [{ path: [...path, 'tokenHosts', i], message: `${showValue(host)}: expected host or host:port` }],
    ),
  )
}

function isMirror(text: string): boolean {
  const slash = text.indexOf('/')
  const host = slash < 0 ? text : text.slice(0, slash)
  return isHost(host.toLowerCase()) && (slash < 0 || isRepository(text.slice(slash + 1)))
}
