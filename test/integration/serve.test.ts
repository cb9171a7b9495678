import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { publicPemOf } from '../../src/trust/key.ts'
import { ask, askJson } from '../adapters/registry-server/ask.ts'
import { encodeTar, MEMORY_KEY, writeMemoryBundle } from '../fakes/memory-bundle.ts'
import { addImage, emptyContent } from '../fakes/memory-content.ts'
import { startContainerd } from '../peers/containerd.ts'
import type { BuiltImage, ImageKind } from '../peers/content.ts'
import { startDelivery, type Delivery } from '../peers/delivery.ts'
import { FERRY, ferryOrThrow } from '../peers/ferry.ts'
import { peer, run, runOrThrow } from '../peers/peer.ts'
import { startService } from '../peers/service.ts'
import { makeTls } from '../peers/tls.ts'

// The bundle comes from a real registry that is gone by the time it is served: nothing can come from anywhere else.
let delivery: Delivery
let folder: string
let bundle: string
/** As in names: `127.0.0.1:PORT` of the upstream, and the same as a path. */
let upstream: string
let upstreamPath: string
let served: Served

beforeAll(async () => {
  delivery = await startDelivery({ totalBytes: 4 * 1024 * 1024 })
  folder = await mkdtemp(join(tmpdir(), 'ferry-serve-'))
  bundle = join(folder, 'delivery.tar')
  upstream = delivery.registry.host
  upstreamPath = upstream.replace(':', '_')
  await ferryOrThrow(['export', delivery.bundleYaml, '--key', delivery.key, '--out', bundle])
  await copyFile(delivery.pub, join(folder, 'vendor.pub'))
  await delivery.stop()
  served = await serve(bundle)
})

afterAll(async () => {
  await served.stop()
  await rm(folder, { recursive: true, force: true })
})

interface Served {
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly url: string
  readonly log: () => string
  readonly stop: () => Promise<void>
}

/** `ferry serve` as a process of its own. */
async function serve(file: string, ...args: string[]): Promise<Served> {
  const command = [FERRY, 'serve', file, '--pub', join(folder, 'vendor.pub'), '--listen', '127.0.0.1:0', ...args]
  const { service, answer: url } = await startService(process.execPath, command, {
    logFile: join(folder, `serve-${Math.random()}.log`),
    ready: (log) => /https?:\/\/127\.0\.0\.1:[0-9]+/.exec(log)?.[0],
  })
  return { url, host: url.replace(/^https?:\/\//, ''), log: service.log, stop: service.stop }
}

function image(kind: ImageKind): BuiltImage {
  return delivery.images.find((one) => one.kind === kind)!
}

/** Where an image is on the served registry, without tag. */
function repositoryOf({ repository }: BuiltImage): string {
  return `${served.host}/${upstreamPath}/${repository}`
}

async function newFolder(): Promise<string> {
  const path = await mkdtemp(join(folder, 'work-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

describe('skopeo', () => {
  const copy = async (...args: string[]): Promise<string> =>
    runOrThrow(peer('skopeo'), ['copy', '--src-tls-verify=false', '--override-arch', 'amd64', ...args])

  it.each(['gzip', 'zstd', 'docker', 'single', 'tiny', 'attached'] as const)(
    'copies an image by tag into a folder: %s',
    async (kind) => {
      const to = await newFolder()
      const { tag, blobs } = image(kind)
      await copy(`docker://${repositoryOf(image(kind))}:${tag}`, `dir:${to}`)
      for (const digest of blobs['linux/amd64']!)
        expect(digestOf(await readFile(join(to, digest.slice(7)))), digest).toBe(digest)
    },
  )

  it('copies by digest, and the digest stays', async () => {
    const to = await newFolder()
    for (const kind of ['single', 'docker'] as const) {
      const [index] = await askManifests(kind)
      const digest = index ?? image(kind).digest
      await copy('--preserve-digests', `docker://${repositoryOf(image(kind))}@${digest}`, `dir:${to}`)
      expect(digestOf(await readFile(join(to, 'manifest.json')))).toBe(digest)
    }
  })

  it('copies into an OCI layout', async () => {
    const to = await newFolder()
    await copy(`docker://${repositoryOf(image('gzip'))}:${image('gzip').tag}`, `oci:${to}:x`)
    const { manifests } = JSON.parse(await readFile(join(to, 'index.json'), 'utf8')) as { manifests: unknown[] }
    expect(manifests).toHaveLength(1)
  })

  it('lists the tags', async () => {
    const { tag } = image('gzip')
    const text = await runOrThrow(peer('skopeo'), [
      'list-tags',
      '--tls-verify=false',
      `docker://${repositoryOf(image('gzip'))}`,
    ])
    expect(JSON.parse(text)).toMatchObject({ Tags: [tag] })
  })

  /** Digests of an index's manifests for linux/amd64. */
  async function askManifests(kind: ImageKind): Promise<string[]> {
    const { repository, digest } = image(kind)
    const value = (await askJson(served.url, `/v2/${upstreamPath}/${repository}/manifests/${digest}`)) as {
      manifests?: { digest: string; platform: { architecture: string } }[]
    }
    return (value.manifests ?? [])
      .filter(({ platform }) => platform.architecture === 'amd64')
      .map((manifest) => manifest.digest)
  }
})

describe('crane', () => {
  const crane = (...args: string[]): Promise<string> => runOrThrow(peer('crane'), [...args, '--insecure'])

  it('lists repositories and tags', async () => {
    const repositories = (await crane('catalog', served.host)).trim().split('\n')
    for (const one of delivery.images) expect(repositories).toContain(`${upstreamPath}/${one.repository}`)
    expect(repositories).toContain('charts/webapp')
    const { tag } = image('docker')
    expect((await crane('ls', repositoryOf(image('docker')))).trim()).toBe(tag)
  })

  it.each(['docker', 'attached', 'single'] as const)(
    'gets a manifest whose digest is the one upstream: %s',
    async (kind) => {
      const { tag, digest } = image(kind)
      expect((await crane('digest', `${repositoryOf(image(kind))}:${tag}`)).trim()).toBe(digest)
      expect(digestOf(await crane('manifest', `${repositoryOf(image(kind))}:${tag}`))).toBe(digest)
    },
  )

  it('pulls an image and finds it valid', async () => {
    const to = await newFolder()
    const { tag } = image('attached')
    await crane('pull', '--platform', 'linux/arm64', `${repositoryOf(image('attached'))}:${tag}`, join(to, 'x.tar'))
    await crane('validate', '--platform', 'linux/arm64', '--remote', `${repositoryOf(image('attached'))}:${tag}`)
    expect(existsSync(join(to, 'x.tar'))).toBe(true)
  })

  it("gets the signature under cosign's tag", async () => {
    const { signatureTag, signature } = image('attached').attached!
    expect((await crane('digest', `${repositoryOf(image('attached'))}:${signatureTag}`)).trim()).toBe(signature)
  })

  it('is told that nothing can be pushed', async () => {
    const { tag } = image('single')
    const from = `${repositoryOf(image('single'))}:${tag}`
    const { code, stderr } = await run(peer('crane'), ['copy', '--insecure', from, `${served.host}/new/place:1`])
    expect(code).not.toBe(0)
    expect(stderr).toContain('read-only')
  })
})

describe('oras', () => {
  it('pulls a file, byte for byte and under its name', async () => {
    const to = await newFolder()
    await runOrThrow(peer('oras'), ['pull', '--plain-http', `${served.host}/files/tool:linux-amd64`, '-o', to])
    const plain = await ask(served.url, '/files/tool?platform=linux/amd64')
    expect(plain.body.length).toBe(300_000)
    expect((await readFile(join(to, 'tool'))).equals(plain.body)).toBe(true)
    expect((await ask(served.url, '/files/handbook')).body.toString()).toBe('read me first\n')
  })

  it('discovers what is attached to an image', async () => {
    const { tag, attached } = image('attached')
    const reference = `${repositoryOf(image('attached'))}:${tag}`
    const text = await runOrThrow(peer('oras'), ['discover', '--plain-http', '--format', 'json', reference])
    expect(text).toContain(attached!.sbom)
    const none = ['discover', '--plain-http', '--format', 'json', '--artifact-type', 'application/x', reference]
    expect(await runOrThrow(peer('oras'), none)).not.toContain(attached!.sbom)
  })
})

describe('helm', () => {
  it.each([
    ['a chart from an index.yaml', () => 'charts/webapp', '1.2.3', 'webapp-1.2.3.tgz'],
    ['a chart from an OCI registry', () => `${upstreamPath}/charts/podinfo`, '6.9.1', 'podinfo-6.9.1.tgz'],
    ['a local chart with a + in its version', () => 'charts/local', '0.1.0+site', 'local-0.1.0+site.tgz'],
  ])('pulls %s', async (_, path, version, file) => {
    const to = await newFolder()
    const env = { HELM_CACHE_HOME: to, HELM_CONFIG_HOME: to, HELM_DATA_HOME: to }
    const chart = `oci://${served.host}/${path()}`
    await runOrThrow(peer('helm'), ['pull', chart, '--version', version, '--plain-http', '-d', to], { env })
    expect(await readdir(to)).toContain(file)
    expect(await runOrThrow(peer('helm'), ['show', 'chart', join(to, file)], { env })).toContain(`version: ${version}`)
  })
})

describe.each([1, 2] as const)('containerd %i', (generation) => {
  /** Pulls under the upstream's own name; the upstream itself is gone. */
  async function pull(name: string, hosts: Readonly<Record<string, string>>): Promise<string> {
    const hostsDir = await newFolder()
    for (const [host, text] of Object.entries(hosts)) {
      await mkdir(join(hostsDir, host))
      await writeFile(join(hostsDir, host, 'hosts.toml'), text)
    }
    const containerd = await startContainerd(generation)
    onTestFinished(containerd.stop)
    // As a kubelet pulls. Without it, ctr 2 wants the manifests of all platforms, which a sparse index does not have.
    const metadata = generation === 2 ? ['--skip-metadata'] : []
    const args = ['images', 'pull', '--hosts-dir', hostsDir, '--platform', 'linux/amd64', ...metadata, name]
    const { code, stdout, stderr } = await containerd.ctr(...args)
    expect(code, stdout + stderr).toBe(0)
    return (await containerd.ctr('images', 'ls')).stdout
  }

  const capabilities = 'capabilities = ["pull", "resolve"]'

  it('pulls under unchanged names from a mirror that knows upstreams by ?ns=', async () => {
    const { repository, tag, digest } = image('docker')
    const name = `${upstream}/${repository}:${tag}`
    const list = await pull(name, { [upstream]: `[host."${served.url}"]\n${capabilities}\n` })
    expect(list).toContain(name)
    expect(list).toContain(digest)
  })

  it('pulls under unchanged names from a mirror with the upstream in its path', async () => {
    const { repository, tag, digest } = image('attached')
    const name = `${upstream}/${repository}:${tag}`
    const mirror = `[host."${served.url}/v2/${upstreamPath}"]\n${capabilities}\noverride_path = true\n`
    const list = await pull(name, { [upstream]: mirror })
    expect(list).toContain(name)
    expect(list).toContain(digest)
  })

  it('pulls images of Docker Hub and registry.k8s.io, which it never meets', async () => {
    const content = emptyContent()
    // As containerd reads it, a layer may be plain: then its digest is its diff id, too.
    const layers = [encodeTar([{ path: 'etc/hello', bytes: Buffer.from('hello') }], 0)]
    const names = ['docker.io/library/nginx:1.29', 'registry.k8s.io/pause:3.10']
    for (const name of names) addImage(content, name, { layers })
    const path = await newFolder()
    await writeFile(join(path, 'memory.tar'), await writeMemoryBundle(content))
    await writeFile(join(path, 'memory.pub'), publicPemOf(MEMORY_KEY.publicKey))
    const mirror = await serve(join(path, 'memory.tar'), '--pub', join(path, 'memory.pub'))
    onTestFinished(mirror.stop)
    for (const name of names) {
      const [host = ''] = name.split('/')
      expect(await pull(name, { [host]: `[host."${mirror.url}"]\n${capabilities}\n` })).toContain(name)
    }
  })

  it('pulls an image pinned by digest, over HTTPS with a private CA', async () => {
    const tls = await makeTls(await newFolder())
    const secure = await serve(bundle, '--cert', tls.cert, '--cert-key', tls.key)
    onTestFinished(secure.stop)
    const { repository, digest } = image('zstd')
    const name = `${upstream}/${repository}@${digest}`
    const mirror = `[host."${secure.url}"]\n${capabilities}\nca = ${JSON.stringify(tls.ca)}\n`
    expect(await pull(name, { [upstream]: mirror })).toContain(digest)
  })
})

describe('over HTTPS', () => {
  it('crane pulls with the private CA, and nobody without it', async () => {
    const to = await newFolder()
    const tls = await makeTls(to)
    const secure = await serve(bundle, '--cert', tls.cert, '--cert-key', tls.key)
    onTestFinished(secure.stop)
    const { repository, tag, digest } = image('single')
    const args = ['digest', `${secure.host}/${upstreamPath}/${repository}:${tag}`]
    expect((await runOrThrow(peer('crane'), args, { env: { SSL_CERT_FILE: tls.ca } })).trim()).toBe(digest)
    const trusting = await run(peer('skopeo'), [
      'inspect',
      `docker://${secure.host}/${upstreamPath}/${repository}:${tag}`,
    ])
    expect(trusting.code).not.toBe(0)
    expect(trusting.stderr).toContain('certificate')
  })

  it('a key of another certificate is refused before anything listens', async () => {
    const [one, two] = [await makeTls(await newFolder()), await makeTls(await newFolder())]
    const args = ['serve', bundle, '--pub', join(folder, 'vendor.pub'), '--listen', '127.0.0.1:0']
    const tls = ['--cert', one.cert, '--cert-key', two.key]
    const { code, stderr } = await run(process.execPath, [FERRY, ...args, ...tls])
    expect(code).toBe(2)
    expect(stderr).toContain('do not belong together')
  })
})

const curl = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((path) => join(path, 'curl'))
  .find(existsSync)

it.runIf(curl !== undefined)('curl goes on with a download that was broken off', async () => {
  const file = join(await newFolder(), 'tool')
  const { body } = await ask(served.url, '/files/tool?platform=linux/amd64')
  await writeFile(file, body.subarray(0, 123_456))
  await runOrThrow(curl!, ['-sSf', '-C', '-', '-o', file, `${served.url}/files/tool?platform=linux/amd64`])
  expect((await readFile(file)).equals(body)).toBe(true)
})

it('no client ends up with a layer that was altered in the file', async () => {
  const [digest] = image('gzip').blobs['linux/amd64']!.slice(-1)
  const altered = join(await newFolder(), 'altered.tar')
  await copyFile(bundle, altered)
  await turnBit(altered, digest!)
  const server = await serve(altered)
  onTestFinished(server.stop)
  const nameOf = ({ repository, tag }: BuiltImage): string =>
    `docker://${server.host}/${upstreamPath}/${repository}:${tag}`
  const copy = ['copy', '--src-tls-verify=false', '--override-arch', 'amd64']
  const { code } = await run(peer('skopeo'), [...copy, nameOf(image('gzip')), `dir:${await newFolder()}`])
  expect(code).not.toBe(0)
  expect(server.log()).toContain(digest!.slice(7))
  const again = await ask(server.url, `/v2/${upstreamPath}/${image('gzip').repository}/blobs/${digest!}`)
  expect([again.status, again.body.toString()]).toEqual([500, expect.stringContaining('damaged or altered')])
  // The others are not touched by it.
  await runOrThrow(peer('skopeo'), [...copy, nameOf(image('tiny')), `dir:${await newFolder()}`])
})

/** Turns one bit in the middle of a blob of a bundle. */
async function turnBit(file: string, digest: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    const bytes = await handle.readFile()
    const header = bytes.indexOf(`blobs/sha256/${digest.slice(7)}\0`)
    const size = Number.parseInt(bytes.subarray(header + 124, header + 135).toString(), 8)
    const position = header + 512 + Math.floor(size / 2)
    await handle.write(Buffer.from([bytes[position]! ^ 1]), 0, 1, position)
  } finally {
    await handle.close()
  }
}
