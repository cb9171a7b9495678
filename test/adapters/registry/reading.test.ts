import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { MAX_DOCUMENT_BYTES } from '../../../src/oci/document.ts'
import { MEDIA } from '../../../src/oci/media-types.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import { retryAdviceOf } from '../../../src/oci/store.ts'
import { blobOf, collect, failureOf, fakeRegistry, openClient } from './open-client.ts'

const PLAIN = { plainHttp: true }
const MANIFEST = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config: blobOf('{}'), layers: [] }

describe('manifests', () => {
  it('come by tag and by digest with the bytes, digest, size and type they have', async () => {
    const fake = await fakeRegistry()
    const digest = fake.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: 'v1' })
    const registry = openClient().registry(fake.host, PLAIN)
    const bytes = Buffer.from(JSON.stringify(MANIFEST))
    for (const reference of ['v1', digest]) {
      const fetched = await registry.fetchDocument('a/b', reference)
      expect(fetched?.descriptor).toEqual({ mediaType: MEDIA.ociManifest, digest, size: bytes.length })
      expect(Buffer.from(fetched?.bytes ?? [])).toEqual(bytes)
    }
    expect(await registry.headDocument('a/b', 'v1')).toBe(digest)
  })

  it('that are not there are undefined, in a repository that is not there too', async () => {
    const fake = await fakeRegistry()
    fake.content.repository('a/b')
    const registry = openClient().registry(fake.host, PLAIN)
    expect(await registry.fetchDocument('a/b', 'nope')).toBeUndefined()
    expect(await registry.fetchDocument('no/where', 'v1')).toBeUndefined()
    expect(await registry.headDocument('a/b', 'nope')).toBeUndefined()
  })

  it('with other content than the digest asked for are refused', async () => {
    const fake = await fakeRegistry({ digestHeader: false })
    const digest = fake.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest })
    fake.fault = () => ({ corrupt: true })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', digest))
    expect(error.code).toBe('registry-digest')
    expect(error.message).toContain(digest)
  })

  it('with other content than the digest the registry tells for a tag are refused', async () => {
    const fake = await fakeRegistry()
    fake.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: 'v1' })
    fake.fault = () => ({ corrupt: true })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.code).toBe('registry-digest')
  })

  it('over 4 MiB are refused while reading, announced or not', async () => {
    const fake = await fakeRegistry()
    const content = Buffer.alloc(MAX_DOCUMENT_BYTES + 1, ' ')
    fake.content.addDocument('a/b', { content, mediaType: MEDIA.ociManifest, tag: 'v1' })
    const registry = openClient().registry(fake.host, PLAIN)
    expect((await failureOf(registry.fetchDocument('a/b', 'v1'))).message).toContain('4194304')
    fake.fault = () => ({ headers: { 'content-length': undefined, 'transfer-encoding': 'chunked' } })
    expect((await failureOf(registry.fetchDocument('a/b', 'v1'))).message).toContain('4194304')
  })

  it('of Docker schema 1 are refused with the reason', async () => {
    const fake = await fakeRegistry()
    const content = { schemaVersion: 1, fsLayers: [] }
    fake.content.addDocument('a/b', { content, mediaType: MEDIA.dockerSchema1Signed, tag: 'v1' })
    fake.fault = () => ({ headers: { 'docker-content-digest': digestOf('the payload') } })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.message).toContain('Docker schema 1')
  })

  it('get their type from their form when the registry tells none', async () => {
    const fake = await fakeRegistry()
    fake.content.addDocument('a/b', { content: MANIFEST, mediaType: 'text/plain; charset=utf-8', tag: 'v1' })
    const fetched = await openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1')
    expect(fetched?.descriptor.mediaType).toBe(MEDIA.ociManifest)
  })

  it('are told apart by HEAD even where the registry tells no digest', async () => {
    const fake = await fakeRegistry({ digestHeader: false })
    const digest = fake.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: 'v1' })
    expect(await openClient().registry(fake.host, PLAIN).headDocument('a/b', 'v1')).toBe(digest)
  })

  it.each(['v1\r\nX: y', '../../etc', 'a b', ''])('are not asked for by %j, which is no tag', async (tag) => {
    const fake = await fakeRegistry()
    const error = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', tag))
    expect(error.message).toContain('not a tag')
    expect(fake.requests).toEqual([])
  })
})

describe('blobs', () => {
  const bytes = randomBytes(3_000_000)
  const blob = blobOf(bytes)

  it('come whole', async () => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', bytes)
    const stream = await openClient().registry(fake.host, PLAIN).readBlob('a/b', blob, {})
    expect(stream.offset).toBe(0)
    expect((await collect(stream.body)).equals(bytes)).toBe(true)
  })

  it('go on from an offset with a Range request', async () => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', bytes)
    const stream = await openClient().registry(fake.host, PLAIN).readBlob('a/b', blob, { offset: 1_000_001 })
    expect(stream.offset).toBe(1_000_001)
    expect((await collect(stream.body)).equals(bytes.subarray(1_000_001))).toBe(true)
    expect(fake.requests[0]?.headers['range']).toBe('bytes=1000001-')
  })

  it('start at 0 where the registry knows no ranges, and where it says 416', async () => {
    const fake = await fakeRegistry({ ranges: false })
    fake.content.addBlob('a/b', bytes)
    const registry = openClient().registry(fake.host, PLAIN)
    expect((await registry.readBlob('a/b', blob, { offset: 5 })).offset).toBe(0)
    fake.fault = (request) => (request.headers['range'] === undefined ? undefined : { status: 416 })
    const stream = await registry.readBlob('a/b', blob, { offset: 5 })
    expect(stream.offset).toBe(0)
    expect((await collect(stream.body)).equals(bytes)).toBe(true)
  })

  it.each([
    ['another start', 'bytes 6-2999999/3000000'],
    ['another size', 'bytes 5-2999999/4000000'],
    ['an end before the end', 'bytes 5-100/3000000'],
    ['no sense', 'five'],
  ])('are refused when the part that comes has %s', async (_, range) => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', bytes)
    fake.fault = () => ({ headers: { 'content-range': range } })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).readBlob('a/b', blob, { offset: 5 }))
    expect(error.code).toBe('registry-protocol')
  })

  it('are refused when another size is announced', async () => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', bytes)
    const wanted = { ...blob, size: blob.size + 1 }
    const error = await failureOf(openClient().registry(fake.host, PLAIN).readBlob('a/b', wanted, {}))
    expect(error.code).toBe('registry-protocol')
    expect(error.message).toContain('3000000')
  })

  it('are refused when more comes than was due, however it was announced', async () => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', bytes)
    fake.fault = () => ({ headers: { 'content-length': undefined, 'transfer-encoding': 'chunked' } })
    const stream = await openClient()
      .registry(fake.host, PLAIN)
      .readBlob('a/b', { ...blob, size: 1000 }, {})
    const error = await failureOf(collect(stream.body))
    expect(error.code).toBe('registry-protocol')
    expect(retryAdviceOf(error)).toBeUndefined()
  })

  it('that are not there fail by name', async () => {
    const fake = await fakeRegistry()
    const error = await failureOf(openClient().registry(fake.host, PLAIN).readBlob('a/b', blob, {}))
    expect(error.code).toBe('registry-not-found')
    expect(error.message).toContain(`${fake.host}/a/b`)
    expect(retryAdviceOf(error)).toBeUndefined()
  })

  it('broken off in the middle give what came and then a transient error', async () => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', bytes)
    for (const headers of [{}, { 'content-length': undefined, 'transfer-encoding': 'chunked' }]) {
      fake.fault = () => ({ cutAfterBytes: 1_000_000, headers })
      const stream = await openClient().registry(fake.host, PLAIN).readBlob('a/b', blob, {})
      let received = 0
      const error = await failureOf(
        (async () => {
          for await (const piece of stream.body) received += piece.length
        })(),
      )
      expect(received).toBe(1_000_000)
      expect(retryAdviceOf(error)).toBeDefined()
    }
  })

  it.each([
    ['fall silent', { stallAfterBytes: 1000 }],
    ['trickle', { bytesPerSecond: 20 }],
  ])('that %s end with a transient error', async (_, fault) => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', bytes)
    fake.fault = () => fault
    const client = openClient({ timeouts: { body: 300 } })
    const stream = await client.registry(fake.host, PLAIN).readBlob('a/b', blob, {})
    const error = await failureOf(collect(stream.body))
    expect(retryAdviceOf(error)).toBeDefined()
  })

  it('wait for a slow reader, however long it takes', async () => {
    const fake = await fakeRegistry()
    const large = randomBytes(8_000_000)
    fake.content.addBlob('a/b', large)
    const client = openClient({ timeouts: { body: 100 } })
    const stream = await client.registry(fake.host, PLAIN).readBlob('a/b', blobOf(large), {})
    const pieces: Uint8Array[] = []
    for await (const piece of stream.body) {
      if (pieces.length === 0) await new Promise((resolve) => setTimeout(resolve, 500))
      pieces.push(piece)
    }
    expect(Buffer.concat(pieces).equals(large)).toBe(true)
  })

  it('stop when they are no longer wanted, and when the signal says so', async () => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', bytes)
    const registry = openClient().registry(fake.host, PLAIN)
    const first = await registry.readBlob('a/b', blob, {})
    for await (const piece of first.body) {
      expect(piece.length).toBeGreaterThan(0)
      break
    }
    const stop = new AbortController()
    const second = await registry.readBlob('a/b', blob, { signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(collect(second.body)).rejects.toThrow('enough')
    await expect(registry.readBlob('a/b', blob, { signal: stop.signal })).rejects.toThrow('enough')
  })

  it('are never fetched from the urls of a foreign layer', async () => {
    const [fake, elsewhere] = [await fakeRegistry(), await fakeRegistry()]
    const layer = { ...blob, urls: [`${elsewhere.url}/v2/a/b/blobs/${blob.digest}`] }
    await failureOf(openClient().registry(fake.host, PLAIN).readBlob('a/b', layer, {}))
    expect(elsewhere.requests).toEqual([])
  })

  it('are there only with the right size', async () => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', bytes)
    const registry = openClient().registry(fake.host, PLAIN)
    expect(await registry.hasBlob('a/b', blob)).toBe(true)
    expect(await registry.hasBlob('a/b', { ...blob, size: 1 })).toBe(false)
    expect(await registry.hasBlob('a/b', blobOf('other'))).toBe(false)
  })
})

describe('tags', () => {
  it('come from all pages, at most as many as wanted', async () => {
    const fake = await fakeRegistry({ pageSize: 7 })
    const tags = Array.from({ length: 30 }, (_, i) => `v${String(i).padStart(2, '0')}`)
    for (const tag of tags) fake.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest, tag })
    const registry = openClient().registry(fake.host, PLAIN)
    expect(await registry.listTags('a/b')).toEqual(tags)
    expect(await registry.listTags('a/b', { limit: 10 })).toEqual(tags.slice(0, 10))
    expect(await registry.listTags('no/where')).toBeUndefined()
  })

  it('are not followed to another host', async () => {
    const [fake, elsewhere] = [await fakeRegistry(), await fakeRegistry()]
    fake.content.repository('a/b')
    fake.fault = () => ({ headers: { link: `<${elsewhere.url}/v2/a/b/tags/list?n=1>; rel="next"` } })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).listTags('a/b'))
    expect(error.message).toContain('another host')
    expect(elsewhere.requests).toEqual([])
  })

  it('end when the pages never do', async () => {
    const fake = await fakeRegistry()
    fake.content.repository('a/b')
    fake.fault = () => ({ headers: { link: '</v2/a/b/tags/list?last=x>; rel="next"' } })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).listTags('a/b'))
    expect(error.message).toContain('never ends')
  })

  it.each([['a\r\nb'], ['../x'], [5]])('like %j spoil the list', async (tag) => {
    const fake = await fakeRegistry()
    fake.fault = () => ({ status: 200, body: JSON.stringify({ tags: [tag] }) })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).listTags('a/b'))
    expect(error.message).toContain('is not a tag')
  })
})

describe('referrers', () => {
  it.each([
    ['the API', true],
    ['the tag sha256-<hex>, where there is no API', false],
  ])('come by %s with their artifactType', async (_, api) => {
    const fake = await fakeRegistry({ referrers: api })
    const digest = fake.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: 'v1' })
    const signature = { ...MANIFEST, artifactType: 'application/vnd.test.signature', subject: blobOf('x') }
    const content = { ...signature, subject: { mediaType: MEDIA.ociManifest, digest, size: 1 } }
    const attached = fake.content.addDocument('a/b', { content, mediaType: MEDIA.ociManifest })
    const entry = {
      mediaType: MEDIA.ociManifest,
      digest: attached,
      size: Buffer.byteLength(JSON.stringify(content)),
      artifactType: 'application/vnd.test.signature',
    }
    const index = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [entry] }
    if (!api)
      fake.content.addDocument('a/b', {
        content: index,
        mediaType: MEDIA.ociIndex,
        tag: digest.replace(':', '-'),
      })
    expect(await openClient().registry(fake.host, PLAIN).listReferrers('a/b', digest)).toEqual([entry])
  })

  it('are none where there are none, with and without the API', async () => {
    for (const referrers of [true, false]) {
      const fake = await fakeRegistry({ referrers })
      const digest = fake.content.addDocument('a/b', { content: MANIFEST, mediaType: MEDIA.ociManifest })
      expect(await openClient().registry(fake.host, PLAIN).listReferrers('a/b', digest)).toEqual([])
    }
  })

  it('are looked for by tag when the API answers something else with 200', async () => {
    const fake = await fakeRegistry()
    fake.fault = (request) => (request.path.includes('/referrers/') ? { status: 200, body: '{"ok":true}' } : undefined)
    expect(await openClient().registry(fake.host, PLAIN).listReferrers('a/b', digestOf('x'))).toEqual([])
    expect(fake.lines().at(-1)).toContain(`/manifests/sha256-`)
  })
})
