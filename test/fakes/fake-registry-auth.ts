import { randomUUID } from 'node:crypto'
import type { FakeAnswer, FakeRequest } from './fake-server.ts'

/** How a fake registry wants to know who asks. */
export type FakeAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | {
      readonly kind: 'bearer'
      /** Without them everyone gets a token. */
      readonly username?: string
      readonly password?: string
      /** Whether those without credentials get tokens that can pull. Default: true without `username`. */
      readonly anonymousPull?: boolean
      /** Accepted in an OAuth2 POST. */
      readonly refreshToken?: string
      /** Tokens come from a server with another name and port. Default false. */
      readonly foreign?: boolean
      /** Seconds a token is accepted. Default 300. */
      readonly expiresIn?: number
      /** Instead of the real realm, as a hostile registry would say. */
      readonly realm?: string
      readonly scopeInChallenge?: boolean
    }

export interface FakeGate {
  /** What to answer instead, undefined: may pass. */
  refuse(request: FakeRequest, scopes: readonly string[]): FakeAnswer | undefined
  /** The token service. */
  token(request: FakeRequest, form: URLSearchParams): FakeAnswer
  /** Every token handed out so far is worth nothing any more. */
  revoke(): void
}

export function createGate(auth: FakeAuth, realm: () => string): FakeGate {
  const tokens = new Map<string, { readonly scopes: readonly string[]; readonly until: number }>()
  const errors = (code: string, message: string) => JSON.stringify({ errors: [{ code, message }] })
  return {
    refuse(request, scopes) {
      if (auth.kind === 'none') return undefined
      const authorization = String(request.headers.authorization ?? '')
      if (auth.kind === 'basic') {
        if (authorization === basic(auth.username, auth.password)) return undefined
        const headers = { 'www-authenticate': 'Basic realm="fake"' }
        return { status: 401, headers, body: errors('UNAUTHORIZED', 'authentication required') }
      }
      const token = tokens.get(authorization.replace(/^Bearer /, ''))
      if (token && token.until > Date.now() && scopes.every((scope) => covers(token.scopes, scope))) return undefined
      const scope = auth.scopeInChallenge === false ? '' : `,scope="${scopes.join(' ')}"`
      const headers = { 'www-authenticate': `Bearer realm="${auth.realm ?? realm()}",service="fake"${scope}` }
      return { status: 401, headers, body: errors('UNAUTHORIZED', 'authentication required') }
    },
    token(request, form) {
      if (auth.kind !== 'bearer') return { status: 404 }
      const refresh = form.get('refresh_token')
      const known =
        refresh !== null
          ? refresh === auth.refreshToken
          : request.headers.authorization === basic(auth.username ?? '', auth.password ?? '')
      const anonymous = refresh === null && request.headers.authorization === undefined
      const open = auth.username === undefined && auth.refreshToken === undefined
      if (!known && !anonymous) return { status: 401, body: errors('UNAUTHORIZED', 'wrong credentials') }
      const asked = [...request.query.getAll('scope'), ...(form.get('scope') ?? '').split(' ').filter(Boolean)]
      const scopes = known || open ? asked : (auth.anonymousPull ?? false) ? asked.map(pullOnly) : []
      const token = randomUUID()
      const seconds = auth.expiresIn ?? 300
      tokens.set(token, { scopes, until: Date.now() + seconds * 1000 })
      return { status: 200, body: JSON.stringify({ token, expires_in: seconds }) }
    },
    revoke: () => tokens.clear(),
  }
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function covers(scopes: readonly string[], wanted: string): boolean {
  const { name, actions } = split(wanted)
  return scopes.some((scope) => split(scope).name === name && actions.every((a) => split(scope).actions.includes(a)))
}

function pullOnly(scope: string): string {
  return `${split(scope).name}:pull`
}

function split(scope: string): { readonly name: string; readonly actions: readonly string[] } {
  const colon = scope.lastIndexOf(':')
  return { name: scope.slice(0, colon), actions: scope.slice(colon + 1).split(',') }
}
