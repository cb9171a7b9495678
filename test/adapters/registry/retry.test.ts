import { describe, expect, it } from 'vitest'
import { parseRetryAfter } from '../../../src/adapters/registry/retry.ts'
import { MEDIA } from '../../../src/oci/media-types.ts'
import type { RetryNotice } from '../../../src/oci/registry.ts'
import { retryAdviceOf } from '../../../src/oci/store.ts'
import { startFakeRegistry } from '../../fakes/fake-registry.ts'
import type { Fault } from '../../fakes/fake-server.ts'
import { blobOf, clock, failureOf, fakeRegistry, openClient } from './open-client.ts'

const PLAIN = { plainHttp: true }
const MANIFEST = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config: blobOf('{}'), layers: [] }
const DOCUMENT = { content: MANIFEST, mediaType: MEDIA.ociManifest, tag: 'v1' }

describe('what may pass is tried again', () => {
  it.each<[string, Fault]>([
    ['429', { status: 429 }],
    ['408', { status: 408 }],
    ['500', { status: 500 }],
    ['503', { status: 503 }],
    ['a reset connection', { reset: true }],
    ['a body that ends early', { cutAfterBytes: 10 }],
    ['a body that falls silent', { stallAfterBytes: 10 }],
    ['silence', { delayMs: 2500 }],
  ])('%s', async (_, fault) => {
    const fake = await fakeRegistry()
    fake.content.addDocument('a/b', DOCUMENT)
    fake.fault = (request) => (request.before < 2 ? fault : undefined)
    const notices: [string, RetryNotice][] = []
    const client = openClient({
      timeouts: { body: 200, headers: 600 },
      onRetry: (host, notice) => notices.push([host, notice]),
    })
    expect(await client.registry(fake.host, PLAIN).fetchDocument('a/b', 'v1')).toBeDefined()
    expect(notices.map(([host, { attempt, attempts }]) => [host, attempt, attempts])).toEqual([
      [fake.host, 2, 8],
      [fake.host, 3, 8],
    ])
    expect(notices[0]?.[1].reason).toContain(fake.host)
  })

  it('8 times, then the last failure is told', async () => {
    const fake = await fakeRegistry()
    fake.fault = () => ({ status: 503, body: '{"errors":[{"code":"UNAVAILABLE","message":"maintenance until ten"}]}' })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.message).toContain('503')
    expect(error.message).toContain('maintenance until ten')
    expect(fake.requests).toHaveLength(8)
  })

  it('not before the registry wants it (Retry-After in seconds or as a date)', async () => {
    const now = Date.parse('2030-01-01T00:00:00Z')
    expect(parseRetryAfter('7', now)).toBe(7000)
    expect(parseRetryAfter('Tue, 01 Jan 2030 00:00:09 GMT', now)).toBe(9000)
    expect(parseRetryAfter('Tue, 01 Jan 2019 00:00:00 GMT', now)).toBe(0)
    expect(parseRetryAfter('soon', now)).toBeUndefined()
    expect(parseRetryAfter('999999999', now)).toBe(300_000)

    const fake = await fakeRegistry()
    fake.content.addDocument('a/b', DOCUMENT)
    fake.fault = (request) => (request.before === 0 ? { status: 429, headers: { 'retry-after': '40' } } : undefined)
    const slept: number[] = []
    const patient = { now: () => clock.now(), sleep: (ms: number) => Promise.resolve(void slept.push(ms)) }
    await openClient({ clock: patient, retryScale: 1 }).registry(fake.host, PLAIN).fetchDocument('a/b', 'v1')
    expect(slept).toEqual([40_000])
  })

  it('with delays that double, and not past the signal', async () => {
    const fake = await fakeRegistry()
    fake.fault = () => ({ status: 500 })
    const slept: number[] = []
    const patient = { now: () => clock.now(), sleep: (ms: number) => Promise.resolve(void slept.push(ms)) }
    const registry = openClient({ clock: patient, retryScale: 1 }).registry(fake.host, PLAIN)
    await failureOf(registry.fetchDocument('a/b', 'v1'))
    expect(slept).toHaveLength(7)
    slept.forEach((delay, i) => {
      const nominal = Math.min(30_000, 500 * 2 ** i)
      expect(delay).toBeGreaterThanOrEqual(nominal * 0.74)
      expect(delay).toBeLessThanOrEqual(nominal * 1.26)
    })
    const stop = new AbortController()
    const waiting = openClient({ retryScale: 100 }).registry(fake.host, PLAIN).fetchDocument('a/b', 'v1', stop.signal)
    setTimeout(() => stop.abort(), 50)
    await expect(waiting).rejects.toThrow()
  })
})

describe('what will not pass is not tried again', () => {
  it.each([400, 403, 410, 501])('%i', async (status) => {
    const fake = await fakeRegistry()
    fake.fault = () => ({ status })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.message).toContain(String(status))
    expect(fake.requests).toHaveLength(1)
  })

  it('a registry that is not there is tried three times, and named with how to check', async () => {
    const { host, stop } = await startFakeRegistry()
    await stop()
    const notices: RetryNotice[] = []
    const registry = openClient({ onRetry: (_, notice) => notices.push(notice) }).registry(host, PLAIN)
    const error = await failureOf(registry.fetchDocument('a/b', 'v1'))
    expect(error.code).toBe('registry-unreachable')
    expect(error.message).toContain(host)
    expect(error.hint).toContain(`curl -v http://${host}/v2/`)
    expect(notices.map((notice) => notice.attempts)).toEqual([3, 3])
  })

  it('a name without an address is told as such', async () => {
    const registry = openClient().registry('registry.invalid', PLAIN)
    const error = await failureOf(registry.fetchDocument('a/b', 'v1'))
    expect(error.code).toBe('registry-unreachable')
    expect(error.message).toContain('no address is known for registry.invalid')
  })
})

it('reading a blob is one attempt, marked with how long to wait', async () => {
  const fake = await fakeRegistry()
  fake.fault = () => ({ status: 503, headers: { 'retry-after': '3' } })
  const error = await failureOf(openClient().registry(fake.host, PLAIN).readBlob('a/b', blobOf('x'), {}))
  expect(fake.requests).toHaveLength(1)
  expect(retryAdviceOf(error)).toEqual({ afterMs: 3000 })
})

describe('what a registry says in an error', () => {
  it('is short and without control characters', async () => {
    const fake = await fakeRegistry()
    const message = `red \u001b[31m\r\nset-cookie: x\u2028${'long '.repeat(2000)}`
    fake.fault = () => ({ status: 400, body: JSON.stringify({ errors: [{ code: 'BAD', message }] }) })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.message).toContain('BAD red [31m set-cookie: x')
    expect(error.message).not.toMatch(/\p{Cc}|\u2028/u)
    expect(error.message.length).toBeLessThan(450)
  })

  it('is not read past 16 KiB', async () => {
    const fake = await fakeRegistry()
    fake.fault = () => ({ status: 400, body: Buffer.alloc(30_000_000, 'x') })
    const error = await failureOf(openClient().registry(fake.host, PLAIN).fetchDocument('a/b', 'v1'))
    expect(error.message.length).toBeLessThan(450)
  })
})
