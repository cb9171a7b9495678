import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeChart } from '../peers/chart.ts'
import { startContainerd } from '../peers/containerd.ts'
import { buildImages, type BuiltImage } from '../peers/content.ts'
import { peer, run, runOrThrow } from '../peers/peer.ts'
import { startRegistry, type RunningRegistry } from '../peers/registry.ts'

// What the other tests and the benchmark carry must itself be beyond doubt.
const CONTENT = { seed: 'content', totalBytes: 4_000_000, images: 6 }
let registry: RunningRegistry
let images: BuiltImage[]
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-content-'))
  registry = await startRegistry()
  images = await buildImages(registry.url, CONTENT)
})
afterAll(async () => {
  await registry.stop()
  await rm(folder, { recursive: true, force: true })
})

const nameOf = (image: BuiltImage) => `${registry.host}/${image.repository}:${image.tag}`

test('crane finds every image whole: digests, sizes and diff ids', async () => {
  for (const image of images) {
    // crane reads gzip only in this check; that zstd unpacks to its diff ids is containerd's word, below.
    const how = image.kind === 'zstd' ? ['--fast'] : []
    for (const platform of image.platforms) {
      const result = await run(peer('crane'), ['validate', ...how, '--platform', platform, '--remote', nameOf(image)])
      expect(result, `${platform} ${nameOf(image)}`).toMatchObject({ code: 0 })
    }
  }
  expect(new Set(images.map(({ kind }) => kind)).size).toBe(6)
})

test('the same seed makes the same images', async () => {
  const second = await startRegistry()
  try {
    expect(await buildImages(second.url, CONTENT)).toEqual(images)
  } finally {
    await second.stop()
  }
})

test.each([1, 2] as const)('containerd generation %i unpacks every image', async (generation) => {
  const containerd = await startContainerd(generation)
  try {
    for (const image of images) {
      const pulled = await containerd.ctr(
        ...['images', 'pull', '--plain-http', '--snapshotter', 'native'],
        ...['--platform', 'linux/amd64', nameOf(image)],
      )
      expect(pulled, nameOf(image)).toMatchObject({ code: 0 })
    }
    const { stdout } = await containerd.ctr('snapshots', '--snapshotter', 'native', 'ls')
    expect(stdout.split('\n').length).toBeGreaterThan(images.length)
  } finally {
    await containerd.stop()
  }
})

test('the SBOM is listed as referrer of its image, the signature has its tag', async () => {
  const image = images.find(({ attached }) => attached)!
  const home = `${registry.host}/${image.repository}`
  const listed = await runOrThrow(peer('oras'), [
    'discover',
    '--plain-http',
    '--format',
    'json',
    `${home}@${image.digest}`,
  ])
  expect(listed).toContain(image.attached?.sbom)
  const digest = await runOrThrow(peer('crane'), ['digest', `${home}:${image.attached!.signatureTag}`])
  expect(digest.trim()).toBe(image.attached?.signature)
})

test('helm accepts the chart and sees the images it names', async () => {
  const chart = await makeChart(folder, {
    name: 'app',
    version: '1.2.3',
    images: ['registry.example/a:1', 'quay.io/b/c:2'],
  })
  expect(await run(peer('helm'), ['lint', '--strict', chart])).toMatchObject({ code: 0 })
  expect(await runOrThrow(peer('helm'), ['template', 'x', chart])).toContain('image: "quay.io/b/c:2"')
})
