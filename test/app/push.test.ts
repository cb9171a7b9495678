import { describe, expect, it } from 'vitest'
import { pushBundle, type PushSummary } from '../../src/app/push.ts'
import type { OpenBundle } from '../../src/bundle/open-bundle.ts'
import { exitCodeOf, FerryError } from '../../src/errors.ts'
import type { FerryEvent } from '../../src/events.ts'
import { digestOf } from '../../src/oci/digest.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.ts'
import { referrersTag } from '../../src/oci/referrers-tag.ts'
import { damageBlob, openMemoryBundle } from '../fakes/memory-bundle.ts'
import {
  addAttached,
  addChart,
  addFile,
  addImage,
  addIndex,
  addManifest,
  emptyContent,
  nameImage,
  type MemoryContent,
} from '../fakes/memory-content.ts'
import { memoryRegistry, type MemoryRegistry } from '../fakes/push-registry.ts'

const shared = Buffer.alloc(200_000, 'a layer that all have ')
const arm64 = { os: 'linux', architecture: 'arm64' }
const absent = {
  mediaType: MEDIA.ociManifest,
  digest: digestOf('s390x'),
  size: 5,
  platform: { os: 'linux', architecture: 's390x' },
} as const

function fillPlatform(content: MemoryContent): void {
  addImage(content, 'registry.k8s.io/pause:3.10', { layers: [shared] })
  addImage(content, 'quay.io/a/docker:1', { layers: [shared, Buffer.from('docker')], docker: true })
  const both = [addManifest(content, { layers: [shared] }), addManifest(content, { platform: arm64 })]
  const index = nameImage(content, 'quay.io/a/multi:1', addIndex(content, both))
  addChart(content, 'charts/podinfo:6.9.1', Buffer.from('a chart'))
  addFile(content, 'kubeadm', Buffer.from('a binary'), 'linux/amd64')
  addAttached(content, 'quay.io/a/multi', {
    subject: index,
    artifactType: 'application/spdx',
    bytes: Buffer.from('{}'),
  })
}

function addSparse(content: MemoryContent, name: string, pinned = false): Descriptor {
  const index = addIndex(content, [addManifest(content, { layers: [Buffer.from(name)] }), absent])
  const named = nameImage(content, pinned ? `${name}@${index.digest}` : name, index)
  if (!pinned) return named
  content.images.pop()
  const annotations = { ...named.annotations, [ANNOTATION.pinned]: index.digest }
  content.images.push({ ...named, annotations })
  return named
}

async function open(fill: (content: MemoryContent) => void) {
  const content = emptyContent()
  fill(content)
  return openMemoryBundle(content)
}

async function push(
  bundle: OpenBundle,
  registry: MemoryRegistry,
  options: { readonly signal?: AbortSignal; readonly events?: FerryEvent[] } = {},
): Promise<PushSummary> {
  const { signal, events = [] } = options
  return pushBundle(
    { bundle, to: { host: 'site.example', prefix: 'p' } },
    { registry, emit: (event) => void events.push(event), ...(signal && { signal }) },
  )
}

async function failure(work: Promise<unknown>): Promise<FerryError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof FerryError)) throw new Error(`expected a FerryError, got ${String(error)}`)
  return error
}

/** Everything a bundle names is in the registry, byte for byte, and every tag stands where it should. */
function expectComplete(registry: MemoryRegistry, bundle: OpenBundle): void {
  for (const [name, { tags, documents, blobs }] of bundle.catalog.repositories) {
    const there = registry.repositories.get(`p/${name}`)
    for (const [tag, { digest }] of tags) expect([name, tag, there?.tags.get(tag)]).toEqual([name, tag, digest])
    for (const digest of documents.keys())
      expect(there?.documents.get(digest)?.bytes, digest).toEqual(bundle.graph.documents.get(digest)?.bytes)
    for (const digest of blobs.keys()) expect(there?.blobs.has(digest), `${name} ${digest}`).toBe(true)
  }
}

describe('what is sent', () => {
  it('everything arrives as it is, each shared blob over the wire once', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry()
    const summary = await push(bundle, registry)
    expectComplete(registry, bundle)
    const uploads = registry.log.filter((line) => line.startsWith('UPLOAD')).map((line) => line.split(' ')[2])
    expect(new Set(uploads).size).toBe(uploads.length)
    expect(summary).toMatchObject({
      target: 'site.example/p',
      repositories: 5,
      tags: 5,
      blobsUploaded: uploads.length,
      blobsMounted: registry.log.filter((line) => line.startsWith('MOUNT')).length,
      blobsPresent: 0,
      bytesPresent: 0,
      filtered: [],
    })
    expect(summary.blobsMounted).toBeGreaterThanOrEqual(2)
  })

  it('the second time nothing is sent', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry()
    const first = await push(bundle, registry)
    registry.log.length = 0
    const second = await push(bundle, registry)
    expect(registry.writes()).toEqual([])
    expect(second).toMatchObject({
      documentsSent: 0,
      blobsUploaded: 0,
      blobsMounted: 0,
      blobsPresent: first.blobsUploaded,
      bytesPresent: first.bytesUploaded,
    })
  })

  it('a tag that someone moved is set again, without sending blobs', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry()
    await push(bundle, registry)
    const pause = registry.repositories.get('p/registry.k8s.io/pause')!
    pause.tags.delete('3.10')
    registry.log.length = 0
    expect(await push(bundle, registry)).toMatchObject({ documentsSent: 1, blobsUploaded: 0 })
    expect(registry.writes()).toEqual(['PUT p/registry.k8s.io/pause 3.10'])
  })

  it('a blob that any of its repositories has already is mounted, not sent', async () => {
    const bundle = await open((content) => {
      addImage(content, 'q.example/a:1', { layers: [shared] })
      addImage(content, 'q.example/b:1', { layers: [shared, Buffer.from('b')] })
    })
    const registry = memoryRegistry()
    await registry.uploadBlob('p/q.example/b', descriptorOf(shared), () => once(shared))
    registry.log.length = 0
    const summary = await push(bundle, registry)
    expectComplete(registry, bundle)
    expect(registry.log.filter((line) => line.includes(digestOf(shared)) && line.startsWith('UPLOAD'))).toEqual([])
    expect(summary).toMatchObject({ blobsPresent: 1, bytesPresent: shared.length })
  })

  it('a registry that mounts nothing gets every blob for every repository', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry({ mounts: false })
    const events: FerryEvent[] = []
    const summary = await push(bundle, registry, { events })
    expectComplete(registry, bundle)
    expect(summary.blobsMounted).toBe(0)
    expect(summary.bytesUploaded).toBeGreaterThan(2 * shared.length)
    // Progress counts the bundle's bytes, each once.
    expect(bytesOf(events)).toBe(totalOf(events))
  })

  it('progress ends at the announced total, also when most is there', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry()
    for (const run of [1, 2]) {
      const events: FerryEvent[] = []
      await push(bundle, registry, { events })
      expect([run, bytesOf(events)]).toEqual([run, totalOf(events)])
      expect(events.at(-1)).toMatchObject({ type: 'task-end', task: 'push' })
    }
  })

  it('a tag is set only when everything below it and its signatures are there', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry()
    await push(bundle, registry)
    const writes = registry.writes()
    const firstTag = writes.findIndex((line) => /^PUT \S+ [^:]*$/.test(line))
    expect(writes.slice(firstTag).every((line) => line.startsWith('PUT'))).toBe(true)
    const sbom = writes.findIndex((line) => line.includes([...attachedOf(bundle)][0]!))
    const image = writes.indexOf('PUT p/quay.io/a/multi 1')
    expect(sbom).toBeGreaterThan(-1)
    expect(sbom).toBeLessThan(image)
  })
})

describe('what is attached', () => {
  it('is kept in a list under a tag where the registry has no referrers API, beside what others listed', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry({ referrers: false, strict: false })
    const subject = subjectOf(bundle)
    const tag = referrersTag(subject)
    const theirs = { mediaType: MEDIA.ociManifest, digest: digestOf('theirs'), size: 6, data: 'e30=' }
    const list = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [theirs] }
    const bytes = Buffer.from(JSON.stringify(list))
    await registry.putDocument('p/quay.io/a/multi', tag, { mediaType: MEDIA.ociIndex, bytes })
    await push(bundle, registry)
    const there = registry.repositories.get('p/quay.io/a/multi')!
    const kept = JSON.parse(Buffer.from(there.documents.get(there.tags.get(tag)!)!.bytes).toString()) as typeof list
    expect(kept.manifests[0]).toEqual(theirs)
    expect(kept.manifests.slice(1)).toMatchObject([
      { digest: [...attachedOf(bundle)][0], artifactType: 'application/spdx' },
    ])
    registry.log.length = 0
    await push(bundle, registry)
    expect(registry.writes()).toEqual([])
  })

  it('is listed by the next run when one was killed between a signature and the list', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry({ referrers: false })
    await push(bundle, registry)
    const there = registry.repositories.get('p/quay.io/a/multi')!
    const tag = referrersTag(subjectOf(bundle))
    const list = there.tags.get(tag)!
    there.tags.delete(tag)
    await push(bundle, registry)
    expect(there.tags.get(tag)).toBe(list)
  })

  it('needs no list where the registry lists it by itself', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry()
    await push(bundle, registry)
    expect([...registry.repositories.get('p/quay.io/a/multi')!.tags.keys()]).toEqual(['1'])
  })

  it('does not replace something else that stands under the tag of the list, and says so', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry({ referrers: false })
    await push(bundle, registry)
    const there = registry.repositories.get('p/quay.io/a/multi')!
    const image = [...there.documents.keys()].find(
      (digest) => there.documents.get(digest)?.mediaType === MEDIA.ociManifest,
    )!
    there.tags.set(referrersTag(subjectOf(bundle)), image)
    const events: FerryEvent[] = []
    await push(bundle, registry, { events })
    expect(there.tags.get(referrersTag(subjectOf(bundle)))).toBe(image)
    expect(events.filter(({ type }) => type === 'warning')).toHaveLength(1)
  })
})

describe('sparse indexes', () => {
  it('stay as they are where the registry takes them', async () => {
    const bundle = await open((content) => addSparse(content, 'q.example/a:1'))
    const registry = memoryRegistry({ strict: false })
    expect(await push(bundle, registry)).toMatchObject({ filtered: [] })
    expectComplete(registry, bundle)
  })

  it('are replaced under the tag where the registry refuses them, with a word about it every time', async () => {
    const bundle = await open((content) => addSparse(content, 'q.example/a:1'))
    const original = bundle.catalog.entries[0]!.descriptor.digest
    const registry = memoryRegistry()
    for (const run of [1, 2]) {
      registry.log.length = 0
      const events: FerryEvent[] = []
      const { filtered } = await push(bundle, registry, { events })
      const there = registry.repositories.get('p/q.example/a')!
      expect(filtered).toEqual([
        { name: 'q.example/a:1', repository: 'p/q.example/a', tag: '1', original, filtered: there.tags.get('1') },
      ])
      const { bytes } = there.documents.get(there.tags.get('1')!)!
      expect(JSON.parse(Buffer.from(bytes).toString())).toMatchObject({ manifests: [expect.any(Object)] })
      const [warning] = events.filter(({ type }) => type === 'warning')
      expect(JSON.stringify(warning)).toContain(
        `p/q.example/a:1 now points to a filtered index ${there.tags.get('1')!}`,
      )
      if (run === 2) expect(registry.writes()).toEqual([])
    }
  })

  it('stop the push before anything is sent when they are pinned by digest', async () => {
    const bundle = await open((content) => {
      fillPlatform(content)
      addSparse(content, 'q.example/a', true)
      addSparse(content, 'q.example/b', true)
    })
    const registry = memoryRegistry()
    const error = await failure(push(bundle, registry))
    expect(error).toMatchObject({ code: 'registry-refused' })
    expect(error.message).toMatch(
      /site\.example refuses .*q\.example\/a@sha256:.*, q\.example\/b@sha256:.*Nothing was sent/,
    )
    expect(error.hint).toContain('linux/s390x')
    expect([...registry.repositories.keys()].filter((name) => name !== '')).toEqual([])
    expect(registry.writes()).toHaveLength(1)
  })

  it('go in when pinned, where the registry takes them, and are not asked about again', async () => {
    const bundle = await open((content) => addSparse(content, 'q.example/a', true))
    const registry = memoryRegistry({ strict: false })
    await push(bundle, registry)
    expectComplete(registry, bundle)
    registry.log.length = 0
    await push(bundle, registry)
    expect(registry.writes()).toEqual([])
  })

  it('go in when pinned, where the registry has the other platforms from elsewhere', async () => {
    const content = emptyContent()
    const other = addManifest(content, { platform: arm64 })
    const otherBundle = await open((all) => {
      const there = addManifest(all, { platform: arm64 })
      nameImage(all, 'q.example/a:arm', there)
    })
    const bundle = await open((all) => {
      const index = addIndex(all, [addManifest(all, { layers: [shared] }), other])
      const named = nameImage(all, `q.example/a@${index.digest}`, index)
      all.images.splice(0, 1, { ...named, annotations: { ...named.annotations, [ANNOTATION.pinned]: index.digest } })
    })
    const registry = memoryRegistry()
    await push(otherBundle, registry)
    await push(bundle, registry)
    expectComplete(registry, bundle)
  })
})

describe('when something goes wrong', () => {
  it('a damaged blob never completes an upload, and the error names it', async () => {
    const bundle = await open(fillPlatform)
    damageBlob(bundle, digestOf(shared), 150_000)
    const registry = memoryRegistry()
    const error = await failure(push(bundle, registry))
    expect(error).toMatchObject({ code: 'bundle-digest' })
    expect(exitCodeOf(error)).toBe(3)
    expect(error.message).toContain(`memory.tar: ${digestOf(shared)}`)
    for (const { blobs, tags } of registry.repositories.values()) {
      expect(blobs.has(digestOf(shared))).toBe(false)
      expect([...tags]).toEqual([])
    }
  })

  it('a damaged blob is named even when the registry’s client makes something else of it', async () => {
    const bundle = await open(fillPlatform)
    damageBlob(bundle, digestOf(shared))
    const plain = memoryRegistry()
    const registry: MemoryRegistry = {
      ...plain,
      uploadBlob: (...args) =>
        plain.uploadBlob(...args).catch(() => Promise.reject(new FerryError('registry-unreachable', 'broke off'))),
    }
    expect(await failure(push(bundle, registry))).toMatchObject({ code: 'bundle-digest' })
  })

  it('the words of a registry that refuses a manifest are passed on', async () => {
    const bundle = await open((content) => addImage(content, 'q.example/a:1'))
    const plain = memoryRegistry()
    const registry: MemoryRegistry = {
      ...plain,
      putDocument: () => Promise.resolve({ refused: 'DENIED quota exceeded: 1 GiB of 1 GiB', code: 'DENIED' }),
    }
    const error = await failure(push(bundle, registry))
    expect(error.message).toBe('site.example refuses q.example/a:1: DENIED quota exceeded: 1 GiB of 1 GiB')
    expect(error.hint).toContain('quota')
  })

  it('a failure in the middle leaves what is there, and the next run sends only the rest', async () => {
    const bundle = await open(fillPlatform)
    const total = await uploadsOf(bundle)
    for (let at = 1; at <= total; at++) {
      let count = 0
      let broken = true
      const registry = memoryRegistry({
        before: (line) => {
          if (broken && /^(UPLOAD|MOUNT|PUT)/.test(line) && ++count === at)
            throw new FerryError('registry-unreachable', 'gone')
        },
      })
      expect(await failure(push(bundle, registry))).toMatchObject({ code: 'registry-unreachable' })
      broken = false
      const before = blobsIn(registry)
      registry.log.length = 0
      await push(bundle, registry)
      expectComplete(registry, bundle)
      const again = registry.log.filter((line) => line.startsWith('UPLOAD')).map((line) => line.replace('UPLOAD ', ''))
      expect(again.filter((line) => before.has(line))).toEqual([])
    }
  })

  it('stopped by a signal it says so, and what to do', async () => {
    const bundle = await open(fillPlatform)
    const stop = new AbortController()
    const registry = memoryRegistry({
      before: (line) => {
        if (line.startsWith('UPLOAD')) stop.abort(new Error('Ctrl-C'))
      },
    })
    const error = await failure(push(bundle, registry, { signal: stop.signal }))
    expect(error).toMatchObject({ code: 'interrupted' })
    expect(error.hint).toMatch(/same command again/)
    expect(registry.log.filter((line) => line.startsWith('PUT'))).toEqual([])
    await expect(push(bundle, registry, { signal: stop.signal })).rejects.toMatchObject({ code: 'interrupted' })
  })

  it('a prefix that makes a name too long for any registry is refused before anything is asked', async () => {
    const bundle = await open(fillPlatform)
    const registry = memoryRegistry()
    const to = { host: 'site.example', prefix: 'p'.repeat(250) }
    await expect(pushBundle({ bundle, to }, { registry, emit: () => undefined })).rejects.toMatchObject({
      code: 'usage',
    })
    expect(registry.log).toEqual([])
  })
})

async function uploadsOf(bundle: OpenBundle): Promise<number> {
  const registry = memoryRegistry()
  await push(bundle, registry)
  return registry.writes().length
}
function blobsIn({ repositories }: MemoryRegistry): Set<string> {
  return new Set(
    [...repositories].flatMap(([name, { blobs }]) => [...blobs.keys()].map((digest) => `${name} ${digest}`)),
  )
}
function attachedOf({ catalog }: OpenBundle): string[] {
  return catalog.entries.flatMap(({ kind, descriptor }) => (kind === 'attached' ? [descriptor.digest] : []))
}
function subjectOf({ catalog }: OpenBundle) {
  return catalog.entries.find(({ name }) => name === 'quay.io/a/multi:1')!.descriptor.digest
}
function bytesOf(events: readonly FerryEvent[]): number {
  return events.reduce((sum, event) => sum + (event.type === 'bytes' ? event.bytes : 0), 0)
}
function totalOf(events: readonly FerryEvent[]): number | undefined {
  return events.flatMap((event) => (event.type === 'task-start' ? [event.totalBytes] : []))[0]
}
function descriptorOf(bytes: Uint8Array): Descriptor {
  return { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length }
}
// eslint-disable-next-line @typescript-eslint/require-await -- an async iterable of one value
async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
