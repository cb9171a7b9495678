import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile, copyFile, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRandomAccessFile } from '../../src/adapters/tar/random-access-file.ts'
import { openBundle, type OpenBundle } from '../../src/bundle/open-bundle.ts'
import { digestOf, hexOf } from '../../src/oci/digest.ts'
import { startDelivery, type Delivery } from '../peers/delivery.ts'
import { FERRY, ferry, ferryOrThrow } from '../peers/ferry.ts'
import { peer, runOrThrow } from '../peers/peer.ts'
import { startRegistry, type RegistryOptions, type RunningRegistry } from '../peers/registry.ts'
import { makeTls } from '../peers/tls.ts'

let delivery: Delivery
/** Every platform of every image: no index is sparse. */
let whole: string
/** Two of three platforms: every index is. */
let sparse: string

beforeAll(async () => {
  delivery = await startDelivery({ totalBytes: 24 * 1024 * 1024 })
  sparse = await exportBundle('sparse')
  whole = await exportBundle('whole', (text) =>
    text.replace(/^  platforms: .*$/m, '  platforms: [linux/amd64, linux/arm64, linux/s390x]'),
  )
})
afterAll(() => delivery.stop())

/** Its access log tells what was sent. */
const LOGGING: RegistryOptions = { env: { REGISTRY_LOG_ACCESSLOG_DISABLED: 'false' } }

/** Exports the delivery's bundle.yaml, changed, and returns the path of the bundle. */
async function exportBundle(name: string, change = (text: string) => text): Promise<string> {
  const definition = join(delivery.folder, `${name}.yaml`)
  await writeFile(definition, change(await readFile(delivery.bundleYaml, 'utf8')))
  const out = join(delivery.folder, `${name}.tar`)
  await ferryOrThrow(['export', definition, '--key', delivery.key, '--out', out])
  return out
}

async function withRegistry(
  options: RegistryOptions,
  work: (registry: RunningRegistry) => Promise<void>,
): Promise<void> {
  const registry = await startRegistry({ ...options, env: { ...LOGGING.env, ...options.env } })
  try {
    await work(registry)
  } finally {
    await registry.stop()
  }
}

const pushArgs = (bundle: string, to: string, ...more: string[]): string[] => [
  'push',
  bundle,
  '--pub',
  delivery.pub,
  '--to',
  to,
  ...more,
]
const push = (bundle: string, { host }: RunningRegistry): Promise<string> =>
  ferryOrThrow(pushArgs(bundle, `${host}/site`, '--plain-http'))

/** Requests of the registry's access log that send something: `PUT /v2/…/manifests/…`. */
function writesOf(registry: RunningRegistry, from = 0): string[] {
  return [
    ...registry
      .log()
      .slice(from)
      .matchAll(/"((?:PUT|POST|PATCH|DELETE) \/v2\/\S+) HTTP/g),
  ].map(([, line = '']) => line)
}

async function openIt(path: string): Promise<OpenBundle> {
  const file = await openRandomAccessFile(path)
  try {
    return await openBundle(file, 'unverified')
  } finally {
    await file.close()
  }
}

/** Reads everything a bundle names back from a registry and hashes it. */
async function expectEverything(
  bundle: string,
  registry: RunningRegistry,
  except: ReadonlySet<string> = new Set(),
): Promise<void> {
  const { catalog } = await openIt(bundle)
  for (const [name, { tags, documents, blobs }] of catalog.repositories) {
    const base = `${registry.url}/v2/site/${name}`
    const accept = { accept: [...documents.values()].map(({ mediaType }) => mediaType).join(', ') }
    for (const [tag, { digest }] of tags) {
      if (except.has(digest)) continue
      const response = await get(`${base}/manifests/${tag}`, accept)
      expect([name, tag, digestOf(Buffer.from(await response.arrayBuffer()))]).toEqual([name, tag, digest])
    }
    for (const digest of documents.keys()) {
      if (except.has(digest)) continue
      const response = await get(`${base}/manifests/${digest}`, accept)
      expect([name, digestOf(Buffer.from(await response.arrayBuffer()))]).toEqual([name, digest])
    }
    for (const digest of blobs.keys()) {
      const response = await get(`${base}/blobs/${digest}`)
      expect([name, digestOf(Buffer.from(await response.arrayBuffer()))]).toEqual([name, digest])
    }
  }
}

/** Without keep-alive: a registry that is stopped waits for open connections. */
function get(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { headers: { ...headers, connection: 'close' } })
}

async function repositoriesOf({ url }: RunningRegistry): Promise<string[]> {
  const response = await get(`${url}/v2/_catalog?n=1000`)
  return ((await response.json()) as { repositories: string[] }).repositories
}

/** `127.0.0.1_5000/team/app:v1`: what an image is called below the prefix. */
function siteName(image: Delivery['images'][number]): string {
  return `site/${delivery.registry.host.replace(':', '_')}/${image.repository}:${image.tag}`
}

describe('a docker-registry filled by ferry push', () => {
  let registry: RunningRegistry
  beforeAll(async () => {
    registry = await startRegistry(LOGGING)
    expect(await push(whole, registry)).toContain(`${registry.host}/site holds delivery 1.0.0`)
  })
  afterAll(() => registry.stop())

  test('has everything byte for byte, shared blobs sent once', async () => {
    await expectEverything(whole, registry)
    const uploads = writesOf(registry).flatMap((line) => /^PUT \S*[?&]digest=(\S+?)(?:&|$)/.exec(line)?.[1] ?? [])
    expect(uploads.length).toBeGreaterThan(20)
    expect(new Set(uploads).size).toBe(uploads.length)
    expect(writesOf(registry).filter((line) => line.includes('mount=')).length).toBeGreaterThan(0)
  })

  test('is sent nothing the second time', async () => {
    const before = registry.log().length
    expect(await push(whole, registry)).toContain('0 B sent')
    expect(writesOf(registry, before)).toEqual([])
  })

  test('serves its images to crane and skopeo under their upstream names, digests unchanged, Docker types too', async () => {
    for (const image of delivery.images) {
      const name = `${registry.host}/${siteName(image)}`
      expect((await runOrThrow(peer('crane'), ['digest', '--insecure', name])).trim()).toBe(image.digest)
      const raw = await runOrThrow(peer('skopeo'), ['inspect', '--raw', '--tls-verify=false', `docker://${name}`])
      expect(digestOf(raw)).toBe(image.digest)
      expect(raw).toContain(image.mediaType)
    }
    const docker = delivery.images.find(({ kind }) => kind === 'docker')!
    const from = `docker://${registry.host}/${siteName(docker)}`
    const layout = `oci:${join(delivery.folder, 'pulled')}:docker`
    await runOrThrow(peer('skopeo'), ['copy', '-q', '--src-tls-verify=false', from, layout])
  })

  test('lists what is attached for oras, and has cosign’s tags', async () => {
    const image = delivery.images.find(({ attached }) => attached)!
    const { sbom, signature, signatureTag } = image.attached!
    const name = `${registry.host}/${siteName(image)}`
    expect(await runOrThrow(peer('oras'), ['discover', '--plain-http', '--format', 'json', name])).toContain(sbom)
    const repository = name.slice(0, name.lastIndexOf(':'))
    const tag = await runOrThrow(peer('crane'), ['digest', '--insecure', `${repository}:${signatureTag}`])
    expect(tag.trim()).toBe(signature)
  })

  test('gives charts to helm', async () => {
    const folder = join(delivery.folder, 'helm')
    const chart = `oci://${registry.host}/site/charts/webapp`
    await mkdir(folder, { recursive: true })
    await runOrThrow(peer('helm'), ['pull', chart, '--version', '1.2.3', '--plain-http', '-d', folder], {
      env: { HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder },
    })
    const pulled = await readFile(join(folder, 'webapp-1.2.3.tgz'))
    expect(pulled.equals(await readFile(join(delivery.folder, 'web/stable/webapp-1.2.3.tgz')))).toBe(true)
  })
})

describe('a sparse index in a docker-registry, which refuses it', () => {
  test('by tag: the tag gets a filtered index, ferry says so, and the second push sends nothing', async () => {
    await withRegistry({}, async (registry) => {
      const { stdout, stderr, code } = await ferry(pushArgs(sparse, `${registry.host}/site`, '--plain-http'))
      expect(code, stderr).toBe(0)
      const { catalog } = await openIt(sparse)
      const indexes = delivery.images.filter(({ kind }) => kind !== 'single')
      for (const image of indexes) {
        const name = `${registry.host}/${siteName(image)}`
        const digest = (await runOrThrow(peer('crane'), ['digest', '--insecure', name])).trim()
        expect(digest).not.toBe(image.digest)
        expect(stdout + stderr).toContain(`${siteName(image)} now points to a filtered index ${digest}`)
        const manifest = JSON.parse(await runOrThrow(peer('crane'), ['manifest', '--insecure', name])) as {
          mediaType: string
          manifests: { platform: { architecture: string } }[]
        }
        expect(manifest.mediaType).toBe(image.mediaType)
        const architectures = manifest.manifests.map(({ platform }) => platform.architecture)
        expect(architectures.filter((one) => one !== 'unknown')).toEqual(['amd64', 'arm64'])
      }
      const refused = catalog.entries.filter(
        ({ kind, descriptor }) => kind === 'image' && /index|list/.test(descriptor.mediaType),
      )
      await expectEverything(sparse, registry, new Set(refused.map(({ descriptor }) => descriptor.digest)))
      const before = registry.log().length
      await push(sparse, registry)
      expect(writesOf(registry, before)).toEqual([])
    })
  })

  test('pinned by digest: stops before anything is sent, names the image and the missing platform', async () => {
    const image = delivery.images.find(({ kind }) => kind === 'gzip' || kind === 'zstd')!
    const reference = `${delivery.registry.host}/${image.repository}@${image.digest}`
    const pinned = await exportBundle('pinned', (text) => text.replace(delivery.refOf(image), reference))
    await withRegistry({}, async (registry) => {
      const { code, stderr } = await ferry(pushArgs(pinned, `${registry.host}/site`, '--plain-http'))
      expect(code).toBe(1)
      expect(stderr).toContain(reference)
      expect(stderr).toContain('Nothing was sent')
      expect(stderr).toContain('linux/s390x')
      expect(await repositoriesOf(registry)).toEqual([])
      expect(writesOf(registry)).toHaveLength(1)
    })
    await withRegistry({}, async (registry) => {
      // With all its platforms it goes in.
      const all = await exportBundle('pinned-whole', (text) =>
        text
          .replace(delivery.refOf(image), reference)
          .replace(/^  platforms: .*$/m, '  platforms: [linux/amd64, linux/arm64, linux/s390x]'),
      )
      await push(all, registry)
      await expectEverything(all, registry)
    })
  })
})

describe('getting in', () => {
  test('TLS with --ca and a password from docker’s config.json; without either it says what to do', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ferry-access-'))
    const tls = await makeTls(join(folder, 'tls'))
    const htpasswd = { user: 'ann', password: 'a secret word' }
    await withRegistry({ tls, htpasswd }, async (registry) => {
      const attempt = (config: string, ...more: string[]) =>
        ferry(pushArgs(whole, registry.host, ...more), { env: { DOCKER_CONFIG: join(folder, config) } })
      const login = async (config: string, password: string): Promise<void> => {
        const auth = Buffer.from(`ann:${password}`).toString('base64')
        await mkdir(join(folder, config), { recursive: true })
        await writeFile(join(folder, config, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }))
      }
      await login('right', htpasswd.password)
      await login('wrong', 'another word')

      const untrusted = await attempt('right')
      expect(untrusted.code).toBe(1)
      expect(untrusted.stderr).toMatch(/--ca/)
      const anonymous = await attempt('none', '--ca', tls.ca)
      expect(anonymous.code).toBe(1)
      expect(anonymous.stderr).toContain(`docker login ${registry.host}`)
      const wrong = await attempt('wrong', '--ca', tls.ca)
      expect(wrong.code).toBe(1)
      expect(wrong.stderr).not.toMatch(/another word|YW5u/)
      expect(writesOf(registry)).toEqual([])
      const right = await attempt('right', '--ca', tls.ca)
      expect(right.code, right.stderr).toBe(0)
    })
    await rm(folder, { recursive: true })
  })

  test('a read-only registry: its own words, and nothing there', async () => {
    const env = { REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled":true}' }
    await withRegistry({ env }, async (registry) => {
      const { code, stderr } = await ferry(pushArgs(whole, registry.host, '--plain-http'))
      expect(code).toBe(1)
      expect(stderr).toMatch(/405/)
      expect(await repositoriesOf(registry)).toEqual([])
    })
  })
})

describe('when it does not go smoothly', () => {
  test('killed again and again, then finished: everything is there, byte for byte', async () => {
    await withRegistry({}, async (registry) => {
      let kills = 0
      for (let round = 0; round < 6; round++) {
        const args = [FERRY, ...pushArgs(whole, `${registry.host}/site`, '--plain-http')]
        const child = spawn(process.execPath, args, { stdio: 'ignore' })
        const ended = once(child, 'exit')
        // From before the first request to the middle of the manifests.
        await waitForWrites(registry, round * 14, child)
        await sleep(Math.random() * 30)
        if (child.exitCode === null) kills++
        child.kill('SIGKILL')
        await ended
      }
      expect(kills).toBeGreaterThanOrEqual(3)
      await push(whole, registry)
      await expectEverything(whole, registry)
    })
  })

  test('interrupted it stops at once with a word on how to go on', async () => {
    await withRegistry({}, async (registry) => {
      const args = [FERRY, ...pushArgs(whole, `${registry.host}/site`, '--plain-http')]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      const ended = once(child, 'exit')
      let stderr = ''
      child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString()))
      await waitForWrites(registry, 3, child)
      child.kill('SIGINT')
      const [code] = (await ended) as [number | null]
      expect(code).not.toBe(0)
      expect(stderr).toMatch(/same command/)
      await push(whole, registry)
      await expectEverything(whole, registry)
    })
  })

  test('a bundle with one flipped bit in a layer: exit 3, the layer named and not in the registry', async () => {
    const damaged = join(delivery.folder, 'damaged.tar')
    await copyFile(whole, damaged)
    const { places, graph } = await openIt(whole)
    const largest = [...graph.layers.values()].toSorted((a, b) => b.size - a.size)[0]!
    const file = await open(damaged, 'r+')
    const at = places.get(largest.digest)!.offset + Math.floor(largest.size / 2)
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, at)
    await file.write(Buffer.from([byte[0]! ^ 4]), 0, 1, at)
    await file.close()
    await withRegistry({}, async (registry) => {
      const { code, stderr } = await ferry(pushArgs(damaged, `${registry.host}/site`, '--plain-http'))
      expect(code).toBe(3)
      expect(stderr).toContain(hexOf(largest.digest).slice(0, 12))
      for (const repository of await repositoriesOf(registry))
        expect((await get(`${registry.url}/v2/${repository}/blobs/${largest.digest}`)).status).toBe(404)
    })
  })
})

/** Until the registry has been sent `count` more requests, or the process that sends them has ended. */
async function waitForWrites(registry: RunningRegistry, count: number, child: ChildProcess): Promise<void> {
  const before = writesOf(registry).length
  while (writesOf(registry).length < before + count && child.exitCode === null) await sleep(5)
}
