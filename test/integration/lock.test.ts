import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/adapters/clock/system-clock.ts'
import { createRegistryClient } from '../../src/adapters/registry/client.ts'
import { chartArchive } from '../../src/adapters/tar/chart-archive.ts'
import { deriveChart } from '../../src/bundle/sources/chart-artifact.ts'
import { parseChartMetadata } from '../../src/bundle/sources/chart-metadata.ts'
import type { LockFile } from '../../src/config/bundle-lock.gen.ts'
import { parseLock } from '../../src/config/lock-file.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { startDelivery, type Delivery } from '../peers/delivery.ts'
import { ferry, ferryOrThrow } from '../peers/ferry.ts'
import { peer, runOrThrow } from '../peers/peer.ts'

// Against the real docker-registry, with what crane and helm say of the same content.
let delivery: Delivery
let lock: LockFile
let lockPath: string
beforeAll(async () => {
  delivery = await startDelivery({ totalBytes: 2 * 1024 * 1024 })
  await ferryOrThrow(['lock', delivery.bundleYaml])
  lockPath = join(delivery.folder, 'bundle.lock.yaml')
  lock = await readLock()
})
afterAll(() => delivery.stop())

async function readLock(): Promise<LockFile> {
  return parseLock(await readFile(lockPath, 'utf8'), lockPath)
}

async function helm(...args: string[]): Promise<string> {
  const home = join(delivery.folder, 'helm')
  return runOrThrow(peer('helm'), args, {
    env: { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home },
  })
}

test('every image has the digest crane sees, its blobs for the wanted platforms, and what is attached', async () => {
  expect(lock.images).toHaveLength(delivery.images.length)
  for (const image of delivery.images) {
    const locked = lock.images.find(({ ref }) => ref === delivery.refOf(image))
    const crane = await runOrThrow(peer('crane'), ['digest', '--insecure', delivery.refOf(image)])
    expect(locked?.digest).toBe(crane.trim())
    const contents = new Set<string>(locked?.contents)
    for (const platform of ['linux/amd64', 'linux/arm64'])
      for (const digest of image.blobs[platform] ?? []) expect(contents, `${image.kind} ${platform}`).toContain(digest)
    for (const digest of image.blobs['linux/s390x'] ?? []) expect(contents, image.kind).not.toContain(digest)
    if (image.kind !== 'attached') continue
    expect(locked?.attached?.map(({ digest, tag }) => ({ digest, tag }))).toEqual(
      [
        { digest: image.attached!.sbom, tag: undefined },
        { digest: image.attached!.signature, tag: image.attached!.signatureTag },
      ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
    )
    expect(contents).toContain(image.attached!.sbom)
  }
})

test('a second lock changes no byte, with or without --update', async () => {
  const before = await readFile(lockPath, 'utf8')
  await ferryOrThrow(['lock', delivery.bundleYaml])
  expect(await readFile(lockPath, 'utf8')).toBe(before)
  await ferryOrThrow(['lock', delivery.bundleYaml, '--update'])
  expect(await readFile(lockPath, 'utf8')).toBe(before)
})

test('a broken bundle.yaml is answered with every mistake and its line, and exit 2', async () => {
  const text = (await readFile(delivery.bundleYaml, 'utf8'))
    .replace(/(platform\/api:)\S+/, '$1v1.0.1')
    .replace('version: 1.2.3', 'version: 1.2.4')
  const path = join(delivery.folder, 'broken.yaml')
  await writeFile(path, text)
  const { code, stderr, stdout } = await ferry(['lock', path])
  expect(code).toBe(2)
  const said = stdout + stderr
  expect(said).toContain(`no such tag: ${delivery.registry.host}/platform/api:v1.0.1. Near: v1.0.0`)
  expect(said).toContain(`no such version: webapp 1.2.4 in ${delivery.site.url}/stable. Near: 1.2.3`)
})

describe("Helm's own charts", () => {
  test('the config made of an archive is byte for byte what helm push made of it', async () => {
    const archive = await readFile(join(delivery.folder, 'podinfo-6.9.1.tgz'))
    const { config, layer } = await deriveChart(archive, 'podinfo', chartArchive)
    const name = `${delivery.registry.host}/charts/podinfo:6.9.1`
    const manifest = JSON.parse(await runOrThrow(peer('crane'), ['manifest', '--insecure', name])) as {
      config: { digest: string }
      layers: { digest: string; mediaType: string }[]
    }
    expect(config.descriptor.digest).toBe(manifest.config.digest)
    expect([layer.digest, layer.mediaType]).toEqual([manifest.layers[0]?.digest, manifest.layers[0]?.mediaType])
  })

  test('a full Chart.yaml too', async () => {
    const folder = join(delivery.folder, 'full')
    await mkdir(join(folder, 'charts/common'), { recursive: true })
    await writeFile(
      join(folder, 'charts/common/Chart.yaml'),
      'apiVersion: v2\nname: common\nversion: 1.0.0\ntype: library\n',
    )
    const yaml = `
type: application
name: full
version: 1.2.3+build.4
apiVersion: v2
appVersion: 1.10
description: "less < more & 'quotes' é"
home: https://example.test
icon: https://example.test/i.png
sources: [https://example.test/src]
keywords: [a, b]
kubeVersion: ">=1.30.0-0"
deprecated: true
maintainers: [{name: A, email: a@example.test, url: https://example.test/a}, {email: b@example.test, name: B}]
annotations: {z: "1", a: "<b>"}
dependencies:
  - {name: common, version: 1.x.x, repository: "", tags: [x], condition: common.enabled, alias: c, import-values: [data, {child: a, parent: b}]}
unknown: dropped
`
    await writeFile(join(folder, 'Chart.yaml'), yaml)
    await helm('package', folder, '-d', delivery.folder)
    const tgz = join(delivery.folder, 'full-1.2.3+build.4.tgz')
    await helm('push', tgz, `oci://${delivery.registry.host}/charts`, '--plain-http')
    const name = `${delivery.registry.host}/charts/full:1.2.3_build.4`
    const config = await runOrThrow(peer('crane'), ['config', '--insecure', name])
    const { config: ours } = await deriveChart(await readFile(tgz), 'full', chartArchive)
    expect(Buffer.from(ours.bytes).toString()).toBe(config)
  })

  test('helm pulls a chart that Ferry made an artifact of, and finds the archive untouched', async () => {
    const archive = await readFile(join(delivery.folder, 'web/stable/webapp-1.2.3.tgz'))
    const { manifest, config, layer } = await deriveChart(archive, 'webapp', chartArchive)
    const client = createRegistryClient({ clock: systemClock, env: {}, userAgent: 'ferry/test' })
    try {
      const registry = client.registry(delivery.registry.host, { plainHttp: true })
      const upload = (descriptor: Descriptor, bytes: Uint8Array) =>
        registry.uploadBlob('charts/webapp', descriptor, (offset) => Readable.from([bytes.subarray(offset)]))
      await Promise.all([upload(config.descriptor, config.bytes), upload(layer, archive)])
      const put = { mediaType: manifest.descriptor.mediaType, bytes: manifest.bytes }
      expect(await registry.putDocument('charts/webapp', '1.2.3', put)).not.toHaveProperty('refused')
    } finally {
      await client.close()
    }
    const pulled = join(delivery.folder, 'pulled')
    const name = `oci://${delivery.registry.host}/charts/webapp`
    await helm(
      'pull',
      name,
      '--version',
      '1.2.3',
      '--plain-http',
      '-d',
      (await mkdir(pulled, { recursive: true })) ?? pulled,
    )
    expect(digestOf(await readFile(join(pulled, 'webapp-1.2.3.tgz')))).toBe(layer.digest)
  })

  test('a folder is packed to what helm package puts in, and helm reads it', async () => {
    const folder = join(delivery.folder, 'charts/local')
    await mkdir(join(folder, '.git'), { recursive: true })
    await writeFile(join(folder, '.git/config'), 'x')
    await writeFile(join(folder, 'a.swp'), 'x')
    const archive = await chartArchive.load(folder, {
      where: 'local',
      nameOf: (bytes) => parseChartMetadata(bytes, 'local').name,
    })
    const tgz = join(delivery.folder, 'ours.tgz')
    await writeFile(tgz, archive)
    await helm('package', folder, '-d', delivery.folder)
    const list = async (path: string) => (await runOrThrow('/bin/tar', ['-tzf', path])).trim().split('\n').toSorted()
    expect(await list(tgz)).toEqual(await list(join(delivery.folder, 'local-0.1.0+site.tgz')))
    await helm('lint', tgz)
    expect(await helm('template', 'x', tgz)).toBe(await helm('template', 'x', folder))
    await rm(join(folder, '.git'), { recursive: true })
    await rm(join(folder, 'a.swp'))
  })
})
