import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startContainerd } from '../peers/containerd.ts'
import { peer, run } from '../peers/peer.ts'
import { startRegistry } from '../peers/registry.ts'
import { startStaticSite } from '../peers/static-site.ts'
import { makeTls } from '../peers/tls.ts'

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'ferry-peers-'))))
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a registry with TLS and a password lets in only who trusts its CA and knows the password', async () => {
  const tls = await makeTls(join(folder, 'tls'))
  const registry = await startRegistry({ tls, htpasswd: { user: 'ann', password: 'pa ss' } })
  try {
    const ask = async (ca?: string, login?: string) => {
      const dispatcher = new Agent({ connect: ca === undefined ? {} : { ca: await readFile(ca) } })
      const headers = login === undefined ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
      const { statusCode, body } = await request(`${registry.url}/v2/`, { dispatcher, headers })
      await body.dump()
      await dispatcher.close()
      return statusCode
    }
    await expect(ask()).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
    expect(await ask(tls.ca)).toBe(401)
    expect(await ask(tls.ca, 'ann:pass')).toBe(401)
    expect(await ask(tls.ca, 'ann:pa ss')).toBe(200)
  } finally {
    await registry.stop()
  }
})

test.each([1, 2] as const)('containerd generation %i starts with a folder of its own', async (generation) => {
  const containerd = await startContainerd(generation)
  try {
    expect(await containerd.ctr('content', 'ls', '-q')).toMatchObject({ code: 0, stdout: '' })
  } finally {
    await containerd.stop()
  }
})

test('a static site serves whole files and ranges', async () => {
  await writeFile(join(folder, 'file.txt'), '0123456789')
  const site = await startStaticSite(folder)
  try {
    const get = async (path: string, headers: Record<string, string> = {}) => {
      const response = await fetch(site.url + path, { headers })
      return [response.status, await response.text()]
    }
    expect(await get('/file.txt')).toEqual([200, '0123456789'])
    expect(await get('/file.txt', { range: 'bytes=7-' })).toEqual([206, '789'])
    expect((await get('/../../etc/passwd'))[0]).toBe(404)
    expect(site.requests).toContain('GET /file.txt bytes=7-')
  } finally {
    await site.stop()
  }
})

test.each(['skopeo', 'oras', 'crane', 'cosign', 'cosign-3', 'helm', 'openssl'] as const)(
  '%s runs here',
  async (name) => {
    expect((await run(peer(name), [name === 'skopeo' ? '--version' : 'version'])).code).toBe(0)
  },
)
