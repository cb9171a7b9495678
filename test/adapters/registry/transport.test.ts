import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MEDIA } from '../../../src/oci/media-types.ts'
import { retryAdviceOf } from '../../../src/oci/store.ts'
import { makeCertificate } from '../../fakes/certificate.ts'
import type { FakeRegistry } from '../../fakes/fake-registry.ts'
import { blobOf, encoded, environment, failureOf, fakeRegistry, openClient } from './open-client.ts'

const MANIFEST = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config: blobOf('{}'), layers: [] }

function fill(fake: FakeRegistry): FakeRegistry {
  fake.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: 'v1' })
  return fake
}

describe('TLS', () => {
  it('trusts an authority of your own when it is named', async () => {
    const fake = fill(await fakeRegistry({ tls: true }))
    expect(
      await openClient()
        .registry(fake.host, { ca: fake.ca ?? '' })
        .fetchDocument('a/b', 'v1'),
    ).toBeDefined()
  })

  it('does not trust it otherwise, and says how to', async () => {
    const fake = fill(await fakeRegistry({ tls: true }))
    for (const options of [{}, { ca: makeCertificate().cert }]) {
      const error = await failureOf(openClient().registry(fake.host, options).fetchDocument('a/b', 'v1'))
      expect(error.code).toBe('registry-unreachable')
      expect(error.message).toContain(fake.host)
      expect(error.message).not.toContain('Node.js')
      expect(error.hint).toContain('caFile')
      expect(retryAdviceOf(error)).toBeUndefined()
    }
    expect(fake.requests).toEqual([])
  })

  it('does not trust one registry with the authority of another', async () => {
    const [one, two] = [fill(await fakeRegistry({ tls: true })), fill(await fakeRegistry({ tls: true }))]
    const client = openClient({ settingsOf: (host) => ({ ca: (host === one.host ? one.ca : two.ca) ?? '' }) })
    expect(await client.registry(one.host).fetchDocument('a/b', 'v1')).toBeDefined()
    expect(await client.registry(two.host).fetchDocument('a/b', 'v1')).toBeDefined()
    await failureOf(client.registry(two.host, { ca: one.ca ?? '' }).fetchDocument('a/b', 'v1'))
  })

  it('that is not there is told as plain HTTP, on the own machine too', async () => {
    const fake = fill(await fakeRegistry())
    const error = await failureOf(openClient().registry(fake.host).fetchDocument('a/b', 'v1'))
    expect(error.code).toBe('registry-unreachable')
    expect(error.message).toContain('speaks plain HTTP')
    expect(error.hint).toContain('plainHttp: true')
    expect(retryAdviceOf(error)).toBeUndefined()
    expect(fake.requests).toEqual([])
  })

  it('with an authority that is no PEM is told as such', async () => {
    const broken = makeCertificate().cert.replace('MII', 'XXX')
    for (const ca of ['', 'nonsense', '-----BEGIN CERTIFICATE-----', broken]) {
      const registry = openClient().registry('127.0.0.1:1', { ca })
      const error = await failureOf(registry.fetchDocument('a/b', 'v1'))
      expect(error.code).toBe('config-invalid')
      expect(error.hint).toContain('PEM')
    }
  })
})

/** A proxy that leads every name to one server. */
async function startProxy(target: FakeRegistry): Promise<{ url: string; log: string[]; auth: (string | undefined)[] }> {
  const log: string[] = []
  const auth: (string | undefined)[] = []
  const port = Number(new URL(target.url).port)
  const server: Server = createServer((request, response) => {
    log.push(`${request.method ?? ''} ${request.url ?? ''}`)
    auth.push(request.headers['proxy-authorization'])
    const { pathname } = new URL(request.url ?? '')
    void fetchThrough(port, pathname).then(({ status, headers, body }) => response.writeHead(status, headers).end(body))
  })
  server.on('connect', (request, socket) => {
    log.push(`CONNECT ${request.url ?? ''}`)
    auth.push(request.headers['proxy-authorization'])
    const through = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      through.pipe(socket).pipe(through)
    })
    through.on('error', () => socket.destroy())
    socket.on('error', () => through.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, log, auth }
}

async function fetchThrough(port: number, path: string) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  const headers = Object.fromEntries([...response.headers].filter(([name]) => name !== 'connection'))
  return { status: response.status, headers, body: Buffer.from(await response.arrayBuffer()) }
}

describe('a proxy', () => {
  it('of HTTP_PROXY leads to plain registries, with its own password', async () => {
    const fake = fill(await fakeRegistry())
    const proxy = await startProxy(fake)
    const env = { HTTP_PROXY: proxy.url.replace('//', '//me:secret@') }
    const registry = openClient({ env }).registry('registry.test', { plainHttp: true })
    expect(await registry.fetchDocument('a/b', 'v1')).toBeDefined()
    expect(proxy.log).toEqual(['GET http://registry.test/v2/a/b/manifests/v1'])
    expect(proxy.auth[0]).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`)
  })

  it('of HTTPS_PROXY tunnels to the others, and their certificate still counts', async () => {
    const certificate = makeCertificate(['registry.test'])
    const fake = fill(await fakeRegistry({ tls: certificate }))
    const proxy = await startProxy(fake)
    const client = openClient({ env: { https_proxy: proxy.url } })
    const registry = client.registry('registry.test', { ca: certificate.cert })
    expect(await registry.fetchDocument('a/b', 'v1')).toBeDefined()
    expect(proxy.log).toEqual(['CONNECT registry.test:443'])
    const error = await failureOf(client.registry('other.test', { ca: certificate.cert }).fetchDocument('a/b', 'v1'))
    expect(error.hint).toContain('caFile')
  })

  it('is left out for NO_PROXY and for this machine, and HTTP_PROXY is not for https', async () => {
    const fake = fill(await fakeRegistry())
    const proxy = await startProxy(fake)
    const local = openClient({ env: { HTTP_PROXY: proxy.url } })
    expect(await local.registry(fake.host, { plainHttp: true }).fetchDocument('a/b', 'v1')).toBeDefined()
    const env = { HTTP_PROXY: proxy.url, NO_PROXY: '.invalid' }
    await failureOf(openClient({ env }).registry('registry.invalid', { plainHttp: true }).fetchDocument('a/b', 'v1'))
    await failureOf(openClient({ env }).registry('registry.invalid').fetchDocument('a/b', 'v1'))
    expect(proxy.log).toEqual([])
  })

  it('that refuses or is down is told, never with its password', async () => {
    const fake = await fakeRegistry()
    fake.fault = () => ({ status: 407 })
    for (const url of [fake.url, 'http://127.0.0.1:1']) {
      const proxy = url.replace('//', '//me:secret@')
      for (const plainHttp of [true, false]) {
        const client = openClient({ env: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } })
        const error = await failureOf(client.registry('registry.test', { plainHttp }).fetchDocument('a/b', 'v1'))
        expect(error.code).toBe('registry-unreachable')
        expect(`${error.message} ${error.hint ?? ''}`).not.toContain('secret')
      }
    }
    const nonsense = openClient({ env: { HTTPS_PROXY: 'nonsense://me:secret@x' } })
    const error = await failureOf(nonsense.registry('registry.test').fetchDocument('a/b', 'v1'))
    expect(error.message).toBe('HTTPS_PROXY is not the address of a proxy')
  })
})

it('docker.io is registry-1.docker.io, and its tokens come from auth.docker.io with the credentials it has on file', async () => {
  const certificate = makeCertificate(['registry-1.docker.io', 'auth.docker.io'])
  const user = { username: 'anna', password: 'correct horse' }
  const realm = 'https://auth.docker.io/token'
  const fake = await fakeRegistry({ tls: certificate, auth: { kind: 'bearer', ...user, realm } })
  fake.content.addDocument('library/nginx', { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: '1.29' })
  const proxy = await startProxy(fake)
  const auth = encoded(user.username, user.password)
  const env = await environment({ auths: { 'https://index.docker.io/v1/': { auth } } })
  const client = openClient({ env: { ...env, HTTPS_PROXY: proxy.url } })
  const registry = client.registry('docker.io', { ca: certificate.cert })
  expect(await registry.fetchDocument('library/nginx', '1.29')).toBeDefined()
  expect(proxy.log).toEqual(['CONNECT registry-1.docker.io:443', 'CONNECT auth.docker.io:443'])
  expect(fake.requests.map(({ path }) => path.split('/')[1])).toEqual(['v2', 'token', 'v2'])
})

it('a host that is not one is refused before anything is sent', () => {
  for (const host of ['a.example/x', 'u:p@a.example', 'a b', 'a?x', '', 'a#b'])
    expect(() => openClient().registry(host)).toThrow('not a registry host')
})

it('every request says who asks', async () => {
  const fake = fill(await fakeRegistry())
  await openClient({ userAgent: 'ferry/1.2.3' }).registry(fake.host, { plainHttp: true }).fetchDocument('a/b', 'v1')
  expect(fake.requests[0]?.headers['user-agent']).toBe('ferry/1.2.3')
})

it('connections are kept for the next request, after HEAD too', async () => {
  const fake = fill(await fakeRegistry())
  const registry = openClient().registry(fake.host, { plainHttp: true })
  for (let i = 0; i < 5; i++) {
    await registry.headDocument('a/b', 'v1')
    await registry.fetchDocument('a/b', 'nope')
    await registry.fetchDocument('a/b', 'v1')
  }
  expect(fake.requests).toHaveLength(15)
  // A second one may be opened while the first is being freed.
  expect(new Set(fake.requests.map((request) => request.connection)).size).toBeLessThanOrEqual(2)
})
