import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LockFile } from '../../src/config/bundle-lock.gen.ts'
import { formatLock, parseLock } from '../../src/config/lock-file.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { MEDIA } from '../../src/oci/media-types.ts'
import { problemsOf } from './problems-of.ts'

const IMAGE = digestOf('image')
const CHART = digestOf('chart')
const ARCHIVE = digestOf('archive')
const LAYER = digestOf('layer')

function example(): LockFile {
  return {
    apiVersion: 'ferry.dev/v1',
    kind: 'BundleLock',
    images: [
      {
        ref: 'docker.io/library/nginx:1.29',
        platforms: ['linux/arm64', 'linux/amd64'],
        digest: IMAGE,
        size: 10,
        mediaType: MEDIA.ociIndex,
        contents: [LAYER, IMAGE],
      },
    ],
    charts: [
      {
        name: 'podinfo',
        version: '6.9.1',
        repo: 'https://charts.example',
        digest: CHART,
        size: 20,
        mediaType: MEDIA.ociManifest,
        content: ARCHIVE,
        contents: [CHART, ARCHIVE],
      },
    ],
    files: [],
    documents: { [IMAGE]: 10, [CHART]: 20 },
    layers: { [LAYER]: 3, [ARCHIVE]: 4 },
  }
}

function problems(change: (lock: LockFile) => void): string[] {
  const lock = example()
  change(lock)
  return problemsOf(() => parseLock(formatLock(lock), 'bundle.lock.yaml')).map((p) => p.replace(/^\d+:\d+ /, ''))
}

const digests = fc.integer({ min: 0, max: 30 }).map((n) => digestOf(String(n)))
const sizes = fc.uniqueArray(fc.tuple(fc.nat(60), fc.nat(2 ** 40)), { selector: ([n]) => n, maxLength: 40 })
const word = fc.stringMatching(/^[a-z0-9]{1,6}$/)
const text = fc.oneof(
  word,
  fc.constantFrom('yes', '0755', '1.10', '1e3', 'a: b', '# x', '~', 'ü\u2028', ' x ', '12:30'),
)
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })

/** Locks that hold together, in any order. */
const locks: fc.Arbitrary<LockFile> = fc
  .record({
    sizes,
    images: fc.uniqueArray(fc.record({ name: word, tag: word, artifactType: optional(text), tags: fc.array(word) }), {
      selector: ({ name, tag }) => `${name}:${tag}`,
      maxLength: 6,
    }),
    charts: fc.uniqueArray(fc.record({ name: text, version: text, path: optional(text) }), {
      selector: ({ name, version }) => `${name} ${version}`,
      maxLength: 4,
    }),
    files: fc.uniqueArray(
      fc.record({ name: text, url: optional(text), platform: optional(fc.constant('linux/amd64')) }),
      {
        selector: ({ name, platform }) => `${name} ${platform ?? ''}`,
        maxLength: 4,
      },
    ),
    contents: fc.array(digests, { maxLength: 5 }),
    order: fc.boolean(),
  })
  .map(({ sizes, images, charts, files, contents, order }) => {
    const document = digestOf('document')
    const layer = digestOf('a layer')
    const blobs = new Map(sizes.map(([n, size]) => [digestOf(String(n)), size]))
    for (const digest of contents) blobs.set(digest, 1)
    const common = { digest: document, size: 5, mediaType: MEDIA.ociManifest }
    const all = [...contents, document]
    const lock: LockFile = {
      apiVersion: 'ferry.dev/v1',
      kind: 'BundleLock',
      images: images.map(({ name, tag, artifactType, tags }) => ({
        ref: `a.example/${name}:${tag}`,
        platforms: ['linux/arm64', 'linux/amd64'],
        ...common,
        contents: all,
        attached: tags.map((tag) => ({ ...common, artifactType, tag })),
      })),
      charts: charts.map((chart) => ({ ...chart, ...common, content: layer, contents: all })),
      files: files.map((file) => ({ ...file, mode: '0644', digest: document, size: 5, content: layer })),
      documents: { [document]: 5 },
      layers: Object.fromEntries([...blobs, [layer, 7]]),
    }
    return order ? reversed(lock) : lock
  })

function reversed(lock: LockFile): LockFile {
  return {
    ...lock,
    images: lock.images.toReversed(),
    charts: lock.charts.toReversed(),
    files: lock.files.toReversed(),
    layers: Object.fromEntries(Object.entries(lock.layers).toReversed()),
  }
}

describe('a lock', () => {
  test('says who writes it and is sorted', () => {
    const text = formatLock(example())
    expect(text.split('\n', 4)).toEqual([
      '# Written by ferry lock. Keep it in version control; change bundle.yaml, not this.',
      'apiVersion: ferry.dev/v1',
      'kind: BundleLock',
      'images:',
    ])
    const lock = parseLock(text, 'f')
    expect(lock.images[0]!.platforms).toEqual(['linux/amd64', 'linux/arm64'])
    expect(Object.keys(lock.documents)).toEqual([IMAGE, CHART].sort())
  })

  test('is the same text whatever order its content came in', () => {
    fc.assert(
      fc.property(locks, (lock) => {
        expect(formatLock(reversed(lock))).toBe(formatLock(lock))
      }),
    )
  })

  test('comes back from its text with all it says', () => {
    fc.assert(
      fc.property(locks, (lock) => {
        const text = formatLock(lock)
        const parsed = parseLock(text, 'f')
        expect(formatLock(parsed)).toBe(text)
        const names = (of: LockFile): string[] => of.images.map(({ ref }) => ref).sort()
        expect(names(parsed)).toEqual(names(lock))
        expect(parsed.charts.map(({ name, path }) => [name, path])).toEqual(
          expect.arrayContaining(lock.charts.map(({ name, path }) => [name, path])),
        )
        expect(parsed.layers).toEqual(lock.layers)
        expect(parsed.files).toHaveLength(lock.files.length)
      }),
    )
  })

  test('of 20 000 blobs is read in a moment', () => {
    const lock = example()
    for (let i = 0; i < 20_000; i++) lock.layers[digestOf(String(i))] = i
    const text = formatLock(lock)
    const start = performance.now()
    parseLock(text, 'f')
    expect(performance.now() - start).toBeLessThan(3000)
  })
})

describe('a lock that was edited is refused', () => {
  test('when a size is not the listed one', () => {
    expect(problems((lock) => (lock.images[0]!.size = 11))).toEqual([
      'images[0].size: expected 10 as in documents, found 11',
    ])
  })
  test('when something it names is not listed', () => {
    expect(
      problems((lock) => {
        lock.documents = { [IMAGE]: 10 }
        lock.layers = {}
      }),
    ).toEqual([
      `images[0].contents[${[IMAGE, LAYER].sort().indexOf(LAYER)}]: ${LAYER} is neither among layers nor among documents`,
      `charts[0].digest: ${CHART} is not among documents`,
      `charts[0].content: ${ARCHIVE} is neither among layers nor among documents`,
      ...[CHART, ARCHIVE]
        .sort()
        .map((digest, i) => `charts[0].contents[${i}]: ${digest} is neither among layers nor among documents`),
    ])
  })
  test('when an entry leaves out its own manifest', () => {
    expect(problems((lock) => (lock.images[0]!.contents = [LAYER]))).toEqual([
      `images[0].contents: ${IMAGE}, its own manifest, is not in it`,
    ])
  })
  test('when a digest is none', () => {
    expect(problems((lock) => (lock.layers = { ...lock.layers, 'sha256:AB': 1 }))).toEqual([
      'layers["sha256:AB"]: "sha256:AB": not a digest. Expected sha256: and 64 lower-case hex digits.',
    ])
  })
  test('when a blob is listed twice', () => {
    expect(problems((lock) => (lock.layers[IMAGE] = 10))).toEqual([
      `layers["${IMAGE}"]: is among documents too; it is carried once`,
    ])
  })
  test('when a name is not in its full form, or there twice', () => {
    expect(problems((lock) => (lock.images[0]!.ref = 'nginx'))).toEqual([
      'images[0].ref: "nginx" is not an image name in its full form',
    ])
    expect(problems((lock) => lock.charts.push({ ...lock.charts[0]!, repo: 'https://other.example' }))).toEqual([
      'charts[1]: podinfo 6.9.1 is there twice',
    ])
  })
  test('with the way out', () => {
    expect(() => parseLock('kind: BundleLock\n', 'f')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('restore it from version control') as string }) as Error,
    )
    expect(problemsOf(() => parseLock('a: 1\n<<<<<<< ours\n', 'f'))).toEqual([
      '2:1 a merge conflict that has not been resolved',
    ])
  })
})
