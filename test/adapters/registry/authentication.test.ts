import { describe, expect, it } from 'vitest'
import { parseChallenges } from '../../../src/adapters/registry/challenge.ts'
import { mergeScopes } from '../../../src/adapters/registry/authentication.ts'
import { checkRealm } from '../../../src/adapters/registry/token.ts'
import { MEDIA } from '../../../src/oci/media-types.ts'
import type { FakeRegistry } from '../../fakes/fake-registry.ts'
import { blobOf, collect, encoded, environment, failureOf, fakeRegistry, openBytes, openClient } from './open-client.ts'

const PLAIN = { plainHttp: true }
const MANIFEST = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config: blobOf('{}'), layers: [] }
const DOCUMENT = { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: 'v1' }
const USER = { username: 'anna', password: 'correct horse' }

async function loggedIn(fake: FakeRegistry, auth = encoded(USER.username, USER.password)) {
  return openClient({ env: await environment({ auths: { [fake.host]: { auth } } }) })
}

describe('basic', () => {
  it('credentials are sent when they are asked for, then at once', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'basic', ...USER } })
    fake.content.addDocument('a/b', DOCUMENT)
    const registry = (await loggedIn(fake)).registry(fake.host, PLAIN)
    expect(await registry.fetchDocument('a/b', 'v1')).toBeDefined()
    expect(await registry.fetchDocument('a/b', 'v1')).toBeDefined()
    expect(fake.requests.map(({ headers }) => headers.authorization !== undefined)).toEqual([false, true, true])
  })

  it('wrong ones and none are told, with what to do, and never shown', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'basic', ...USER } })
    const none = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(none.code).toBe('registry-auth')
    expect(none.hint).toBe(`docker login ${fake.host}`)
    const wrong = await loggedIn(fake, encoded('anna', 'hunter2-secret'))
    const error = await failureOf(wrong.registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.code).toBe('registry-auth')
    expect(error.hint).toContain(`docker login ${fake.host}`)
    expect(JSON.stringify([error.message, error.hint])).not.toContain('hunter2')
  })
})

describe('bearer', () => {
  it('a token is fetched once for a scope, by many requests at once', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer', ...USER } })
    const blobs = ['one', 'two', 'three', 'four'].map((text) => {
      fake.content.addBlob('a/b', text)
      return blobOf(text)
    })
    const registry = (await loggedIn(fake)).registry(fake.host, PLAIN)
    await Promise.all(blobs.map(async (blob) => collect((await registry.readBlob('a/b', blob, {})).body)))
    await Promise.all(blobs.map(async (blob) => collect((await registry.readBlob('a/b', blob, {})).body)))
    const tokens = fake.lines().filter((line) => line.includes('/token'))
    expect(tokens).toEqual(['GET /token?service=fake&scope=repository%3Aa%2Fb%3Apull&account=anna'])
  })

  it('works for anyone where the registry lets anyone', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer' } })
    fake.content.addDocument('a/b', DOCUMENT)
    expect(await openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1')).toBeDefined()
    expect(fake.requests.find((request) => request.path === '/token')?.headers.authorization).toBeUndefined()
  })

  it('whoever is stopped does not wait for a token; whoever else waits for it gets it', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer' } })
    fake.fault = ({ path }) => (path === '/token' ? { delayMs: 1000 } : undefined)
    fake.content.addDocument('a/b', DOCUMENT)
    const registry = openClient().registry(fake.host, PLAIN)
    const stop = new AbortController()
    const stopped = registry.fetchDocument('a/b', 'v1', stop.signal)
    await expect.poll(() => fake.lines().some((line) => line.includes('/token'))).toBe(true)
    const other = registry.fetchDocument('a/b', 'v1')
    const since = performance.now()
    stop.abort(new Error('stopped'))
    await expect(stopped).rejects.toThrow('stopped')
    expect(performance.now() - since).toBeLessThan(500)
    expect(await other).toBeDefined()
    expect(fake.lines().filter((line) => line.includes('/token'))).toHaveLength(1)
  })

  it('works where the challenge names no scope', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer', scopeInChallenge: false } })
    fake.content.addDocument('a/b', DOCUMENT)
    expect(await openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1')).toBeDefined()
  })

  it('asks for what it needs: pull to read, pull and push to write, both repositories to mount', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer', ...USER } })
    fake.content.addBlob('from/here', 'x')
    const registry = (await loggedIn(fake)).registry(fake.host, PLAIN)
    await registry.hasBlob('a/b', blobOf('x'))
    await registry.uploadBlob('a/b', blobOf('y'), openBytes(Buffer.from('y')))
    expect(await registry.mountBlob('a/b', blobOf('x'), 'from/here')).toBe(true)
    const scopes = fake.requests.filter((r) => r.path === '/token').map((r) => r.query.getAll('scope'))
    expect(scopes).toEqual([
      ['repository:a/b:pull'],
      ['repository:a/b:pull,push'],
      ['repository:a/b:pull,push', 'repository:from/here:pull'],
    ])
  })

  it('a token that ran out is replaced before it is used, one that was revoked after', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer', expiresIn: 100 } })
    fake.content.addDocument('a/b', DOCUMENT)
    let now = Date.now()
    const registry = openClient({
      clock: { now: () => now, sleep: () => Promise.resolve() },
    }).registry(fake.host, PLAIN)
    const asked = async () => {
      const before = fake.requests.length
      expect(await registry.fetchDocument('a/b', 'v1')).toBeDefined()
      return fake.requests.slice(before).map((request) => request.path.split('/')[1])
    }
    expect(await asked()).toEqual(['v2', 'token', 'v2'])
    expect(await asked()).toEqual(['v2'])
    now += 95_000
    expect(await asked()).toEqual(['token', 'v2'])
    fake.gate.revoke()
    expect(await asked()).toEqual(['v2', 'token', 'v2'])
  })

  it('an identity token is exchanged as OAuth2 wants it', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer', refreshToken: 'refresh-me' } })
    fake.content.addDocument('a/b', DOCUMENT)
    const env = await environment({ auths: { [fake.host]: { auth: encoded('x', 'y'), identitytoken: 'refresh-me' } } })
    expect(await openClient({ env }).registry(fake.host, PLAIN).fetchDocument('a/b', 'v1')).toBeDefined()
    expect(fake.lines()).toContain('POST /token')
  })

  it('wrong credentials and refused scopes end with registry-auth, without the credentials', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer', ...USER, anonymousPull: false } })
    const wrong = await loggedIn(fake, encoded('anna', 'hunter2-secret'))
    const error = await failureOf(wrong.registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.code).toBe('registry-auth')
    expect(error.hint).toContain(`docker login ${fake.host}`)
    expect(error.message).not.toContain('hunter2')
    const nobody = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(nobody.code).toBe('registry-auth')
    expect(nobody.hint).toContain(`docker login ${fake.host}`)
  })

  it('a token service that passes is asked again', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer' } })
    fake.content.addDocument('a/b', DOCUMENT)
    fake.fault = (request) => (request.path === '/token' && request.before === 0 ? { status: 503 } : undefined)
    expect(await openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1')).toBeDefined()
  })

  it.each([
    ['longer than 1 MiB', `{"token":"${'x'.repeat(1024 * 1024)}"}`],
    ['not JSON', '<html>'],
    ['without a token', '{}'],
    ['one with a line break', '{"token":"a\\r\\nhost: evil"}'],
  ])('a token that is %s is refused', async (_, body) => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer' } })
    fake.fault = (request) => (request.path === '/token' ? { status: 200, body } : undefined)
    const error = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.code).toMatch(/registry-(auth|protocol)/)
    expect(fake.requests).toHaveLength(2)
  })
})

describe('a realm', () => {
  it('on another host gets nothing, not even a request, and is named with tokenHosts', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer', ...USER, foreign: true } })
    fake.content.addDocument('a/b', DOCUMENT)
    const error = await failureOf((await loggedIn(fake)).registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.code).toBe('registry-auth')
    expect(error.message).toContain(fake.tokenHost)
    expect(error.hint).toContain('tokenHosts')
    expect(fake.requests.map((request) => request.server)).toEqual(['registry'])
  })

  it('on another host is used when tokenHosts names it', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'bearer', ...USER, foreign: true } })
    fake.content.addDocument('a/b', DOCUMENT)
    const registry = (await loggedIn(fake)).registry(fake.host, { ...PLAIN, tokenHosts: [fake.tokenHost] })
    expect(await registry.fetchDocument('a/b', 'v1')).toBeDefined()
    expect(fake.requests.map((request) => request.server)).toEqual(['registry', 'token', 'registry'])
  })

  it('with a user name, blanks or another scheme is refused', async () => {
    for (const realm of ['http://u:p@127.0.0.1/token', 'ftp://127.0.0.1/', 'http://127.0.0.1/a b']) {
      const fake = await fakeRegistry({ auth: { kind: 'bearer', realm } })
      const error = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
      expect(error.code).toMatch(/registry-(auth|protocol|refused)/)
      expect(fake.requests.every((request) => request.path.startsWith('/v2/'))).toBe(true)
    }
  })

  const check = (realm: string, host: string, base = `https://${host}`, tokenHosts: readonly string[] = []) =>
    checkRealm(new URL(realm), { host, base: new URL(base), tokenHosts }).href

  it('is the registry itself on any port, docker.io is auth.docker.io, and always https', () => {
    expect(check('https://quay.io/v2/auth', 'quay.io')).toContain('quay.io')
    expect(check('https://reg.example:8443/auth', 'reg.example:5000')).toContain('8443')
    expect(check('https://auth.docker.io/token', 'docker.io', 'https://registry-1.docker.io')).toContain('auth.docker')
    expect(check('http://reg.example/auth', 'reg.example', 'http://reg.example')).toContain('http:')
    expect(() => check('http://quay.io/v2/auth', 'quay.io')).toThrow('plain HTTP')
    expect(() => check('http://auth.docker.io/token', 'docker.io', 'https://registry-1.docker.io')).toThrow(
      'plain HTTP',
    )
    expect(() => check('https://auth.docker.io/token', 'quay.io')).toThrow('another host')
    expect(() => check('https://auth.docker.io.evil.example/', 'docker.io')).toThrow('another host')
    expect(() => check('https://evil-quay.io/', 'quay.io')).toThrow('another host')
    expect(() => check('https://sub.quay.io/', 'quay.io')).toThrow('another host')
    expect(() => check('https://tokens.example:444/', 'a.example', undefined, ['tokens.example'])).toThrow(
      'another host',
    )
    expect(() => check('http://tokens.example/', 'a.example', undefined, ['tokens.example'])).toThrow('plain HTTP')
  })
})

describe('a secret', () => {
  it('that a registry echoes in an error is hidden', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'basic', ...USER } })
    fake.fault = ({ headers }) =>
      headers.authorization === undefined
        ? undefined
        : { status: 400, body: `you sent ${String(headers.authorization)} which is anna:correct horse` }
    const error = await failureOf((await loggedIn(fake)).registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.message).toContain('you sent Basic ***')
    expect(error.message).not.toContain('correct horse')
    expect(error.message).not.toContain(encoded(USER.username, USER.password))
  })
})

describe('WWW-Authenticate', () => {
  it('is read in all its forms', () => {
    const [bearer, basic] = parseChallenges(
      'Bearer realm="https://a/t?x=1,2",service="a \\"b\\"", scope=pull, Basic realm="x"',
    )
    expect(bearer?.scheme).toBe('bearer')
    expect(Object.fromEntries(bearer?.parameters ?? [])).toEqual({
      realm: 'https://a/t?x=1,2',
      service: 'a "b"',
      scope: 'pull',
    })
    expect(basic?.scheme).toBe('basic')
    expect(parseChallenges('Basic')[0]?.scheme).toBe('basic')
    expect(parseChallenges('Negotiate, Basic realm="x"').map(({ scheme }) => scheme)).toEqual(['negotiate', 'basic'])
    expect(parseChallenges(undefined)).toEqual([])
    expect(parseChallenges('"'.repeat(5000))).toEqual([])
  })

  it('with control characters is not used', () => {
    expect(parseChallenges('Bearer realm="https://a/\u0001",service="x"')).toEqual([])
    expect(parseChallenges('Bearer realm="https://a/",service="x\ry"')).toEqual([])
  })

  it('scopes of one repository become one', () => {
    expect(mergeScopes(['repository:b:pull', 'repository:a:push', 'repository:a:pull', 'nonsense'])).toEqual([
      'repository:a:pull,push',
      'repository:b:pull',
    ])
  })
})
