import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, symlink, writeFile, copyFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { startContainerd } from '../peers/containerd.ts'
import { startDelivery, type Delivery } from '../peers/delivery.ts'
import { FERRY, ferryOrThrow } from '../peers/ferry.ts'
import { peer, peersFolder, run, type RunResult } from '../peers/peer.ts'
import { startRegistry } from '../peers/registry.ts'
import { documentedCommands, typeCommands } from './security-commands.ts'

// docs/bundle-format.md and docs/security.md say what stock tools can do with a bundle. Here their commands are typed word for
// word, against a bundle that `ferry export` made out of a real registry.

let delivery: Delivery
let folder: string
const ENV = { SOURCE_DATE_EPOCH: '1790000000' }

beforeAll(async () => {
  delivery = await startDelivery()
  folder = join(delivery.folder, 'stock')
  await mkdir(folder)
  await exportTo(delivery.bundleYaml, join(folder, 'FILE.tar'))
  await copyFile(delivery.pub, join(folder, 'vendor.pub'))
})
afterAll(() => delivery.stop())

async function exportTo(bundleYaml: string, out: string): Promise<void> {
  await ferryOrThrow(['export', bundleYaml, '--key', delivery.key, '--out', out], { env: ENV })
}

/** The block of docs/bundle-format.md for a tool, typed into a shell with these variables. */
async function typeDocumented(tool: string, variables: Record<string, string>, path = ''): Promise<RunResult> {
  const text = await readFile(join(import.meta.dirname, '../../docs/bundle-format.md'), 'utf8')
  const commands = new RegExp(`^\`\`\`sh ${tool}\n([^]*?)^\`\`\`$`, 'm').exec(text)?.[1]
  if (commands === undefined) throw new Error(`docs/bundle-format.md has no commands for ${tool}`)
  const PATH = [path, peersFolder(), process.env['PATH']].filter(Boolean).join(delimiter)
  return run('sh', ['-eu', '-c', commands], { cwd: folder, env: { ...variables, PATH } })
}

const image = (kind: string) => delivery.images.find((candidate) => candidate.kind === kind)!

describe('the tar in the hands of stock tools, as the docs say', () => {
  test('skopeo copies an image by its name', async () => {
    const { code, stderr } = await typeDocumented('skopeo', { IMAGE: delivery.refOf(image('gzip')) })
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(await readdir(join(folder, 'from-skopeo'))).toContain('manifest.json')
  })

  test('skopeo cannot select a Docker-type manifest in the tar, through serve it can', async () => {
    const ref = delivery.refOf(image('docker'))
    const inTar = await run(peer('skopeo'), ['inspect', '--raw', `oci-archive:${join(folder, 'FILE.tar')}:${ref}`])
    expect(inTar.stderr).toContain('unsupported manifest MIME types')
    const serving = await startServe()
    try {
      const served = ref.replace(':', '_')
      const { code, stderr } = await typeDocumented('skopeo-serve', { SERVE: serving.host, DOCKER_IMAGE: served })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const manifest = await readFile(join(folder, 'from-serve', 'manifest.json'))
      const list = await run(peer('crane'), ['manifest', '--insecure', `${serving.host}/${served}`])
      expect(digestOf(list.stdout)).toBe(image('docker').digest)
      expect(list.stdout).toContain(digestOf(manifest))
    } finally {
      await serving.stop()
    }
  })

  test('oras reads a manifest and a file by digest', async () => {
    const inspect = JSON.parse(await ferryOrThrow(['inspect', join(folder, 'FILE.tar'), '--json'])) as {
      items: { name: string; digest: string }[]
    }
    const tool = inspect.items.find(({ name }) => name === 'files/tool:linux-amd64')!
    const DIGEST = image('zstd').digest
    const { code, stderr } = await typeDocumented('oras', { DIGEST, FILE_DIGEST: tool.digest })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(digestOf(await readFile(join(folder, 'manifest.json')))).toBe(DIGEST)
    const pulled = await readFile(join(folder, 'tool'))
    expect(pulled.equals(await readFile(join(delivery.folder, 'web', 'tool')))).toBe(true)
  })

  test.each([1, 2] as const)(
    'containerd %i imports every image under its name, ready to be unpacked',
    async (generation) => {
      const containerd = await startContainerd(generation)
      try {
        const bin = join(folder, `bin-${generation}`)
        await mkdir(bin)
        await symlink(peer(generation === 1 ? 'ctr' : 'ctr-2'), join(bin, 'ctr'))
        const { code, stderr } = await typeDocumented('containerd', { CONTAINERD_ADDRESS: containerd.address }, bin)
        expect({ code, stderr }).toMatchObject({ code: 0 })
        const { stdout } = await containerd.ctr('images', 'ls', '-q')
        const names = stdout.trim().split('\n')
        for (const { kind, ...rest } of delivery.images) expect(names).toContain(delivery.refOf({ kind, ...rest }))
        // Nothing that is no image has become one.
        expect(names.filter((name) => name.includes('charts') || name.includes('files'))).toEqual([])
        // A container needs its layers unpacked: they are all there, and right.
        const ref = delivery.refOf(image('docker'))
        const check = await containerd.ctr('images', 'check', `name==${ref}`)
        expect(check.stdout).toMatch(/complete \(/)
        const exported = join(folder, `export-${generation}.tar`)
        const back = await containerd.ctr('images', 'export', '--platform', 'linux/amd64', exported, ref)
        expect({ code: back.code, stderr: back.stderr }).toEqual({ code: 0, stderr: '' })
      } finally {
        await containerd.stop()
      }
    },
  )

  test('crane pushes the unpacked layout of a bundle with all platforms', async () => {
    const all = join(delivery.folder, 'all')
    await mkdir(all)
    const text = await readFile(delivery.bundleYaml, 'utf8')
    const yaml = text.replace(
      /platforms: \[linux\/amd64, linux\/arm64\]/,
      'platforms: [linux/amd64, linux/arm64, linux/s390x]',
    )
    await writeFile(join(all, 'bundle.yaml'), yaml.replaceAll('path: ./', 'path: ../'))
    const registry = await startRegistry()
    const sparse = folder
    folder = all
    try {
      await exportTo(join(all, 'bundle.yaml'), join(all, 'FILE.tar'))
      const { code, stderr } = await typeDocumented('crane', { REGISTRY: registry.host })
      expect({ code, stderr }).toMatchObject({ code: 0 })
      for (const { digest } of delivery.images) {
        const found = await run(peer('crane'), ['digest', '--insecure', `${registry.host}/everything@${digest}`])
        expect(found.stdout.trim()).toBe(digest)
      }
    } finally {
      folder = sparse
      await registry.stop()
    }
  })
})

describe('a security officer with openssl, cosign, jq and sha256sum', () => {
  test.each(['cosign', 'cosign-3'] as const)(
    'verifies a bundle of ferry export with %s, word for word as documented',
    async (cosign) => {
      const desk = join(delivery.folder, `desk-${cosign}`)
      const tools = join(desk, 'tools')
      await mkdir(tools, { recursive: true })
      await symlink(peer(cosign), join(tools, 'cosign'))
      for (const name of ['FILE.tar', 'vendor.pub']) await copyFile(join(folder, name), join(desk, name))
      const result = await typeCommands(await documentedCommands('Verifying with openssl and cosign'), desk, tools)
      expect(result).toMatchObject({ code: 0 })
      expect(result.stdout).toContain('Verified OK')
      await rm(desk, { recursive: true })
    },
  )
})

interface Serving {
  readonly host: string
  readonly stop: () => Promise<void>
}

async function startServe(): Promise<Serving> {
  const child: ChildProcess = spawn(
    process.execPath,
    [FERRY, 'serve', join(folder, 'FILE.tar'), '--pub', delivery.pub, '--listen', '127.0.0.1:0', '--json'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let said = ''
  const host = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (piece: Buffer) => {
      said += piece.toString()
      const found = /http:\/\/(127\.0\.0\.1:\d+)/.exec(said)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.once('exit', () => reject(new Error(`serve ended: ${said}`)))
  })
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
  return { host, stop }
}
