import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { lockBundle, type LockRequest } from '../../src/app/lock.ts'
import type { BundleDefinition, ChartEntry, FileEntry, ImageEntry } from '../../src/config/bundle-definition.ts'
import { formatLock, parseLock } from '../../src/config/lock-file.ts'
import { FerryError } from '../../src/errors.ts'
import type { FerryEvent } from '../../src/events.ts'
import { digestOf } from '../../src/oci/digest.ts'
import type { Registry } from '../../src/oci/registry.ts'
import { chartTgz } from '../adapters/tar/chart-tgz.ts'
import { addAttached, addChart, addIndex, addManifest, emptyContent } from '../fakes/memory-content.ts'
import { memoryRegistry } from '../bundle/sources/memory-registry.ts'
import {
  errorOf,
  imageEntry,
  ociChart,
  platformOf,
  sourceWorld,
  urlFile,
  type WebFile,
} from '../bundle/sources/source-world.ts'

const URL = 'https://dl.example/tool'

/** A registry with two images and a chart, a web with one file. */
function upstream() {
  const content = emptyContent()
  const base = Buffer.from('base')
  const build = (name: string, architecture: string) =>
    addManifest(content, {
      platform: platformOf(`linux/${architecture}`),
      layers: [base, Buffer.from(name + architecture)],
    })
  const app = addIndex(content, [build('app', 'amd64'), build('app', 'arm64')])
  const newApp = addIndex(content, [build('new', 'amd64'), build('new', 'arm64')])
  const pause = build('pause', 'amd64')
  addAttached(content, 'r.example/team/app', {
    subject: app,
    artifactType: 'application/x-sbom',
    bytes: Buffer.from('sbom'),
  })
  const chart = addChart(content, 'r.example/charts/podinfo:6.9.1', chartTgz())
  const tags = { 'team/app:1': app, 'pause:3': pause, 'charts/podinfo:6.9.1': chart }
  const web: Record<string, WebFile> = { [URL]: { bytes: Buffer.from('tool') } }
  return { content, tags, app, newApp, web, registry: memoryRegistry(content, { tags }) }
}

const IMAGES = [
  { ...imageEntry('r.example/team/app:1', 'linux/amd64'), place: { line: 7, column: 5, path: 'spec.images[0]' } },
  { ...imageEntry('r.example/pause:3', 'linux/amd64'), place: { line: 8, column: 5, path: 'spec.images[1]' } },
]
const CHARTS = [
  { ...ociChart('r.example/charts/podinfo:6.9.1'), place: { line: 10, column: 5, path: 'spec.charts[0]' } },
]
const FILES = [{ ...urlFile(URL), place: { line: 12, column: 5, path: 'spec.files[0]' } }]

function definition(
  entries: { images?: readonly ImageEntry[]; charts?: readonly ChartEntry[]; files?: readonly FileEntry[] } = {},
): BundleDefinition {
  return {
    file: 'bundle.yaml',
    folder: '/',
    name: 'quickstart',
    version: '1.0.0',
    channel: 'stable',
    minInstalledSequence: 0,
    notAfter: null,
    keysVersion: 1,
    platforms: [platformOf('linux/amd64')],
    registries: {},
    images: IMAGES,
    charts: CHARTS,
    files: FILES,
    ...entries,
  }
}

async function run(
  up: { readonly registry?: Registry; readonly web?: Record<string, WebFile> },
  request: Partial<LockRequest> = {},
  signal?: AbortSignal,
) {
  const events: FerryEvent[] = []
  const world = sourceWorld(up.registry, up.web)
  const effects = { ...world, emit: (event: FerryEvent) => void events.push(event), ...(signal && { signal }) }
  const result = await lockBundle({ definition: definition(), update: false, ...request }, effects)
  return { ...result, events, requests: world.requests }
}

describe('a first lock', () => {
  test('has every entry with digest and size, and reads back as it was written', async () => {
    const up = upstream()
    const { lock, changes } = await run(up)
    expect(lock.images.map(({ ref }) => ref)).toEqual(['r.example/pause:3', 'r.example/team/app:1'])
    expect(lock.images[1]).toMatchObject({ digest: up.app.digest, attached: [{ artifactType: 'application/x-sbom' }] })
    expect(changes).toEqual({
      added: ['r.example/team/app:1', 'r.example/pause:3', 'oci://r.example/charts/podinfo:6.9.1', 'tool'],
      kept: [],
      removed: [],
      updated: [],
    })
    expect(parseLock(formatLock(lock), 'bundle.lock.yaml')).toEqual(lock)
  })

  test('names each shared layer once', async () => {
    const { lock } = await run(upstream())
    expect(Object.keys(lock.layers)).toContain(digestOf('base'))
    expect(new Set(Object.keys(lock.layers)).size).toBe(Object.keys(lock.layers).length)
    expect(Object.keys(lock.documents).filter((digest) => digest in lock.layers)).toEqual([])
  })

  test('tells what it does', async () => {
    const { events } = await run(upstream())
    expect(events[0]).toMatchObject({ type: 'task-start', task: 'lock', totalItems: 4 })
    expect(events.filter(({ type }) => type === 'item-end')).toHaveLength(4)
    expect(events.at(-1)).toMatchObject({
      type: 'task-end',
      summary: '2 images, 1 chart, 1 file · 1 platform · 4 new since the lock',
    })
  })
})

describe('what is locked stays', () => {
  test('and costs no request', async () => {
    const up = upstream()
    const { lock: existing } = await run(up)
    const again = await run({}, { existing })
    expect(again.lock).toEqual(existing)
    expect(again.requests).toEqual([])
    expect(again.changes.kept).toHaveLength(4)
  })

  test('when its tag has moved, until --update', async () => {
    const up = upstream()
    const { lock: existing } = await run(up)
    up.tags['team/app:1'] = up.newApp
    expect((await run(up, { existing })).lock).toEqual(existing)
    const updated = await run(up, { existing, update: true })
    expect(updated.changes).toMatchObject({ updated: ['r.example/team/app:1'], added: [], removed: [] })
    expect(updated.changes.kept).toHaveLength(3)
    expect(updated.lock.images[1]?.digest).toBe(up.newApp.digest)
    expect(Object.keys(updated.lock.layers)).not.toContain(digestOf('appamd64'))
  })

  test('at its digest when only the platforms change', async () => {
    const up = upstream()
    const { lock: existing } = await run(up)
    up.tags['team/app:1'] = up.newApp
    const [app, ...others] = IMAGES
    const wider = { ...app!, platforms: ['linux/amd64', 'linux/arm64'].map(platformOf) }
    const { lock, changes } = await run(up, { existing, definition: definition({ images: [wider, ...others] }) })
    expect(changes.updated).toEqual(['r.example/team/app:1'])
    expect(lock.images[1]).toMatchObject({ digest: up.app.digest, platforms: ['linux/amd64', 'linux/arm64'] })
    expect(Object.keys(lock.layers)).toContain(digestOf('apparm64'))
  })

  test('while what is gone from bundle.yaml goes, with the blobs nobody else has', async () => {
    const up = upstream()
    const { lock: existing } = await run(up)
    const { lock, changes } = await run(
      {},
      { existing, definition: definition({ images: IMAGES.slice(1), files: [] }) },
    )
    expect(changes.removed).toEqual(['r.example/team/app:1', 'tool'])
    expect(Object.keys(lock.layers)).toContain(digestOf('base'))
    for (const text of ['appamd64', 'sbom', 'tool'])
      expect(Object.keys(lock.layers), text).not.toContain(digestOf(text))
    const fresh = await run(up, { definition: definition({ images: IMAGES.slice(1), files: [] }) })
    expect(lock).toEqual(fresh.lock)
  })

  test('unless it is another file under the same name', async () => {
    const up = upstream()
    const { lock: existing } = await run(up)
    const files = [{ ...FILES[0]!, mode: '0644' }]
    const { changes } = await run(up, { existing, definition: definition({ files }) })
    expect(changes.updated).toEqual(['tool'])
  })

  test('but local files are looked at each time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ferry-lock-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const location = join(folder, 'handbook')
    await writeFile(location, 'first')
    const local: FileEntry = {
      place: FILES[0]!.place,
      kind: 'local',
      name: 'handbook',
      mode: '0644',
      path: './handbook',
      location,
    }
    const request = { definition: definition({ images: [], charts: [], files: [local] }) }
    const { lock: existing } = await run({}, request)
    expect((await run({}, { ...request, existing })).changes.kept).toEqual(['handbook'])
    await expect(run({}, { ...request, existing, frozen: true })).resolves.toMatchObject({ lock: existing })
    await writeFile(location, 'second')
    expect((await run({}, { ...request, existing })).changes.updated).toEqual(['handbook'])
    const error = await errorOf(run({}, { ...request, existing, frozen: true }))
    expect(error.code).toBe('config-lock-mismatch')
    expect(error.problems).toMatchObject([{ line: 12, message: 'handbook has changed since it was locked' }])
  })

  test('a lock that lost sizes is mended without moving to another digest', async () => {
    const up = upstream()
    const { lock: existing } = await run(up)
    up.tags['team/app:1'] = up.newApp
    const layers = Object.fromEntries(
      Object.entries(existing.layers).filter(([digest]) => digest !== digestOf('appamd64')),
    )
    expect((await run(up, { existing: { ...existing, layers } })).lock).toEqual(existing)
  })
})

describe('--frozen', () => {
  test('asks nothing and changes nothing', async () => {
    const { lock: existing } = await run(upstream())
    const { lock, requests } = await run({}, { existing, frozen: true, update: true })
    expect(lock).toEqual(existing)
    expect(requests).toEqual([])
  })

  test('names every difference with its line', async () => {
    const { lock: existing } = await run(upstream(), {
      definition: definition({ images: IMAGES.slice(1), charts: CHARTS }),
    })
    const wider = { ...IMAGES[1]!, platforms: [platformOf('linux/arm64')] }
    const request = { existing, frozen: true, definition: definition({ images: [IMAGES[0]!, wider], files: [] }) }
    const error = await errorOf(run({}, request))
    expect(error.code).toBe('config-lock-mismatch')
    expect(error.problems).toEqual([
      {
        file: 'bundle.yaml',
        line: 7,
        column: 5,
        path: 'spec.images[0]',
        message: 'r.example/team/app:1 is not in the lock',
      },
      {
        file: 'bundle.yaml',
        line: 8,
        column: 5,
        path: 'spec.images[1]',
        message: 'r.example/pause:3: wanted for linux/arm64, locked for linux/amd64',
      },
      { file: 'bundle.yaml', message: 'tool is in the lock, but no longer in the file' },
    ])
    expect(error.hint).toContain('ferry lock bundle.yaml')
  })

  test('names no query of a URL, which may be a secret', async () => {
    const { lock: existing } = await run(upstream())
    const files = [{ ...urlFile(`${URL}?signature=s3cret`), place: FILES[0]!.place }]
    const error = await errorOf(run({}, { existing, frozen: true, definition: definition({ files }) }))
    expect(error.problems.map(({ message }) => message)).toEqual([`tool: wanted from another address at ${URL}`])
  })

  test('without a lock everything is a difference', async () => {
    expect((await errorOf(run({}, { frozen: true }))).problems).toHaveLength(4)
  })

  test('a lock with blobs that nobody needs is refused', async () => {
    const { lock } = await run(upstream())
    const existing = { ...lock, layers: { ...lock.layers, [digestOf('orphan')]: 6 } }
    const error = await errorOf(run({}, { existing, frozen: true }))
    expect(error.code).toBe('config-lock-mismatch')
    expect(error.problems[0]?.message).toContain('edited by hand')
  })
})

describe('mistakes', () => {
  test('are reported all at once, each with its line, and exit as a wrong file', async () => {
    const images = [
      { ...imageEntry('r.example/team/app:11', 'linux/amd64'), place: { line: 14, column: 9, path: 'spec.images[3]' } },
      { ...imageEntry('r.example/pause:3', 'linux/arm64'), place: { line: 9, column: 9, path: 'spec.images[1]' } },
    ]
    const files = [{ ...urlFile('https://dl.example/none'), place: { line: 20, column: 9, path: 'spec.files[0]' } }]
    const error = await errorOf(run(upstream(), { definition: definition({ images, files }) }))
    expect(error.code).toBe('config-invalid')
    expect(error.message).toBe('bundle.yaml: 3 problems')
    expect(error.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`)).toEqual([
      '9 spec.images[1]: r.example/pause:3 is not there for linux/arm64. It is for: linux/amd64',
      '14 spec.images[3]: no such tag: r.example/team/app:11. Near: 1',
      '20 spec.files[0]: https://dl.example/none: 404',
    ])
  })

  test('a registry that fails decides the code, whatever else is wrong', async () => {
    const up = upstream()
    const registry: Registry = {
      ...up.registry,
      fetchDocument: (repository, ...rest) =>
        repository === 'pause'
          ? Promise.reject(
              new FerryError('registry-unreachable', 'r.example: connection refused', { hint: 'Is it up?' }),
            )
          : up.registry.fetchDocument(repository, ...rest),
    }
    const error = await errorOf(
      run(
        { ...up, registry },
        { definition: definition({ images: [imageEntry('r.example/team/no:1', 'linux/amd64'), IMAGES[1]!] }) },
      ),
    )
    expect(error.code).toBe('registry-unreachable')
    expect(error.problems).toHaveLength(2)
    expect(error.problems[1]).toMatchObject({ line: 8, message: 'r.example: connection refused', hint: 'Is it up?' })
  })

  test('a registry that is down is told once, for all who wanted something from it', async () => {
    const down = (): Promise<never> =>
      Promise.reject(new FerryError('registry-unreachable', 'r.example cannot be reached'))
    const up = upstream()
    const images = Array.from({ length: 6 }, (_, i) => ({
      ...imageEntry(`r.example/a:${i}`, 'linux/amd64'),
      place: { line: 20 + i, column: 5, path: `images[${i}]` },
    }))
    const request = { definition: definition({ images: images.toReversed(), charts: [] }) }
    const error = await errorOf(run({ ...up, registry: { ...up.registry, fetchDocument: down } }, request))
    expect(error.message).toBe('bundle.yaml: 1 problem')
    expect(error.problems).toMatchObject([
      {
        line: 20,
        message: 'r.example cannot be reached; the same for images[1], images[2], images[3] and 2 more',
      },
    ])
  })

  test('two entries that come to one name', async () => {
    const up = upstream()
    const pinned = imageEntry(`r.example/team/app:1@${up.newApp.digest}`, 'linux/amd64')
    const error = await errorOf(run(up, { definition: definition({ images: [...IMAGES, pinned] }) }))
    expect(error.code).toBe('config-invalid')
    expect(error.problems[0]?.message).toContain('r.example/team/app:1 would stand for')
  })

  test('a mistake of Ferry itself is not dressed up as one of the file', async () => {
    const up = upstream()
    const registry: Registry = { ...up.registry, fetchDocument: () => Promise.reject(new TypeError('a bug')) }
    await expect(run({ ...up, registry })).rejects.toThrow(TypeError)
  })
})

test('an interrupted lock ends with the reason of the interruption', async () => {
  const stop = new AbortController()
  const up = upstream()
  const registry: Registry = {
    ...up.registry,
    fetchDocument: () => {
      stop.abort(new FerryError('interrupted', 'Ctrl-C'))
      return Promise.reject(new FerryError('registry-unreachable', 'the connection was closed'))
    },
  }
  expect((await errorOf(run({ ...up, registry }, {}, stop.signal))).code).toBe('interrupted')
})

test('no more requests are under way than allowed', async () => {
  const up = upstream()
  let running = 0
  let most = 0
  const registry: Registry = {
    ...up.registry,
    async fetchDocument(...args) {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 2))
      running--
      return up.registry.fetchDocument(...args)
    },
  }
  const world = sourceWorld(registry, up.web)
  await lockBundle({ definition: definition(), update: false }, { ...world, emit: () => undefined, concurrency: 2 })
  expect(most).toBe(2)
})
