import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rangeHasher } from '../../src/adapters/hash/range-hasher.ts'
import { openRandomAccessFile } from '../../src/adapters/tar/random-access-file.ts'
import { verifyBundle, type VerifyReport } from '../../src/app/verify.ts'
import { encodeHeader, RELEASE_PATH } from '../../src/bundle/layout.ts'
import { exitCodeOf, FerryError } from '../../src/errors.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { MEDIA } from '../../src/oci/media-types.ts'
import { generateKeyPair, parsePrivateKey } from '../../src/trust/key.ts'
import { MEMORY_KEY, writeMemoryBundle, type MemoryBundleOptions, type Tamper } from '../fakes/memory-bundle.ts'
import {
  addFile,
  addImage,
  addIndex,
  addManifest,
  emptyContent,
  nameImage,
  putJson,
  type MemoryContent,
} from '../fakes/memory-content.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-verify-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const NOW = new Date('2026-03-02T00:00:00Z')
const clock = { now: () => 0, sleep: () => Promise.resolve() }
let count = 0

async function verifyBytes(bytes: Uint8Array, trustedKeys = [MEMORY_KEY.publicKey], now = NOW): Promise<VerifyReport> {
  const path = join(folder, `${++count}.tar`)
  await writeFile(path, bytes)
  return verifyPath(path, trustedKeys, now)
}

async function verifyPath(path: string, trustedKeys = [MEMORY_KEY.publicKey], now = NOW): Promise<VerifyReport> {
  const file = await openRandomAccessFile(path)
  try {
    return await verifyBundle(file, { trustedKeys, now }, { hasher: rangeHasher, clock, emit: () => undefined })
  } finally {
    await file.close()
    await rm(path)
  }
}

/** The refusal of a bundle: always exit code 3. */
async function refusal(bytes: Uint8Array | Promise<Uint8Array>): Promise<FerryError> {
  const error: unknown = await verifyBytes(await bytes).then(
    () => new Error('it was accepted'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof FerryError)) throw error
  expect(exitCodeOf(error)).toBe(3)
  return error
}

function sample(): MemoryContent {
  const content = emptyContent()
  const amd64 = addManifest(content, { layers: [Buffer.alloc(3000, 7), Buffer.alloc(512, 1)] })
  const arm64 = addManifest(content, { platform: { os: 'linux', architecture: 'arm64' } })
  const left = { ...amd64, digest: digestOf('left out'), platform: { os: 'linux', architecture: 's390x' } }
  nameImage(content, 'registry.k8s.io/pause:3.10', addIndex(content, [amd64, arm64, left]))
  addImage(content, 'docker.io/library/nginx:1.29', { docker: true })
  addFile(content, 'kubeadm', Buffer.from('#!/bin/sh\n'), 'linux/amd64')
  return content
}

const hostile = (tamper: Tamper, content = sample(), options: MemoryBundleOptions = {}): Promise<Buffer> =>
  writeMemoryBundle(content, { ...options, tamper })

describe('ferry verify', () => {
  test('accepts a bundle whose every byte is what was signed, a sparse index included', async () => {
    const bytes = await writeMemoryBundle(sample())
    const report = await verifyBytes(bytes)
    expect(report).toMatchObject({ product: 'memory', version: '1.0.0', sequence: 1, bytes: bytes.length })
    expect(report.signedBy.map(({ kid }) => kid)).toEqual([MEMORY_KEY.publicKey.kid])
  })

  test('one flipped bit anywhere in the file is found', async () => {
    const bytes = await writeMemoryBundle(sample())
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async (bit) => {
        const copy = Buffer.from(bytes)
        copy[bit >> 3]! ^= 1 << (bit & 7)
        await refusal(copy)
      }),
      { numRuns: 150 },
    )
  }, 60_000)

  test('a file cut off anywhere is found', async () => {
    const bytes = await writeMemoryBundle(sample())
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        await refusal(bytes.subarray(0, length))
      }),
      { numRuns: 60 },
    )
  }, 60_000)

  test('a file cut off says how much is missing', async () => {
    const bytes = await writeMemoryBundle(sample())
    const error = await refusal(bytes.subarray(0, bytes.length - 700))
    expect(error.message).toContain(`it has ${bytes.length - 700} of ${bytes.length} bytes`)
  })

  test('a byte after the end is found', async () => {
    const error = await refusal(hostile({ file: (bytes) => Buffer.concat([bytes, Buffer.alloc(512)]) }))
    expect(error.message).toContain('512 bytes follow the end')
  })

  test('another key than the trusted one is refused, and both are named', async () => {
    const other = parsePrivateKey(generateKeyPair().privatePem, 'other')
    const error = await refusal(writeMemoryBundle(sample(), { keys: [other] }))
    expect(error.code).toBe('bundle-signature')
  })

  test('one of two trusted keys is enough, and a bundle signed with two holds for either', async () => {
    const other = parsePrivateKey(generateKeyPair().privatePem, 'other')
    const bytes = await writeMemoryBundle(sample(), { keys: [other, MEMORY_KEY] })
    expect((await verifyBytes(bytes, [other.publicKey])).signedBy).toHaveLength(1)
    expect((await verifyBytes(bytes, [other.publicKey, MEMORY_KEY.publicKey])).signedBy).toHaveLength(2)
  })

  test('a bundle past its time is refused', async () => {
    const bytes = await writeMemoryBundle(sample(), { predicate: { notAfter: '2026-03-03T00:00:00Z' } })
    await verifyBytes(bytes)
    await expect(verifyBytes(bytes, undefined, new Date('2026-03-03T00:00:01Z'))).rejects.toMatchObject({
      code: 'bundle-expired',
    })
  })

  test('all damaged entries are counted and named', async () => {
    const content = sample()
    const error = await refusal(
      hostile(
        {
          entries: (entries) =>
            entries.map((entry) =>
              entry.path.startsWith('blobs/') && content.layers.has(`sha256:${entry.path.slice(13)}`)
                ? { ...entry, bytes: Buffer.from(entry.bytes.map((byte) => byte ^ 1)) }
                : entry,
            ),
        },
        content,
      ),
    )
    expect(error.message).toContain(`${content.layers.size} of`)
    expect(error.message).toContain('blobs/sha256/')
  })
})

describe('what is not a bundle', () => {
  test.each([
    ['an empty file', Buffer.alloc(0), 'too short'],
    ['a text', Buffer.alloc(2000, 'hello '), 'no plain tar header'],
    ['a compressed bundle', gzipSync(Buffer.alloc(100_000, 'x'), { level: 0 }), 'no plain tar header'],
    ['zeros', Buffer.alloc(10_240), 'no plain tar header'],
    [
      'another tar',
      Buffer.concat([encodeHeader({ path: 'etc/passwd', size: 0 }, 0), Buffer.alloc(1024)]),
      'etc/passwd',
    ],
  ])('%s is refused with what it starts with', async (_, bytes, words) => {
    expect((await refusal(bytes)).message).toContain(words)
  })

  test('a statement that claims gigabytes is refused before it is read', async () => {
    const path = join(folder, 'sparse.tar')
    await writeFile(path, encodeHeader({ path: RELEASE_PATH, size: 2 ** 32 }, 0))
    await truncate(path, 2 ** 33)
    const before = process.memoryUsage().rss
    await expect(verifyPath(path)).rejects.toMatchObject({ code: 'bundle-format' })
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024)
  })
})

describe('a tar that was altered on the way', () => {
  const header = (change: (block: Buffer) => void, path = 'oci-layout') =>
    hostile({
      header: (block, entry) => {
        if (entry.path !== path) return block
        const copy = Buffer.from(block)
        change(copy)
        copy.fill(' ', 148, 156)
        copy.write(
          `${[...copy]
            .reduce((sum, byte) => sum + byte, 0)
            .toString(8)
            .padStart(6, '0')}\0 `,
          148,
        )
        return copy
      },
    })
  const type = (flag: string) => header((block) => block.write(flag, 156))

  test.each([
    ['a symlink', () => type('2')],
    ['a hard link', () => type('1')],
    ['a device', () => type('3')],
    ['a directory', () => type('5')],
    ['a GNU long name', () => type('L')],
    ['a GNU sparse file', () => type('S')],
    ['a pax header in front of a size (CVE-2025-62518)', () => type('x')],
    ['a global pax header', () => type('g')],
    ['a path that climbs', () => header((block) => block.write('../oci-layout\0', 0))],
    ['an absolute path', () => header((block) => block.write('/oci-layout\0', 0))],
    ['a backslash', () => header((block) => block.write('oci\\layout\0', 0))],
    ['a byte after the name', () => header((block) => block.write('x', 50))],
    ['a prefix', () => header((block) => block.write('etc', 345))],
    ['another size', () => header((block) => block.write('00000000777', 124))],
    ['another mode', () => header((block) => block.write('0004755', 100))],
    ['an owner', () => header((block) => block.write('root', 265))],
    ['another time', () => header((block) => block.write('00000000000', 136))],
  ])('%s is refused, naming the entry', async (_, build) => {
    const error = await refusal(build())
    expect(error.code).toBe('bundle-format')
    expect(error.message).toContain('oci-layout')
  })

  test('a hostile header of the statement itself is refused', async () => {
    const error = await refusal(
      hostile({
        header: (block, { path }) => (path === RELEASE_PATH ? Buffer.from(block).fill('7', 100, 107) : block),
      }),
    )
    expect(error.message).toContain(RELEASE_PATH)
  })

  test('a hidden entry between two others is refused', async () => {
    await refusal(
      hostile({
        entries: (all) =>
          all.flatMap((entry, i) => (i === 5 ? [{ path: 'x', bytes: Buffer.from('y') }, entry] : [entry])),
      }),
    )
  })

  test('two entries that changed places are refused', async () => {
    await refusal(hostile({ entries: (all) => all.with(-1, all.at(-2)!).with(-2, all.at(-1)!) }))
  })

  test('a signature file without the other, twice, or of a third kind is refused', async () => {
    const without = (word: string) => hostile({ entries: (all) => all.filter(({ path }) => !path.endsWith(word)) })
    await refusal(without('.sigstore.json'))
    await refusal(without('.sig'))
    await refusal(hostile({ entries: (all) => [all[0]!, all[1]!, all[2]!, all[1]!, all[2]!, ...all.slice(3)] }))
    expect(
      (await refusal(hostile({ entries: (all) => all.filter(({ path }) => !path.includes('.json.')) }))).code,
    ).toBe('bundle-signature')
  })
})

describe('a bundle that was signed as it is, and is wrong all the same', () => {
  // As the vendor's own tool would never write it: the bytes are changed, then signed.
  const release = (change: (subjects: { name: string }[]) => void) =>
    hostile({
      releaseBytes: (bytes) => {
        const statement = JSON.parse(Buffer.from(bytes).toString()) as { subject: { name: string }[] }
        change(statement.subject)
        return Buffer.from(`${JSON.stringify(statement)}\n`)
      },
    })

  test.each(['../x', '/etc/passwd', 'a\\b', 'a\0b', 'blobs//x', './x', 'a/../b', 'x\r\ny'])(
    'the path %j in the statement is refused',
    async (name) => {
      const error = await refusal(release((subjects) => (subjects[4]!.name = name)))
      expect(error.code).toBe('bundle-format')
    },
  )

  test('the same path twice is refused', async () => {
    const error = await refusal(release((subjects) => (subjects[3] = subjects[4]!)))
    expect(error.message).toContain('twice')
  })

  test('a path that is no part of a bundle is refused by its name', async () => {
    const extra = { path: 'surprise/x', bytes: Buffer.from('x') }
    expect((await refusal(hostile({ subjects: (all) => [...all, extra] }))).message).toContain('surprise/x')
  })

  test('a blob under the digest of another is refused', async () => {
    const error = await refusal(
      hostile({ subjects: (all) => all.with(-1, { path: all.at(-1)!.path, bytes: Buffer.from('other') }) }),
    )
    expect(error.message).toContain('blobs/sha256/')
  })

  test('blobs in another order are refused', async () => {
    const error = await refusal(hostile({ subjects: (all) => all.with(-1, all.at(-2)!).with(-2, all.at(-1)!) }))
    expect(error.message).toContain('wrong order')
  })

  test('a blob that nothing names is refused', async () => {
    const bytes = Buffer.from('nobody needs me')
    const path = `blobs/sha256/${digestOf(bytes).slice(7)}`
    const error = await refusal(hostile({ subjects: (all) => [...all, { path, bytes }] }))
    expect(error.message).toContain('nothing names it')
  })

  test('a missing blob is named', async () => {
    let gone = ''
    const error = await refusal(
      hostile({
        subjects: (all) => {
          gone = all.at(-1)!.path
          return all.slice(0, -1)
        },
      }),
    )
    expect(error.message).toContain(`${gone} is missing`)
  })

  test('another oci-layout is refused', async () => {
    await refusal(
      hostile({
        subjects: (all) => all.with(0, { path: 'oci-layout', bytes: Buffer.from('{"imageLayoutVersion":"9.0.0"}') }),
      }),
    )
  })

  const image = (manifest: unknown, mediaType: string = MEDIA.ociManifest) => {
    const content = sample()
    nameImage(content, 'example.com/evil:1', putJson(content, mediaType, manifest))
    return writeMemoryBundle(content)
  }
  const blob = { mediaType: MEDIA.ociConfig, digest: digestOf('{}'), size: 2 }

  test.each([
    ['an index and a manifest at once (CVE-2021-41190)', { schemaVersion: 2, manifests: [], layers: [], config: blob }],
    ['a mediaType that disagrees', { schemaVersion: 2, mediaType: MEDIA.ociIndex, layers: [], config: blob }],
    [
      'a digest that leads elsewhere (CVE-2024-3727)',
      { schemaVersion: 2, config: { ...blob, digest: 'sha256:../../../etc' }, layers: [] },
    ],
    ['an upper-case digest', { schemaVersion: 2, config: { ...blob, digest: blob.digest.toUpperCase() }, layers: [] }],
    ['a negative size', { schemaVersion: 2, config: { ...blob, size: -1 }, layers: [] }],
    ['a size that is no number', { schemaVersion: 2, config: { ...blob, size: '2' }, layers: [] }],
    ['no layers', { schemaVersion: 2, config: blob }],
    ['schema 1', { schemaVersion: 1, fsLayers: [], history: [] }],
    ['a list', []],
    ['more than 10 000 layers', { schemaVersion: 2, config: blob, layers: Array.from({ length: 10_001 }, () => blob) }],
    [
      'more than 4 MiB',
      { schemaVersion: 2, config: blob, layers: [], annotations: { x: 'x'.repeat(4 * 1024 * 1024) } },
    ],
  ])('a manifest that is %s is refused', async (_, manifest) => {
    expect((await refusal(image(manifest))).message).toContain('sha256:')
  })

  test('indexes nested deeper than any real one are refused', async () => {
    const content = sample()
    let nested = addManifest(content)
    for (let depth = 0; depth < 4; depth++) nested = addIndex(content, [nested])
    nameImage(content, 'example.com/deep:1', nested)
    expect((await refusal(writeMemoryBundle(content))).message).toContain('nested')
  })

  test('a digest that is given two sizes is refused', async () => {
    const content = sample()
    const manifest = addManifest(content)
    nameImage(content, 'example.com/two:1', addIndex(content, [manifest, { ...manifest, size: manifest.size + 1 }]))
    await refusal(writeMemoryBundle(content))
  })

  test('a name with a line break, one that is no name, and one name for two things are refused', async () => {
    for (const name of ['example.com/a:1\r\nx', '../../etc', 'UPPER/case:1', '']) {
      const content = sample()
      nameImage(content, name, addManifest(content))
      await refusal(writeMemoryBundle(content))
    }
    const content = sample()
    addImage(content, 'example.com/a:1')
    addImage(content, 'example.com/a:1', { layers: [Buffer.from('other')] })
    expect((await refusal(writeMemoryBundle(content))).message).toContain('twice')
  })

  test.each([
    ['no JSON', () => 'x'],
    ['no entries', (index: object) => ({ ...index, manifests: undefined })],
    [
      'an entry without a name',
      (index: { manifests: { annotations?: object }[] }) => ({
        ...index,
        manifests: index.manifests.map((entry) => ({ ...entry, annotations: undefined })),
      }),
    ],
  ])('an index.json with %s is refused', async (_, change) => {
    await refusal(hostile({ index: change as (index: Record<string, unknown>) => unknown }))
  })
})
