import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createRegistryClient } from '../../src/adapters/registry/client.ts'
import { openRandomAccessFile } from '../../src/adapters/tar/random-access-file.ts'
import { systemClock } from '../../src/adapters/clock/system-clock.ts'
import { pushBundle } from '../../src/app/push.ts'
import { openBundle, type OpenBundle } from '../../src/bundle/open-bundle.ts'
import type { FerryEvent } from '../../src/events.ts'
import { digestOf } from '../../src/oci/digest.ts'
import type { RegistryClient } from '../../src/oci/registry.ts'
import { startFakeRegistry, type FakeRegistry, type FakeRegistryOptions } from '../fakes/fake-registry.ts'
import type { FaultHook } from '../fakes/fake-server.ts'
import { MEMORY_KEY, writeMemoryBundle } from '../fakes/memory-bundle.ts'
import { addAttached, addImage, addIndex, addManifest, emptyContent, nameImage } from '../fakes/memory-content.ts'

// A push as it is on site: a file on disk, a client on sockets, and a registry that fails.

const MIB = 1024 * 1024
const shared = randomBytes(5 * MIB + 17)
const own = randomBytes(4 * MIB)
let folder: string
let bundle: OpenBundle
let client: RegistryClient
let fake: FakeRegistry | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-push-'))
  const content = emptyContent()
  addImage(content, 'q.example/a:1', { layers: [shared, own] })
  addImage(content, 'q.example/b:1', { layers: [shared], docker: true })
  const index = nameImage(content, 'q.example/c:1', addIndex(content, [addManifest(content, { layers: [shared] })]))
  addAttached(content, 'q.example/c', { subject: index, artifactType: 'application/spdx', bytes: Buffer.from('{}') })
  await writeFile(join(folder, 'bundle.tar'), await writeMemoryBundle(content))
  const file = await openRandomAccessFile(join(folder, 'bundle.tar'))
  bundle = await openBundle(file, { trustedKeys: [MEMORY_KEY.publicKey], now: new Date('2026-03-02T00:00:00Z') })
  client = createRegistryClient({
    clock: systemClock,
    env: {},
    userAgent: 'ferry/test',
    settingsOf: () => ({ plainHttp: true }),
    retryScale: 0.01,
  })
})
afterEach(async () => fake?.stop())
afterAll(async () => {
  await client.close()
  await bundle.file.close()
  await rm(folder, { recursive: true })
})

async function pushInto(options: FakeRegistryOptions = {}, fault?: FaultHook) {
  fake = await startFakeRegistry(options)
  fake.fault = fault
  const events: FerryEvent[] = []
  const to = { host: fake.host }
  const emit = (event: FerryEvent) => void events.push(event)
  const summary = await pushBundle({ bundle, to }, { registry: client.registry(fake.host), emit })
  return { summary, events, fake }
}

function expectComplete({ content }: FakeRegistry): void {
  for (const [name, { tags, documents, blobs }] of bundle.catalog.repositories) {
    const there = content.repositories.get(name)
    for (const [tag, { digest }] of tags) expect([name, tag, there?.tags.get(tag)]).toEqual([name, tag, digest])
    for (const digest of documents.keys())
      expect(there?.documents.get(digest)?.bytes.equals(bundle.graph.documents.get(digest)!.bytes), digest).toBe(true)
    for (const digest of blobs.keys()) expect(digestOf(there?.blobs.get(digest) ?? '')).toBe(digest)
  }
}

const retriesOf = (events: readonly FerryEvent[]): FerryEvent[] => events.filter(({ type }) => type === 'retry')
const bytesOf = (events: readonly FerryEvent[]): number =>
  events.reduce((sum, event) => sum + (event.type === 'bytes' ? event.bytes : 0), 0)

/** A body that is long enough to be cut in the middle: which upload comes first is chance. */
const isBig = (headers: Readonly<Record<string, string | string[] | undefined>>): boolean =>
  Number(headers['content-length']) > 3 * MIB + 1

it('uploads that are cut in the middle go on, and progress still ends at the total', async () => {
  let cuts = 0
  const { events, fake } = await pushInto({}, ({ method, headers }) =>
    method === 'PUT' && isBig(headers) && cuts < 3 && ++cuts ? { cutRequestAfterBytes: 3 * MIB + 1 } : undefined,
  )
  expectComplete(fake)
  expect(retriesOf(events).length).toBeGreaterThan(0)
  expect(retriesOf(events)[0]).toMatchObject({ task: 'push', item: expect.stringMatching(/^q\.example\//) as string })
  expect(bytesOf(events)).toBe(5 * MIB + 17 + 4 * MIB + smallBytes())
})

it('a registry that cannot resume gets the blob again from its start', async () => {
  let cuts = 0
  const { fake } = await pushInto({ resume: false }, ({ method, headers }) =>
    method === 'PUT' && isBig(headers) && cuts < 2 && ++cuts ? { cutRequestAfterBytes: 2 * MIB } : undefined,
  )
  expectComplete(fake)
})

it('every kind of request may fail once with 500, 503 or 429', async () => {
  const statuses = [500, 503, 429]
  const seen = new Set<string>()
  const { fake } = await pushInto({}, ({ method, path }) => {
    const kind = `${method} ${path.replaceAll(/[0-9a-f-]{36}|sha256:[0-9a-f]+/g, 'X')}`
    if (seen.has(kind)) return undefined
    seen.add(kind)
    return { status: statuses[seen.size % 3]!, headers: { 'retry-after': '0' } }
  })
  expect(seen.size).toBeGreaterThan(15)
  expectComplete(fake)
})

it('a registry that mounts nothing gets the shared blob once for each repository', async () => {
  const { fake, summary } = await pushInto({ mount: false })
  expectComplete(fake)
  expect(summary).toMatchObject({ blobsMounted: 0 })
  expect(summary.bytesUploaded).toBeGreaterThan(3 * shared.length)
})

it('one that may be pushed to but not mounted from gets uploads', async () => {
  const { fake, summary } = await pushInto({}, ({ query }) =>
    query.has('mount') ? { status: 403, body: '{"errors":[{"code":"DENIED"}]}' } : undefined,
  )
  expectComplete(fake)
  expect(summary.blobsMounted).toBe(0)
})

it('a registry without the referrers API has the list of what is attached under its tag', async () => {
  const { fake } = await pushInto({ referrers: false })
  expectComplete(fake)
  const { tags, documents } = fake.content.repositories.get('q.example/c')!
  const subject = tags.get('1')!
  const list = documents.get(tags.get(subject.replace(':', '-'))!)!
  const sbom = bundle.catalog.entries.find(({ kind }) => kind === 'attached')!
  expect(JSON.parse(list.bytes.toString())).toMatchObject({ manifests: [{ digest: sbom.descriptor.digest }] })
})

it('a second push asks with HEAD and sends nothing', async () => {
  const { fake } = await pushInto()
  const before = fake.requests.length
  const { registry } = { registry: client.registry(fake.host) }
  await pushBundle({ bundle, to: { host: fake.host } }, { registry, emit: () => undefined })
  const asked = fake.requests.slice(before)
  expect(asked.filter(({ method }) => method !== 'HEAD' && method !== 'GET')).toEqual([])
  expect(asked.some(({ path }) => path.includes('/blobs/'))).toBe(false)
})

it('one that is full says so in its own words, cleaned for a terminal', async () => {
  const words = JSON.stringify({ errors: [{ code: 'DENIED', message: 'quota \u001b[31mexceeded: 1 GiB' }] })
  const work = pushInto({}, ({ method, path }) =>
    method === 'PUT' && path.includes('/manifests/') ? { status: 413, body: words } : undefined,
  )
  await expect(work).rejects.toMatchObject({ code: 'registry-refused' })
  await expect(work).rejects.toThrow(/quota .?\[31mexceeded: 1 GiB/)
  await expect(work).rejects.not.toThrow(/\u001b/)
})

it('where a project is missing, the hint names the projects that have to be there', async () => {
  const work = pushInto({}, ({ method }) =>
    method === 'POST'
      ? { status: 404, body: '{"errors":[{"code":"NOT_FOUND","message":"project q.example"}]}' }
      : undefined,
  )
  await expect(work).rejects.toMatchObject({
    code: 'registry-not-found',
    message: expect.stringContaining('project q.example') as string,
    hint: expect.stringMatching(/project, which must exist and take your pushes: q\.example\.$/m) as string,
  })
})

it('a registry that takes no uploads is said to be read-only', async () => {
  const work = pushInto({}, ({ method }) => (method === 'POST' ? { status: 405 } : undefined))
  await expect(work).rejects.toMatchObject({
    code: 'registry-refused',
    hint: expect.stringContaining('read-only') as string,
  })
})

function smallBytes(): number {
  const all = new Map([...bundle.graph.configs, ...bundle.graph.layers])
  return [...all.values()].reduce((sum, { size }) => sum + size, 0) - shared.length - own.length
}
