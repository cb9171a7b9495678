import { FerryError } from '../errors.ts'
import { isHost, isRepository, normalHost } from '../oci/reference.ts'

/** A registry and the path in it that everything goes below. */
export interface PushTarget {
  /** `harbor.site-a.local`, `127.0.0.1:5000`. */
  readonly host: string
  /** `platform` in `harbor.site-a.local/platform`. */
  readonly prefix?: string
}

/**
 * Parses `REGISTRY[/PREFIX]`.
 * @throws FerryError `usage`
 */
export function parsePushTarget(text: string): PushTarget {
  const fail = (why: string): never => {
    // A URL in the place of a name may carry a password.
    const shown = text.slice(0, 300).replaceAll(/\/\/[^/]*@/g, '//***@')
    throw new FerryError('usage', `not a registry to push to: ${JSON.stringify(shown)}: ${why}`, {
      hint: 'Expected REGISTRY[/PREFIX], as harbor.site-a.local or harbor.site-a.local:8443/platform.',
    })
  }
  if (text.includes('://')) return fail('a name has no https:// or other scheme in front (for http: --plain-http)')
  const slash = text.indexOf('/')
  const host = normalHost(slash < 0 ? text : text.slice(0, slash))
  if (!isHost(host)) return fail(`${JSON.stringify(host.slice(0, 100))} is not a host`)
  const prefix = slash < 0 ? '' : text.slice(slash + 1).replace(/\/$/, '')
  if (prefix === '') return { host }
  if (!isRepository(prefix))
    return fail('the path may have lower-case letters and digits, joined by ".", "_", "-" and "/"')
  return { host, prefix }
}

/** `harbor.site-a.local/platform`. */
export function pushTargetText({ host, prefix }: PushTarget): string {
  return prefix === undefined ? host : `${host}/${prefix}`
}
