import { randomBytes } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { retryAdviceOf } from '../../../src/oci/store.ts'
import { startFakeServer, type FakeRequest, type FaultHook } from '../../fakes/fake-server.ts'
import { collect, encoded, environment, failureOf, openFetcher } from './open-client.ts'

const bytes = randomBytes(500_000)

async function site(fault?: FaultHook) {
  const log: FakeRequest[] = []
  const server = await startFakeServer({
    name: 'site',
    log,
    ...(fault && { fault }),
    handler({ path, headers }) {
      if (path !== '/file') return { status: 404, body: 'no such file' }
      const from = /^bytes=(\d+)-$/.exec(String(headers['range']))?.[1]
      if (from === undefined) return { status: 200, body: bytes }
      if (Number(from) >= bytes.length) return { status: 416 }
      const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`
      return { status: 206, headers: { 'content-range': range }, body: bytes.subarray(Number(from)) }
    },
  })
  onTestFinished(() => server.stop())
  return { ...server, log }
}

describe('a file', () => {
  it('of a site that is not there fails with how to look at that site', async () => {
    const server = await startFakeServer({ name: 'site', log: [], handler: () => ({ status: 200 }) })
    await server.stop()
    const error = await failureOf(openFetcher().read(`${server.url}/file`, {}))
    expect(error.hint).toContain(`curl -v ${server.url}/ .`)
  })

  it('tells its size, comes whole, and goes on from an offset', async () => {
    const { url } = await site()
    const fetcher = openFetcher()
    expect(await fetcher.size(`${url}/file`)).toBe(bytes.length)
    const whole = await fetcher.read(`${url}/file`, {})
    expect(whole).toMatchObject({ offset: 0, size: bytes.length })
    expect((await collect(whole.body)).equals(bytes)).toBe(true)
    const rest = await fetcher.read(`${url}/file`, { offset: 100_000 })
    expect(rest).toMatchObject({ offset: 100_000, size: bytes.length })
    expect((await collect(rest.body)).equals(bytes.subarray(100_000))).toBe(true)
    expect((await fetcher.read(`${url}/file`, { offset: bytes.length })).offset).toBe(0)
  })

  it('that is not there is named', async () => {
    const { url } = await site()
    for (const work of [openFetcher().size(`${url}/x`), openFetcher().readAll(`${url}/x`, { limit: 5 })]) {
      const error = await failureOf(work)
      expect(error.code).toBe('registry-not-found')
      expect(error.message).toContain('/x')
    }
  })

  it('is not read past its limit, whether its size is told or not', async () => {
    for (const headers of [{}, { 'content-length': undefined, 'transfer-encoding': 'chunked' }]) {
      const { url } = await site(() => ({ headers }))
      expect(bytes.equals(await openFetcher().readAll(`${url}/file`, { limit: bytes.length }))).toBe(true)
      const error = await failureOf(openFetcher().readAll(`${url}/file`, { limit: bytes.length - 1 }))
      expect(error.message).toContain('longer than 499999 bytes')
    }
  })

  it('comes through 5xx, resets and short bodies', async () => {
    const faults = [{ status: 503 }, { reset: true }, { cutAfterBytes: 1000 }]
    const { url } = await site(({ before }) => faults[before])
    expect(bytes.equals(await openFetcher().readAll(`${url}/file`, { limit: 1e6 }))).toBe(true)
  })

  it('is read in one attempt, marked when another could help', async () => {
    const { url, log } = await site(() => ({ status: 503 }))
    const error = await failureOf(openFetcher().read(`${url}/file`, {}))
    expect(retryAdviceOf(error)).toBeDefined()
    expect(log).toHaveLength(1)
  })

  it('may be redirected, and no credential ever goes along', async () => {
    const target = await site()
    const { url, host, log } = await site(() => ({ status: 302, headers: { location: `${target.url}/file` } }))
    const auth = encoded('anna', 'correct horse')
    const env = await environment({ auths: { [host]: { auth }, [target.host]: { auth } } })
    expect(bytes.equals(await openFetcher({ env }).readAll(`${url}/file`, { limit: 1e6 }))).toBe(true)
    expect([...log, ...target.log].every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  it('has no size where the server does not like HEAD', async () => {
    const { url } = await site(({ method }) => (method === 'HEAD' ? { status: 405 } : undefined))
    expect(await openFetcher().size(`${url}/file`)).toBeUndefined()
  })

  it.each(['ftp://a.example/x', 'file:///etc/passwd', 'nonsense', 'https://u:secret@a.example/'])(
    'at %j is refused',
    async (address) => {
      const error = await failureOf(openFetcher().read(address, {}))
      expect(error.code).toBe('config-invalid')
      expect(error.message).not.toContain('secret')
    },
  )
})
