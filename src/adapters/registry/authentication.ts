import { FerryError } from '../../errors.ts'
import { parseChallenges, type Challenge } from './challenge.ts'
import type { Credentials } from './credential.ts'
import type { FindCredentials } from './credentials.ts'
import { resolveTarget, type HttpRequest, type HttpResponse } from './http.ts'
import type { Mask } from './safe-text.ts'
import { basicAuthorization, checkRealm, fetchToken, type BearerToken, type TokenService } from './token.ts'

/** Who we are to one registry host. What it learned from a challenge it uses for the following requests at once. */
export interface Authentication {
  /** The value of Authorization for these scopes; undefined while the registry has not asked for one. */
  authorize(scopes: readonly string[]): Promise<string | undefined>
  /**
   * What to send after a 401.
   * @param challenge its WWW-Authenticate.
   * @param used the Authorization that was refused.
   * @throws FerryError `registry-auth` when there is nothing (else) to send.
   */
  answer(challenge: string | undefined, scopes: readonly string[], used: string | undefined): Promise<string>
}

export interface AuthenticationOptions {
  /** As people call the registry. */
  readonly host: string
  readonly base: URL
  readonly tokenHosts: readonly string[]
  readonly findCredentials: FindCredentials
  readonly send: (request: HttpRequest) => Promise<HttpResponse>
  readonly now: () => number
  readonly mask: Mask
}

type Method = { readonly kind: 'basic' } | { readonly kind: 'bearer'; readonly service: TokenService }

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const { host, mask, now } = options
  const tokens = new Map<string, Promise<BearerToken>>()
  /** By the scopes we want: those the registry wants for them, which need not be the same. */
  const needs = new Map<string, readonly string[]>()
  let method: Method | undefined

  const credentials = async (): Promise<Credentials | undefined> => {
    const found = await options.findCredentials(host)
    if (found?.kind === 'basic') {
      mask.add(found.password)
      mask.add(basicAuthorization(found).slice('Basic '.length))
    } else if (found) mask.add(found.token)
    return found
  }

  const basic = async (): Promise<string> => {
    const found = await credentials()
    if (found?.kind !== 'basic')
      throw new FerryError('registry-auth', `${host} asks for a user name and password; none are known`, {
        hint: `docker login ${host}`,
      })
    return basicAuthorization(found)
  }

  const bearer = async (service: TokenService, scopes: readonly string[]): Promise<string> => {
    const key = scopes.join(' ')
    let pending = tokens.get(key)
    if (pending && (await pending).expires <= now()) {
      // Of many that see it expire only the first one fetches anew.
      if (tokens.get(key) === pending) tokens.delete(key)
      pending = tokens.get(key)
    }
    if (!pending) {
      pending = credentials().then((found) =>
        fetchToken({ service, scopes, credentials: found, host, send: options.send, now, mask }),
      )
      tokens.set(key, pending)
      pending.catch(() => tokens.delete(key))
    }
    return `Bearer ${(await pending).token}`
  }

  return {
    async authorize(scopes) {
      if (!method) return undefined
      return method.kind === 'basic'
        ? await basic()
        : await bearer(method.service, needs.get(scopes.join(' ')) ?? mergeScopes(scopes))
    },

    async answer(header, scopes, used) {
      const challenges = parseChallenges(header)
      const wanted = challenges.find((challenge) => challenge.scheme === 'bearer')
      if (wanted) {
        const service = tokenService(wanted, options)
        const same = method?.kind === 'bearer' && method.service.realm.href === service.realm.href
        if (!same) tokens.clear()
        method = { kind: 'bearer', service }
        const needed = mergeScopes([...scopes, ...(wanted.parameters.get('scope') ?? '').split(' ').filter(Boolean)])
        needs.set(scopes.join(' '), needed)
        const cached = tokens.get(needed.join(' '))
        // It may have run out, or been withdrawn. The one after it must hold.
        if (cached && `Bearer ${(await cached).token}` === used) tokens.delete(needed.join(' '))
        return bearer(service, needed)
      }
      if (challenges.some((challenge) => challenge.scheme === 'basic')) {
        method = { kind: 'basic' }
        const authorization = await basic()
        if (authorization === used)
          throw new FerryError('registry-auth', `${host} does not accept the user name and password it has on file`, {
            hint: `docker login ${host}`,
          })
        return authorization
      }
      throw new FerryError('registry-auth', `${host} answers 401 without a way to log in that Ferry knows`, {
        hint: 'Known are Basic and Bearer (distribution token authentication).',
      })
    },
  }
}

function tokenService(challenge: Challenge, options: AuthenticationOptions): TokenService {
  const realm = challenge.parameters.get('realm')
  if (realm === undefined)
    throw new FerryError('registry-auth', `${options.host} asks for a token but does not say from where`)
  const target = resolveTarget(realm, options.base, 'the realm of its token service')
  return { realm: checkRealm(target, options), service: challenge.parameters.get('service') }
}

/** `repository:a:pull` and `repository:a:pull,push` are one scope with both actions; sorted, so that it can be a key. */
export function mergeScopes(scopes: readonly string[]): string[] {
  const merged = new Map<string, Set<string>>()
  for (const scope of scopes) {
    const colon = scope.lastIndexOf(':')
    if (colon <= 0) continue
    const name = scope.slice(0, colon)
    const actions = merged.get(name) ?? new Set()
    for (const action of scope.slice(colon + 1).split(',')) actions.add(action)
    merged.set(name, actions)
  }
  return [...merged].map(([name, actions]) => `${name}:${[...actions].toSorted().join(',')}`).toSorted()
}
