import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { FerryError } from '../../../src/errors.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import { MEDIA } from '../../../src/oci/media-types.ts'
import type { RetryNotice } from '../../../src/oci/registry.ts'
import type { FakeRegistry } from '../../fakes/fake-registry.ts'
import { blobOf, failureOf, fakeRegistry, openBytes, openClient } from './open-client.ts'

const PLAIN = { plainHttp: true }
const bytes = randomBytes(2_000_000)
const blob = blobOf(bytes)

function held(fake: FakeRegistry, repository = 'a/b'): Buffer | undefined {
  return fake.content.repositories.get(repository)?.blobs.get(blob.digest)
}

describe('a blob', () => {
  it('goes up in one piece', async () => {
    const fake = await fakeRegistry()
    await openClient().registry(fake.host, PLAIN).uploadBlob('a/b', blob, openBytes(bytes))
    expect(held(fake)?.equals(bytes)).toBe(true)
    expect(fake.requests.map(({ method }) => method)).toEqual(['POST', 'PUT'])
    expect(fake.requests[1]?.headers['content-length']).toBe('2000000')
  })

  it('may be empty', async () => {
    const fake = await fakeRegistry()
    await openClient()
      .registry(fake.host, PLAIN)
      .uploadBlob('a/b', blobOf(''), openBytes(Buffer.alloc(0)))
    expect(fake.content.repositories.get('a/b')?.blobs.get(digestOf(''))).toEqual(Buffer.alloc(0))
    expect(fake.requests[1]?.headers['content-length']).toBe('0')
  })

  it('that broke off goes on where the registry says', async () => {
    const fake = await fakeRegistry()
    fake.fault = ({ method }) => (method === 'PUT' && !broken++ ? { cutRequestAfterBytes: 700_000 } : undefined)
    let broken = 0
    const offsets: number[] = []
    const notices: RetryNotice[] = []
    const open = openBytes(bytes)
    const watched = (offset: number) => {
      offsets.push(offset)
      return open(offset)
    }
    const options = { onRetry: (notice: RetryNotice) => notices.push(notice) }
    await openClient().registry(fake.host, PLAIN).uploadBlob('a/b', blob, watched, options)
    expect(held(fake)?.equals(bytes)).toBe(true)
    expect(offsets).toEqual([0, 700_000])
    expect(fake.requests.map(({ method }) => method)).toEqual(['POST', 'PUT', 'GET', 'PATCH', 'PUT'])
    expect(fake.requests[3]?.headers['content-range']).toBe('700000-1999999')
    expect(fake.uploads.open.size).toBe(0)
    expect(notices).toHaveLength(1)
  })

  it('that broke off starts anew where the registry cannot go on', async () => {
    const fake = await fakeRegistry({ resume: false })
    let broken = 0
    fake.fault = ({ method }) => (method === 'PUT' && !broken++ ? { cutRequestAfterBytes: 700_000 } : undefined)
    await openClient().registry(fake.host, PLAIN).uploadBlob('a/b', blob, openBytes(bytes))
    expect(held(fake)?.equals(bytes)).toBe(true)
  })

  it('is tried again after 429 and 5xx, and after a session that got lost', async () => {
    const fake = await fakeRegistry()
    fake.fault = ({ method, before }) => {
      if (method === 'POST' && before === 0) return { status: 429 }
      if (method === 'POST' && before === 1) return { status: 500 }
      return undefined
    }
    await openClient().registry(fake.host, PLAIN).uploadBlob('a/b', blob, openBytes(bytes))
    expect(held(fake)?.equals(bytes)).toBe(true)
    const lost = await fakeRegistry()
    let puts = 0
    lost.fault = ({ method }) => (method === 'PUT' && puts++ === 0 ? { status: 404 } : undefined)
    await openClient().registry(lost.host, PLAIN).uploadBlob('a/b', blob, openBytes(bytes))
    expect(held(lost)?.equals(bytes)).toBe(true)
  })

  it('that its own source refuses is not tried again, and nothing of it is left', async () => {
    const fake = await fakeRegistry()
    // eslint-disable-next-line @typescript-eslint/require-await
    const open = async function* () {
      yield bytes.subarray(0, 1_000_000)
      throw new FerryError('bundle-digest', 'a flipped bit')
    }
    const error = await failureOf(openClient().registry(fake.host, PLAIN).uploadBlob('a/b', blob, open))
    expect(error).toMatchObject({ code: 'bundle-digest', message: 'a flipped bit' })
    expect(held(fake)).toBeUndefined()
    expect(fake.requests.map(({ method }) => method).toSorted()).toEqual(['DELETE', 'POST', 'PUT'])
    expect(fake.uploads.open.size).toBe(0)
  })

  it('that the registry hashes to something else is refused by it', async () => {
    const fake = await fakeRegistry()
    const wrong = openBytes(randomBytes(bytes.length))
    const error = await failureOf(openClient().registry(fake.host, PLAIN).uploadBlob('a/b', blob, wrong))
    expect(error.code).toBe('registry-refused')
    expect(error.message).toContain('DIGEST_INVALID')
  })

  it('stops when the signal says so', async () => {
    const fake = await fakeRegistry()
    const stop = new AbortController()
    const open = async function* () {
      yield bytes.subarray(0, 1_000_000)
      stop.abort(new Error('enough'))
      await new Promise((resolve) => setTimeout(resolve, 50))
      yield bytes.subarray(1_000_000)
    }
    const upload = openClient().registry(fake.host, PLAIN).uploadBlob('a/b', blob, open, { signal: stop.signal })
    await expect(upload).rejects.toThrow('enough')
    expect(held(fake)).toBeUndefined()
  })
})

describe('mounting', () => {
  it('takes a blob over from another repository', async () => {
    const fake = await fakeRegistry()
    fake.content.addBlob('from/here', bytes)
    expect(await openClient().registry(fake.host, PLAIN).mountBlob('a/b', blob, 'from/here')).toBe(true)
    expect(held(fake)?.equals(bytes)).toBe(true)
    expect(fake.lines()).toEqual([
      `POST /v2/a/b/blobs/uploads/?mount=${encodeURIComponent(blob.digest)}&from=from%2Fhere`,
    ])
  })

  it('that the registry does not do leaves no session behind', async () => {
    const fake = await fakeRegistry({ mount: false })
    fake.content.addBlob('from/here', bytes)
    expect(await openClient().registry(fake.host, PLAIN).mountBlob('a/b', blob, 'from/here')).toBe(false)
    expect(fake.requests.map(({ method }) => method)).toEqual(['POST', 'DELETE'])
    expect(fake.uploads.open.size).toBe(0)
  })

  it('that is not allowed is an upload instead', async () => {
    const fake = await fakeRegistry()
    fake.fault = () => ({ status: 403 })
    expect(await openClient().registry(fake.host, PLAIN).mountBlob('a/b', blob, 'from/here')).toBe(false)
  })
})

describe('a manifest', () => {
  const content = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociManifest, config: blob, layers: [] }, undefined, 3),
  )
  const document = { mediaType: MEDIA.ociManifest, bytes: content }

  it('is put with its bytes as they are, by tag or digest', async () => {
    const fake = await fakeRegistry()
    fake.content.addBlob('a/b', bytes)
    const registry = openClient().registry(fake.host, PLAIN)
    expect(await registry.putDocument('a/b', 'v1', document)).toEqual({ subjectHandled: false })
    expect(await registry.putDocument('a/b', digestOf(content), document)).toEqual({ subjectHandled: false })
    expect(fake.content.find('a/b', 'v1')).toEqual({ ...document, digest: digestOf(content) })
  })

  it('that is refused gives the words of the registry, without another try', async () => {
    const fake = await fakeRegistry()
    const answer = await openClient().registry(fake.host, PLAIN).putDocument('a/b', 'v1', document)
    expect(answer).toEqual({
      code: 'MANIFEST_BLOB_UNKNOWN',
      refused: `MANIFEST_BLOB_UNKNOWN manifest blob unknown (${blob.digest})`,
    })
    expect(fake.requests).toHaveLength(1)
  })

  it('tells whether the registry keeps the list of referrers', async () => {
    const attached = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociManifest, config: blob, layers: [], subject: blob }),
    )
    for (const referrers of [true, false]) {
      const fake = await fakeRegistry({ referrers })
      fake.content.addBlob('a/b', bytes)
      const registry = openClient().registry(fake.host, PLAIN)
      const answer = await registry.putDocument('a/b', digestOf(attached), {
        mediaType: MEDIA.ociManifest,
        bytes: attached,
      })
      expect(answer).toEqual({ subjectHandled: referrers })
    }
  })

  it('that the registry stores with another digest is an error', async () => {
    const fake = await fakeRegistry({ sparse: true })
    fake.fault = () => ({ headers: { 'docker-content-digest': digestOf('other') } })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).putDocument('a/b', 'v1', document))
    expect(error.code).toBe('registry-digest')
  })

  it('is put again after what passes', async () => {
    const fake = await fakeRegistry({ sparse: true })
    fake.fault = ({ before }) => (before === 0 ? { status: 503 } : before === 1 ? { reset: true } : undefined)
    const answer = await openClient().registry(fake.host, PLAIN).putDocument('a/b', 'v1', document)
    expect(answer).toEqual({ subjectHandled: false })
  })
})
