import { expect, it } from 'vitest'
import { planBlobs, planPush, type PlannedDocument, type PushPlan } from '../../src/bundle/push-plan.ts'
import type { OpenBundle } from '../../src/bundle/open-bundle.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.ts'
import { openMemoryBundle } from '../fakes/memory-bundle.ts'
import {
  addAttached,
  addFile,
  addImage,
  addIndex,
  addManifest,
  emptyContent,
  nameImage,
  putJson,
  putLayer,
  type MemoryContent,
} from '../fakes/memory-content.ts'

const shared = Buffer.from('a layer that all have')
const arm64 = { os: 'linux', architecture: 'arm64' }
const absent = { mediaType: MEDIA.ociManifest, digest: digestOf('s390x'), size: 5 } as const

async function open(fill: (content: MemoryContent) => void): Promise<OpenBundle> {
  const content = emptyContent()
  fill(content)
  return openMemoryBundle(content)
}
const documentsOf = (plan: PushPlan): PlannedDocument[] => plan.waves.flat()
const find = (plan: PushPlan, { digest }: Descriptor): PlannedDocument =>
  documentsOf(plan).find(({ descriptor }) => descriptor.digest === digest)!
const waveOf = (plan: PushPlan, { digest }: Descriptor): number =>
  plan.waves.findIndex((wave) => wave.some(({ descriptor }) => descriptor.digest === digest))

it('everything has its place below the prefix, by its upstream name', async () => {
  const bundle = await open((content) => {
    addImage(content, 'registry.k8s.io/pause:3.10')
    addImage(content, 'host.example:5000/a/b:1')
    addFile(content, 'kubeadm', Buffer.from('binary'), 'linux/amd64')
  })
  const names = ['files/kubeadm', 'host.example_5000/a/b', 'registry.k8s.io/pause']
  expect(planPush(bundle).repositories).toEqual(names)
  expect(planPush(bundle, 'a/b').repositories).toEqual(names.map((name) => `a/b/${name}`))
  expect(documentsOf(planPush(bundle, 'a/b')).map(({ repository }) => repository.slice(0, 4))).toEqual(
    Array(3).fill('a/b/'),
  )
})

it('a blob that many repositories share is planned once: for one of them to get, for the others to mount', async () => {
  const bundle = await open((content) => {
    for (const name of ['a', 'b', 'c'])
      addImage(content, `q.example/${name}:1`, { layers: [shared, Buffer.from(name)] })
  })
  const plan = planPush(bundle)
  const blob = planBlobs(plan, () => false).find(({ descriptor }) => descriptor.digest === digestOf(shared))
  expect(blob).toMatchObject({ wantedIn: ['q.example/a', 'q.example/b', 'q.example/c'], knownIn: [] })
  const b = documentsOf(plan).find(({ name }) => name === 'q.example/b:1')!
  const later = planBlobs(plan, (document) => document === b)
  expect(later.find(({ descriptor }) => descriptor.digest === digestOf(shared))).toMatchObject({
    wantedIn: ['q.example/a', 'q.example/c'],
    knownIn: ['q.example/b'],
  })
  expect(later.some(({ descriptor }) => descriptor.digest === digestOf('b'))).toBe(false)
  expect(planBlobs(plan, () => true)).toEqual([])
  const sizes = [...bundle.graph.configs.values(), ...bundle.graph.layers.values()].map(({ size }) => size)
  expect(plan).toMatchObject({ totalBlobs: sizes.length, totalBytes: sizes.reduce((a, b) => a + b) })
})

it('manifests come before the indexes that name them, and what is attached after what it is about', async () => {
  const made: Record<string, Descriptor> = {}
  const bundle = await open((content) => {
    made['amd64'] = addManifest(content, { layers: [shared] })
    made['arm64'] = addManifest(content, { platform: arm64 })
    made['inner'] = addIndex(content, [made['amd64']])
    made['index'] = nameImage(content, 'q.example/a:1', addIndex(content, [made['inner'], made['arm64']]))
    made['sbom'] = addAttached(content, 'q.example/a', {
      subject: made['index'],
      artifactType: 'application/spdx',
      bytes: Buffer.from('{}'),
    })
    made['signature'] = addAttached(content, 'q.example/a', {
      subject: made['sbom'],
      artifactType: 'application/sig',
      bytes: Buffer.from('s'),
    })
  })
  const plan = planPush(bundle)
  const order = ['amd64', 'inner', 'index', 'sbom', 'signature'].map((name) => waveOf(plan, made[name]!))
  expect(order).toEqual([0, 1, 2, 3, 4])
  // Something is attached to the index, so it has to be there before its tag is set.
  expect(find(plan, made['index']!)).toMatchObject({ byDigest: true, tags: ['1'] })
  expect(find(plan, made['sbom']!)).toMatchObject({
    subject: made['index']!.digest,
    attached: true,
    tags: [],
    referrer: {
      digest: made['sbom']!.digest,
      artifactType: 'application/spdx',
      annotations: expect.any(Object) as object,
    },
  })
})

it('what has a tag and is needed by nothing is sent once, under its tag', async () => {
  const bundle = await open((content) => {
    const amd64 = addManifest(content)
    nameImage(content, 'q.example/a:1', addIndex(content, [amd64]))
    nameImage(content, 'q.example/a:1-amd64', amd64)
    nameImage(content, `q.example/b@${amd64.digest}`, amd64)
  })
  const plan = planPush(bundle)
  const byName = Object.fromEntries(documentsOf(plan).map(({ name, byDigest }) => [name.replace(/@.*/, '@'), byDigest]))
  expect(byName).toEqual({ 'q.example/a:1': false, 'q.example/a:1-amd64': true, 'q.example/b@': true })
})

it('tags of signatures are set before those of images', async () => {
  const bundle = await open((content) => {
    const image = addImage(content, 'a.example/a:1')
    const tag = `sha256-${image.digest.slice(7)}.sig`
    const config = putJson(content, MEDIA.ociConfig, {})
    const layers = [putLayer(content, 'application/vnd.dev.cosign.simplesigning.v1+json', Buffer.from('payload'))]
    const signature = putJson(content, MEDIA.ociManifest, {
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      config,
      layers,
    })
    content.attached.push({ ...signature, annotations: { [ANNOTATION.refName]: `a.example/a:${tag}` } })
  })
  expect(planPush(bundle).tagWaves.map((wave) => wave.map(({ tag }) => tag.replace(/[0-9a-f]{64}/, '<hex>')))).toEqual([
    ['sha256-<hex>.sig'],
    ['1'],
  ])
})

it('a sparse index knows what is missing and what may take its place; a pinned one that nothing may', async () => {
  const made: Record<string, Descriptor> = {}
  const bundle = await open((content) => {
    const amd64 = addManifest(content)
    made['tagged'] = nameImage(content, 'q.example/a:1', addIndex(content, [amd64, absent]))
    const other = addIndex(content, [absent, amd64])
    made['pinned'] = nameImage(content, `q.example/b:1@${other.digest}`, other)
    content.images.splice(1, 1, {
      ...made['pinned'],
      annotations: { ...made['pinned'].annotations, [ANNOTATION.pinned]: other.digest },
    })
    made['complete'] = nameImage(content, 'q.example/c:1', addIndex(content, [amd64]))
  })
  const plan = planPush(bundle)
  const tagged = find(plan, made['tagged']!)
  expect(tagged.sparse).toMatchObject({ absent: [{ digest: absent.digest }] })
  expect(tagged.sparse?.filtered?.root.digest).toBe(made['complete']!.digest)
  expect(find(plan, made['pinned']!)).toMatchObject({ pinned: true, tags: ['1'] })
  expect(find(plan, made['pinned']!).sparse).toEqual({ absent: [absent] })
  expect(find(plan, made['complete']!)).not.toHaveProperty('sparse')
})
