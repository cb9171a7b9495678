import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRegistryClient, type ClientOptions } from '../../src/adapters/registry/client.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { MEDIA } from '../../src/oci/media-types.ts'
import type { RegistryClient, RetryNotice } from '../../src/oci/registry.ts'
import { blobOf, clock, collect, encoded, failureOf, openBytes } from '../adapters/registry/open-client.ts'
import { startRegistry, type RunningRegistry } from '../peers/registry.ts'
import { makeTls } from '../peers/tls.ts'

const clients: RegistryClient[] = []
function open(options: Partial<ClientOptions> = {}): RegistryClient {
  const env = { HOME: '/nonexistent', PATH: process.env['PATH'] }
  const client = createRegistryClient({ clock, env, userAgent: 'ferry/test', retryScale: 0.01, ...options })
  clients.push(client)
  return client
}

describe("Debian's docker-registry", () => {
  const PLAIN = { plainHttp: true }
  const layer = randomBytes(20_000_000)
  const config = Buffer.from('{"architecture":"amd64","os":"linux"}')
  let peer: RunningRegistry

  beforeAll(async () => {
    peer = await startRegistry()
  })
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()))
    await peer.stop()
  })

  function manifestOf(repository: string, extra: object = {}) {
    const document = {
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      config: { ...blobOf(config), mediaType: MEDIA.ociConfig },
      layers: [blobOf(layer)],
      annotations: { repository },
      ...extra,
    }
    return { mediaType: MEDIA.ociManifest, bytes: Buffer.from(JSON.stringify(document)) }
  }

  it('takes an image and gives the same bytes back', async () => {
    const registry = open().registry(peer.host, PLAIN)
    expect(await registry.hasBlob('team/app', blobOf(layer))).toBe(false)
    await Promise.all(
      [layer, config, Buffer.alloc(0)].map((bytes) => registry.uploadBlob('team/app', blobOf(bytes), openBytes(bytes))),
    )
    expect(await registry.hasBlob('team/app', blobOf(layer))).toBe(true)
    const document = manifestOf('team/app')
    expect(await registry.headDocument('team/app', 'v1')).toBeUndefined()
    expect(await registry.putDocument('team/app', 'v1', document)).toEqual({ subjectHandled: false })
    const fetched = await registry.fetchDocument('team/app', 'v1')
    expect(fetched?.descriptor).toEqual({
      mediaType: MEDIA.ociManifest,
      digest: digestOf(document.bytes),
      size: document.bytes.length,
    })
    expect(await registry.headDocument('team/app', 'v1')).toBe(digestOf(document.bytes))
    expect(await registry.fetchDocument('team/app', digestOf(document.bytes))).toBeDefined()
    expect(await registry.fetchDocument('team/app', digestOf('other'))).toBeUndefined()
    const whole = await registry.readBlob('team/app', blobOf(layer), {})
    expect((await collect(whole.body)).equals(layer)).toBe(true)
    const rest = await registry.readBlob('team/app', blobOf(layer), { offset: 12_345_678 })
    expect(rest.offset).toBe(12_345_678)
    expect((await collect(rest.body)).equals(layer.subarray(12_345_678))).toBe(true)
    expect((await collect((await registry.readBlob('team/app', blobOf(''), {})).body)).length).toBe(0)
  })

  it('lists tags page by page, referrers by tag for want of an API', async () => {
    const registry = open().registry(peer.host, PLAIN)
    await registry.uploadBlob('team/tags', blobOf(config), openBytes(config))
    await registry.uploadBlob('team/tags', blobOf(layer), openBytes(layer))
    const document = manifestOf('team/tags')
    const tags = Array.from({ length: 12 }, (_, i) => `v${String(i).padStart(2, '0')}`)
    for (const tag of tags) await registry.putDocument('team/tags', tag, document)
    expect((await registry.listTags('team/tags'))?.toSorted()).toEqual(tags)
    expect(await registry.listTags('team/tags', { limit: 5 })).toHaveLength(5)
    expect(await registry.listTags('team/nothing')).toBeUndefined()
    const digest = digestOf(document.bytes)
    expect(await registry.listReferrers('team/tags', digest)).toEqual([])
    const attached = manifestOf('team/tags', {
      artifactType: 'application/vnd.test',
      subject: { mediaType: MEDIA.ociManifest, digest, size: document.bytes.length },
    })
    const put = await registry.putDocument('team/tags', digestOf(attached.bytes), attached)
    expect(put).toEqual({ subjectHandled: false })
    const entry = {
      mediaType: MEDIA.ociManifest,
      digest: digestOf(attached.bytes),
      size: attached.bytes.length,
      artifactType: 'application/vnd.test',
    }
    const index = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [entry] }
    await registry.putDocument('team/tags', digest.replace(':', '-'), {
      mediaType: MEDIA.ociIndex,
      bytes: Buffer.from(JSON.stringify(index)),
    })
    expect(await registry.listReferrers('team/tags', digest)).toEqual([entry])
  })

  it('mounts what another repository has, and says when it cannot', async () => {
    const registry = open().registry(peer.host, PLAIN)
    await registry.uploadBlob('mount/from', blobOf(layer), openBytes(layer))
    expect(await registry.mountBlob('mount/to', blobOf(layer), 'mount/from')).toBe(true)
    expect(await registry.hasBlob('mount/to', blobOf(layer))).toBe(true)
    expect(await registry.mountBlob('mount/to', blobOf('never seen'), 'mount/from')).toBe(false)
  })

  it('says in its own words what it does not want', async () => {
    const registry = open().registry(peer.host, PLAIN)
    const answer = await registry.putDocument('team/empty', 'v1', manifestOf('team/empty'))
    expect(answer).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' })
    const wrong = await failureOf(registry.uploadBlob('team/empty', blobOf('right'), openBytes(Buffer.from('wrong'))))
    expect(wrong.message).toContain('DIGEST_INVALID')
  })

  it('gets an upload whose connection broke whole in the end', async () => {
    const notices: RetryNotice[] = []
    const way = await startBreakingWay(peer.host, 5_000_000)
    try {
      const registry = open().registry(way.host, PLAIN)
      const onRetry = (notice: RetryNotice) => notices.push(notice)
      await registry.uploadBlob('team/broken', blobOf(layer), openBytes(layer), { onRetry })
      expect(way.broken()).toBe(1)
      expect(notices.length).toBeGreaterThan(0)
      const stored = await open().registry(peer.host, PLAIN).readBlob('team/broken', blobOf(layer), {})
      expect((await collect(stored.body)).equals(layer)).toBe(true)
    } finally {
      await Promise.all(clients.splice(0).map((client) => client.close()))
      await way.stop()
    }
  })

  it('is reached with a password over TLS of its own authority, from docker login', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ferry-registry-tls-'))
    const tls = await makeTls(folder)
    const user = { user: 'anna', password: 'correct horse' }
    const secure = await startRegistry({ tls, htpasswd: user })
    try {
      await writeFile(
        join(folder, 'config.json'),
        JSON.stringify({ auths: { [secure.host]: { auth: encoded(user.user, user.password) } } }),
      )
      const ca = await readFile(tls.ca, 'utf8')
      const registry = open({ env: { DOCKER_CONFIG: folder } }).registry(secure.host, { ca })
      await registry.uploadBlob('a/b', blobOf(layer), openBytes(layer))
      expect(await registry.hasBlob('a/b', blobOf(layer))).toBe(true)
      const nobody = await failureOf(open().registry(secure.host, { ca }).hasBlob('a/b', blobOf(layer)))
      expect(nobody.hint).toBe(`docker login ${secure.host}`)
      const untrusted = await failureOf(open().registry(secure.host).hasBlob('a/b', blobOf(layer)))
      expect(untrusted.hint).toContain('caFile')
      const plain = await failureOf(open().registry(secure.host, PLAIN).hasBlob('a/b', blobOf(layer)))
      expect(plain.hint ?? plain.message).toMatch(/HTTPS/)
    } finally {
      await secure.stop()
      await rm(folder, { recursive: true, force: true })
    }
  })
})

/** A way to a registry on which the first connection breaks that sends more than `limit` bytes. */
async function startBreakingWay(target: string, limit: number) {
  const port = Number(target.split(':')[1])
  let broken = 0
  const server = createServer((client) => {
    const through = connect(port, '127.0.0.1')
    let sent = 0
    client.on('data', (piece) => {
      sent += piece.length
      if (sent > limit && broken === 0) {
        broken++
        through.end()
        client.destroy()
      }
    })
    client.on('error', () => through.destroy()).pipe(through)
    through.on('error', () => client.destroy()).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    broken: () => broken,
    stop: () => new Promise((resolve) => server.close(resolve)),
  }
}
