import { describe, expect, test } from 'vitest'
import { buildCatalog } from '../../src/bundle/catalog.ts'
import { buildIndexes } from '../../src/bundle/index-json.ts'
import type { Chart, File, Image, LockFile } from '../../src/config/bundle-lock.gen.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { parseDocument } from '../../src/oci/document.ts'
import { walkGraph } from '../../src/oci/graph.ts'
import { MEDIA } from '../../src/oci/media-types.ts'
import { addChart, addFile, addManifest, emptyContent } from '../fakes/memory-content.ts'

const content = emptyContent()
const A = addManifest(content, { layers: [Buffer.from('a')] })
const B = addManifest(content, { layers: [Buffer.from('b')] })
const C = addManifest(content, { layers: [Buffer.from('c')] })
const CHART = addChart(content, 'charts/x:1', Buffer.from('chart'))
const FILE = addFile(content, 'tool', Buffer.from('tool'), 'linux/arm/v7')

function image(ref: string, { digest, size, mediaType } = A, more: Partial<Image> = {}): Image {
  return { ref, platforms: ['linux/amd64'], digest, size, mediaType, contents: [], ...more }
}

function chart(more: Partial<Chart>): Chart {
  const { digest, size, mediaType } = CHART
  return {
    name: 'podinfo',
    version: '6.9.1',
    digest,
    size,
    mediaType,
    content: digestOf('chart'),
    contents: [],
    ...more,
  }
}

function file(more: Partial<File> = {}): File {
  const { digest, size } = FILE
  return { name: 'tool', mode: '0755', digest, size, content: digestOf('tool'), ...more }
}

function lock(entries: Partial<Pick<LockFile, 'images' | 'charts' | 'files'>>): LockFile {
  return {
    apiVersion: 'ferry.dev/v1',
    kind: 'BundleLock',
    images: [],
    charts: [],
    files: [],
    documents: {},
    layers: {},
    ...entries,
  }
}

/** What a reader makes of it: name -> kind, repository, tag, digest. */
async function readBack(of: LockFile) {
  const { index, groups } = buildIndexes(of)
  const documents = new Map(content.head)
  for (const { descriptor, bytes } of groups) documents.set(descriptor.digest, bytes)
  const top = parseDocument(index, MEDIA.ociIndex, 'index.json')
  if (top.kind !== 'index') throw new Error('no index')
  const graph = await walkGraph(top.manifests, ({ digest }) => Promise.resolve(documents.get(digest)!))
  return buildCatalog(top.manifests, graph)
}

function topLevel(of: LockFile) {
  const index = JSON.parse(Buffer.from(buildIndexes(of).index).toString()) as {
    manifests: { artifactType?: string; annotations?: Record<string, string> }[]
  }
  return index.manifests
}

test('a reader finds every name at its place', async () => {
  const { digest, size, mediaType } = C
  const pinned = `quay.io/x/y@${B.digest}`
  const catalog = await readBack(
    lock({
      images: [
        image('docker.io/library/nginx:1.29', A, {
          attached: [
            { digest, size, mediaType, tag: 'sha256-abc.sig' },
            { digest: B.digest, size: B.size, mediaType: B.mediaType, artifactType: 'application/x-sbom' },
          ],
        }),
        image(pinned, B),
        image('127.0.0.1:5000/team/app:1', C),
      ],
      charts: [
        chart({ version: '6.9.1+build.2' }),
        chart({ name: 'other', ref: 'oci://r.example/charts/podinfo:6.9.1' }),
      ],
      files: [file({ platform: 'linux/arm/v7' }), file({ name: 'handbook.pdf' })],
    }),
  )
  const found = catalog.entries.map(({ kind, name, repository, tag, descriptor, pinned: isPinned }) => [
    kind,
    name,
    repository,
    tag,
    descriptor.digest,
    isPinned,
  ])
  expect(found).toEqual([
    ['image', '127.0.0.1:5000/team/app:1', '127.0.0.1_5000/team/app', '1', C.digest, false],
    ['chart', 'charts/podinfo:6.9.1_build.2', 'charts/podinfo', '6.9.1_build.2', CHART.digest, false],
    ['image', 'docker.io/library/nginx:1.29', 'docker.io/library/nginx', '1.29', A.digest, false],
    [
      'attached',
      'docker.io/library/nginx:sha256-abc.sig',
      'docker.io/library/nginx',
      'sha256-abc.sig',
      C.digest,
      false,
    ],
    ['attached', `docker.io/library/nginx@${B.digest}`, 'docker.io/library/nginx', undefined, B.digest, false],
    ['file', 'files/handbook.pdf:any', 'files/handbook.pdf', 'any', FILE.digest, false],
    ['file', 'files/tool:linux-arm-v7', 'files/tool', 'linux-arm-v7', FILE.digest, false],
    ['image', pinned, 'quay.io/x/y', undefined, B.digest, true],
    ['chart', 'r.example/charts/podinfo:6.9.1', 'r.example/charts/podinfo', '6.9.1', CHART.digest, false],
  ])
})

test('importers see images at the top level and nothing else with a name', () => {
  const ref = 'quay.io/x/y:1'
  const top = topLevel(lock({ images: [image(ref)], charts: [chart({})], files: [file()] }))
  expect(top.map(({ annotations, artifactType }) => artifactType ?? annotations)).toEqual([
    { 'io.containerd.image.name': ref, 'org.opencontainers.image.ref.name': ref },
    MEDIA.ferryCharts,
    MEDIA.ferryFiles,
  ])
  expect(top.slice(1).every(({ annotations }) => annotations === undefined)).toBe(true)
})

test('the order of the lock changes nothing', () => {
  const images = [image('a.example/b:1'), image('a.example/a:1', B), image('a.example/a:2', C)]
  const files = [file({ name: 'b' }), file({ name: 'a' })]
  expect(buildIndexes(lock({ images: images.toReversed(), files: files.toReversed() }))).toEqual(
    buildIndexes(lock({ images, files })),
  )
})

test('without charts, files and attachments there are no groups', () => {
  expect(buildIndexes(lock({ images: [image('a.example/b:1')] })).groups).toEqual([])
})

describe('what is attached', () => {
  const { digest, size, mediaType } = C
  const attached = [{ digest, size, mediaType, tag: 'sha256-abc.sig' }]

  test('stands once when two tags of an image bring it', async () => {
    const { entries } = await readBack(
      lock({ images: [image('a.example/b:1', A, { attached }), image('a.example/b:2', A, { attached })] }),
    )
    expect(entries.filter(({ kind }) => kind === 'attached')).toHaveLength(1)
  })

  test('is not named a second time when it was asked for as an image', async () => {
    const { entries } = await readBack(
      lock({ images: [image('a.example/b:1', A, { attached }), image('a.example/b:sha256-abc.sig', C)] }),
    )
    expect(entries.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'image a.example/b:1',
      'image a.example/b:sha256-abc.sig',
    ])
  })
})

describe('one name for two things is refused', () => {
  test.each([
    [
      'two charts',
      lock({ charts: [chart({ path: 'a' }), chart({ repo: 'https://x.example' })] }),
      /charts\/podinfo:6\.9\.1 would be in the bundle twice/,
    ],
    [
      'a tag that stands at two digests',
      lock({ images: [image('a.example/b:1', A), image(`a.example/b:1@${B.digest}`, B)] }),
      /a\.example\/b:1 would stand for sha256:.* and for sha256:/,
    ],
    [
      'versions that differ in what a tag cannot hold',
      lock({ charts: [chart({ version: '1.0.0+a' }), chart({ version: '1.0.0_a' })] }),
      /twice/,
    ],
  ])('%s', (_, of, says) => {
    expect(() => buildIndexes(of)).toThrow(says)
  })

  test('the same tag with and without its digest is one thing', () => {
    const images = [image('a.example/b:1', A), image(`a.example/b:1@${A.digest}`, A)]
    expect(topLevel(lock({ images }))).toHaveLength(2)
  })
})
