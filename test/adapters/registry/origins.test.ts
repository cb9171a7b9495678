import { describe, expect, it, onTestFinished } from 'vitest'
import { MEDIA } from '../../../src/oci/media-types.ts'
import type { FakeAnswer, FakeRequest } from '../../fakes/fake-server.ts'
import { startFakeServer } from '../../fakes/fake-server.ts'
import { makeCertificate } from '../../fakes/certificate.ts'
import { resolveTarget } from '../../../src/adapters/registry/http.ts'
import { retryAdviceOf } from '../../../src/oci/store.ts'
import { blobOf, collect, encoded, environment, failureOf, fakeRegistry, openBytes, openClient } from './open-client.ts'

const PLAIN = { plainHttp: true }
const USER = { username: 'anna', password: 'correct horse' }
const MANIFEST = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config: blobOf('{}'), layers: [] }

/** Any server, named `elsewhere` in its log. */
async function elsewhere(answer: (request: FakeRequest) => FakeAnswer, tls = false) {
  const log: FakeRequest[] = []
  const certificate = tls ? makeCertificate() : undefined
  const server = await startFakeServer({ name: 'elsewhere', log, handler: answer, ...(certificate && { certificate }) })
  onTestFinished(() => server.stop())
  return { ...server, log, ca: certificate?.cert }
}

describe('a redirect', () => {
  it.each(['basic', 'bearer'] as const)('to storage on another port gets no %s credentials', async (kind) => {
    const fake = await fakeRegistry({ auth: { kind, ...USER }, storage: true })
    fake.content.addBlob('a/b', 'hello')
    const auth = encoded(USER.username, USER.password)
    const client = openClient({ env: await environment({ auths: { [fake.host]: { auth } } }) })
    const registry = client.registry(fake.host, PLAIN)
    expect((await collect((await registry.readBlob('a/b', blobOf('hello'), {})).body)).toString()).toBe('hello')
    const resumed = await registry.readBlob('a/b', blobOf('hello'), { offset: 2 })
    expect((await collect(resumed.body)).toString()).toBe('llo')
    const stored = fake.requests.filter((request) => request.server === 'storage')
    expect(stored).toHaveLength(2)
    expect(stored.every((request) => request.headers.authorization === undefined)).toBe(true)
    expect(stored[1]?.headers['range']).toBe('bytes=2-')
    expect(fake.requests.some((r) => r.server === 'registry' && r.headers.authorization !== undefined)).toBe(true)
  })

  it('to another name of the same machine gets no credentials, and none on the way back', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'basic', ...USER } })
    fake.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: 'v1' })
    const other = await elsewhere(({ path }) => ({ status: 302, headers: { location: `${fake.url}${path}` } }))
    fake.fault = ({ headers, before }) =>
      headers.authorization !== undefined && before === 1
        ? { status: 307, headers: { location: `${other.url}/v2/a/b/manifests/v1` } }
        : undefined
    const auth = encoded(USER.username, USER.password)
    const client = openClient({ env: await environment({ auths: { [fake.host]: { auth } } }) })
    await failureOf(client.registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(other.log[0]?.headers.authorization).toBeUndefined()
    expect(fake.requests.at(-1)?.headers.authorization).toBeUndefined()
  })

  it('keeps the credentials on the same scheme, host and port', async () => {
    const fake = await fakeRegistry({ auth: { kind: 'basic', ...USER } })
    fake.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: 'v1' })
    fake.fault = ({ path }) =>
      path === '/v2/old/manifests/v1' ? { status: 308, headers: { location: '/v2/a/b/manifests/v1' } } : undefined
    const auth = encoded(USER.username, USER.password)
    const client = openClient({ env: await environment({ auths: { [fake.host]: { auth } } }) })
    expect(await client.registry(fake.host, PLAIN).fetchDocument('old', 'v1')).toBeDefined()
  })

  it('is followed five times and no more', async () => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', 'hello')
    const hops = (count: number) => {
      fake.fault = ({ path, query }) => {
        const hop = Number(query.get('hop') ?? 0)
        return hop < count ? { status: 302, headers: { location: `${path}?hop=${hop + 1}` } } : undefined
      }
    }
    const registry = openClient().registry(fake.host, PLAIN)
    hops(5)
    expect(await registry.readBlob('a/b', blobOf('hello'), {})).toBeDefined()
    hops(6)
    const error = await failureOf(registry.readBlob('a/b', blobOf('hello'), {}))
    expect(error.message).toContain('more than 5 redirects')
  })

  it('from https to http is refused before anything is sent there', async () => {
    const fake = await fakeRegistry({ tls: true })
    const other = await elsewhere(() => ({ status: 200, body: 'hello' }))
    fake.fault = () => ({ status: 307, headers: { location: `${other.url}/blob` } })
    const registry = openClient().registry(fake.host, { ca: fake.ca ?? '' })
    const error = await failureOf(registry.readBlob('a/b', blobOf('hello'), {}))
    expect(error.message).toContain('from https to plain http')
    expect(other.log).toEqual([])
  })

  it('from http to https is followed', async () => {
    const fake = await fakeRegistry()
    const other = await elsewhere(() => ({ status: 200, body: 'hello' }), true)
    fake.fault = () => ({ status: 307, headers: { location: `${other.url}/blob` } })
    const client = openClient({ settingsOf: (host) => (host === other.host ? { ca: other.ca ?? '' } : PLAIN) })
    const stream = await client.registry(fake.host).readBlob('a/b', blobOf('hello'), {})
    expect((await collect(stream.body)).toString()).toBe('hello')
  })

  it.each(['ftp://127.0.0.1/x', 'http://u:p@127.0.0.1/x', 'http://', 'http://127.0.0.1/a b'])(
    'to %j is refused',
    async (location) => {
      const fake = await fakeRegistry()
      fake.fault = () => ({ status: 307, headers: { location } })
      const error = await failureOf(openClient().registry(fake.host, PLAIN).readBlob('a/b', blobOf('x'), {}))
      expect(error.code).toBe('registry-protocol')
      expect(error.message).not.toContain('u:p')
    },
  )

  it('without a Location is refused', async () => {
    const fake = await fakeRegistry()
    fake.fault = () => ({ status: 307 })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).readBlob('a/b', blobOf('x'), {}))
    expect(error.message).toContain('without a Location')
  })

  it('whose address no longer holds is asked for anew, and its signature never shown', async () => {
    const fake = await fakeRegistry({ storage: true })
    fake.content.addBlob('a/b', 'hello')
    fake.fault = ({ server }) => (server === 'storage' ? { status: 403, body: 'Request has expired' } : undefined)
    const error = await failureOf(openClient().registry(fake.host, PLAIN).readBlob('a/b', blobOf('hello'), {}))
    expect(retryAdviceOf(error)).toEqual({ attempts: 3 })
    expect(error.message).toContain(fake.storageHost)
    expect(error.message).not.toContain('signature')
  })
})

describe('an upload', () => {
  const bytes = Buffer.from('hello')

  it('is not sent to another host, port or scheme, and the session is not either', async () => {
    const other = await elsewhere(() => ({ status: 201 }))
    const { port } = new URL(other.url)
    for (const location of [`${other.url}/upload`, `http://localhost:${port}/x`, `https://127.0.0.1:${port}/x`]) {
      const fake = await fakeRegistry()
      fake.fault = ({ method }) => (method === 'POST' ? { status: 202, headers: { location } } : undefined)
      const registry = openClient().registry(fake.host, PLAIN)
      const error = await failureOf(registry.uploadBlob('a/b', blobOf(bytes), openBytes(bytes)))
      expect(error.code).toBe('registry-protocol')
      expect(error.message).toContain(new URL(location).origin)
      expect(await failureOf(registry.mountBlob('a/b', blobOf(bytes), 'c/d'))).toMatchObject({
        code: 'registry-protocol',
      })
    }
    expect(other.log).toEqual([])
  })

  it('does not follow a redirect with its content', async () => {
    const other = await elsewhere(() => ({ status: 201 }))
    const fake = await fakeRegistry()
    fake.fault = ({ method }) =>
      method === 'PUT' ? { status: 307, headers: { location: `${other.url}/x` } } : undefined
    const registry = openClient().registry(fake.host, PLAIN)
    const error = await failureOf(registry.uploadBlob('a/b', blobOf(bytes), openBytes(bytes)))
    expect(error.message).toContain('redirects a PUT')
    expect(other.log).toEqual([])
  })
})

it('an address with control characters is refused, wherever it comes from', () => {
  const base = new URL('https://a.example/')
  for (const text of ['/x\r\nhost: b', '/x\u0000', '/\tx', 'https://b.example\n/'])
    expect(() => resolveTarget(text, base, 'the Location')).toThrow('control characters')
})
