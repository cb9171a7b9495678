import { describe, expect, it } from 'vitest'
import { parseMirror } from '../../../src/adapters/registry/mirrors.ts'
import { MEDIA } from '../../../src/oci/media-types.ts'
import type { RegistryOptions } from '../../../src/oci/registry.ts'
import { startFakeRegistry, type FakeRegistry } from '../../fakes/fake-registry.ts'
import { blobOf, collect, encoded, environment, failureOf, fakeRegistry, openClient } from './open-client.ts'

const MANIFEST = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config: blobOf('{}'), layers: [] }

function fill(fake: FakeRegistry, repository = 'a/b') {
  fake.content.addDocument(repository, { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: 'v1' })
  fake.content.addBlob(repository, 'hello')
}

function settings(upstream: FakeRegistry, mirrors: readonly string[]) {
  return (host: string): RegistryOptions => ({ plainHttp: true, ...(host === upstream.host && { mirrors }) })
}

describe('a mirror', () => {
  it('is asked first, at the same path below its prefix', async () => {
    const [upstream, mirror] = [await fakeRegistry(), await fakeRegistry()]
    fill(mirror, 'cache/hub/a/b')
    const client = openClient({ settingsOf: settings(upstream, [`${mirror.host}/cache/hub`]) })
    const registry = client.registry(upstream.host)
    expect(await registry.fetchDocument('a/b', 'v1')).toBeDefined()
    expect((await collect((await registry.readBlob('a/b', blobOf('hello'), {})).body)).toString()).toBe('hello')
    expect(await registry.listTags('a/b')).toEqual(['v1'])
    expect(upstream.requests).toEqual([])
    expect(mirror.requests[0]?.path).toBe('/v2/cache/hub/a/b/manifests/v1')
  })

  it.each([
    ['does not have it', undefined],
    ['fails', { status: 500 }],
    ['refuses', { status: 403 }],
    ['lies', { corrupt: true }],
  ])('that %s is passed over', async (_, fault) => {
    const [upstream, mirror] = [await fakeRegistry(), await fakeRegistry()]
    fill(upstream)
    if (fault) fill(mirror)
    mirror.fault = () => fault
    const client = openClient({ settingsOf: settings(upstream, [mirror.host]) })
    expect(await client.registry(upstream.host).fetchDocument('a/b', 'v1')).toBeDefined()
    expect(mirror.requests).toHaveLength(1)
    expect(upstream.requests).toHaveLength(1)
  })

  it('that is down is left alone for a while', async () => {
    const [upstream, down] = [await fakeRegistry(), await startFakeRegistry()]
    await down.stop()
    fill(upstream)
    const asked: string[] = []
    const client = openClient({ settingsOf: settings(upstream, [down.host]), onRetry: (host) => asked.push(host) })
    const registry = client.registry(upstream.host)
    await registry.fetchDocument('a/b', 'v1')
    await registry.fetchDocument('a/b', 'v1')
    expect(asked).toEqual([])
    expect(upstream.requests).toHaveLength(2)
  })

  it('is mentioned when the upstream fails too', async () => {
    const [upstream, mirror] = [await fakeRegistry(), await fakeRegistry()]
    upstream.fault = () => ({ status: 403 })
    mirror.fault = () => ({ status: 500 })
    const client = openClient({ settingsOf: settings(upstream, [mirror.host]) })
    const error = await failureOf(client.registry(upstream.host).fetchDocument('a/b', 'v1'))
    expect(error.code).toBe('registry-auth')
    expect(error.message).toContain(upstream.host)
    expect(error.message).toContain(`mirrors before it: ${mirror.host}: 500`)
  })

  it('gets its own credentials, not those of the upstream', async () => {
    const own = { username: 'mirror', password: 'mirror-password' }
    const [upstream, mirror] = [await fakeRegistry(), await fakeRegistry({ auth: { kind: 'basic', ...own } })]
    fill(mirror)
    const env = await environment({
      auths: {
        [upstream.host]: { auth: encoded('up', 'upstream-password') },
        [mirror.host]: { auth: encoded(own.username, own.password) },
      },
    })
    const client = openClient({ env, settingsOf: settings(upstream, [mirror.host]) })
    expect(await client.registry(upstream.host).fetchDocument('a/b', 'v1')).toBeDefined()
    const sent = mirror.requests.map((request) => String(request.headers.authorization))
    expect(sent).not.toContain(`Basic ${encoded('up', 'upstream-password')}`)
  })

  it('speaks plain HTTP only when its own entry says so', async () => {
    const [upstream, mirror] = [await fakeRegistry(), await fakeRegistry()]
    fill(upstream)
    fill(mirror)
    const client = openClient({
      settingsOf: (host) => (host === upstream.host ? { plainHttp: true, mirrors: [mirror.host] } : {}),
    })
    expect(await client.registry(upstream.host).fetchDocument('a/b', 'v1')).toBeDefined()
    expect(mirror.requests).toEqual([])
    expect(upstream.requests).toHaveLength(1)
  })

  it('without referrers does not speak for the upstream', async () => {
    const [upstream, mirror] = [await fakeRegistry(), await fakeRegistry()]
    fill(mirror)
    const digest = upstream.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest })
    const subject = { mediaType: MEDIA.ociManifest, digest, size: 1 }
    upstream.content.addDocument('a/b', { content: { ...MANIFEST, subject }, mediaType: MEDIA.ociManifest })
    const client = openClient({ settingsOf: settings(upstream, [mirror.host]) })
    expect(await client.registry(upstream.host).listReferrers('a/b', digest)).toHaveLength(1)
  })

  it('is never written to, nor asked what is there for a push', async () => {
    const [upstream, mirror] = [await fakeRegistry(), await fakeRegistry()]
    fill(mirror)
    const client = openClient({ settingsOf: settings(upstream, [mirror.host]) })
    const registry = client.registry(upstream.host)
    expect(await registry.hasBlob('a/b', blobOf('hello'))).toBe(false)
    expect(await registry.headDocument('a/b', 'v1')).toBeUndefined()
    expect(mirror.requests).toEqual([])
  })
})

it('mirrors are written host[:port][/prefix]', () => {
  expect(parseMirror('m.example')).toEqual({ host: 'm.example', prefix: '' })
  expect(parseMirror('m.example:5000/docker-hub/x')).toEqual({ host: 'm.example:5000', prefix: 'docker-hub/x' })
  for (const text of ['https://m.example', '', 'm.example/A', 'm.example/a b', '/x'])
    expect(() => openClient().registry('a.example', { mirrors: [text] })).toThrow(/not a (mirror|registry host)/)
})

describe('an upstream that cannot be reached, behind a mirror that can', () => {
  async function behindMirror() {
    const [upstream, mirror] = [await startFakeRegistry(), await fakeRegistry()]
    await upstream.stop()
    fill(mirror)
    const missing: string[] = []
    const client = openClient({
      settingsOf: settings(upstream, [mirror.host]),
      onMissingUpstream: (host) => missing.push(host),
    })
    return { registry: client.registry(upstream.host), missing, upstream }
  }

  it('is no failure for what need not exist; it is told once', async () => {
    const { registry, missing, upstream } = await behindMirror()
    const found = await registry.fetchDocument('a/b', 'v1')
    expect(await registry.findDocument('a/b', 'sha256-0.sig')).toBeUndefined()
    expect(await registry.listReferrers('a/b', found!.descriptor.digest)).toEqual([])
    expect(await registry.findDocument('a/b', 'v1')).toEqual(found)
    expect(missing).toEqual([upstream.host])
  })

  it('is a failure for what must exist', async () => {
    const { registry } = await behindMirror()
    const error = await failureOf(registry.fetchDocument('a/b', 'v2'))
    expect(error.code).toBe('registry-unreachable')
  })
})
