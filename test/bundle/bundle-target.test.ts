import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { outputFiles } from '../../src/adapters/tar/output-file.ts'
import { bundleTarget, keptBytes } from '../../src/bundle/bundle-target.ts'
import { placeEntries, type PlacedEntry } from '../../src/bundle/layout.ts'
import { parseJournal } from '../../src/bundle/partial.ts'
import { FerryError } from '../../src/errors.ts'
import { copy } from '../../src/oci/copy.ts'
import { digestOf, type Digest } from '../../src/oci/digest.ts'
import type { ContentSource } from '../../src/oci/store.ts'
import type { OutputFile } from '../../src/ports.ts'

const MIB = 1024 * 1024
const blobs = [3 * MIB + 11, 40 * MIB, 0, 5, MIB].map((size, i) => Buffer.alloc(size, i + 1))
const descriptors = blobs.map((bytes) => ({ mediaType: 'x', digest: digestOf(bytes), size: bytes.length }))
const layout = placeEntries(descriptors.map(({ digest, size }) => ({ path: digest, size })))
const places = new Map<Digest, PlacedEntry>(descriptors.map(({ digest }, i) => [digest, layout.entries[i]!]))
const byDigest = new Map(descriptors.map(({ digest }, i) => [digest, blobs[i]!]))

let folder: string
let output: OutputFile
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-target-'))
  output = await outputFiles.open(join(folder, 'a.tar'), { force: false })
  await output.reset(layout.totalBytes)
})
afterEach(async () => {
  await output.close()
  await rm(folder, { recursive: true, force: true })
})

/** Gives blobs in pieces of 64 KiB; `change` may cut or alter what it gives. */
function source(change: (bytes: Buffer, offset: number) => Buffer = (bytes) => bytes) {
  const asked: { digest: Digest; offset: number }[] = []
  const store: ContentSource = {
    read: ({ digest }, { offset = 0 }) => {
      asked.push({ digest, offset })
      const rest = change(byDigest.get(digest)!.subarray(offset), offset)
      return Promise.resolve({
        offset,
        // eslint-disable-next-line @typescript-eslint/require-await -- a stream of values that are there already
        body: (async function* () {
          for (let at = 0; at < rest.length; at += 65536) yield rest.subarray(at, at + 65536)
        })(),
      })
    },
  }
  return { store, asked }
}

async function copyAll(store: ContentSource, begun = new Map<Digest, number>(), complete = new Set<Digest>()) {
  let bytes = 0
  const items = descriptors.map((descriptor) => ({ descriptor, name: descriptor.digest }))
  const result = await copy(items, {
    source: store,
    target: bundleTarget({ output, places, complete, begun }),
    concurrency: 3,
    task: 'download',
    emit: (event) => {
      if (event.type === 'bytes') bytes += event.bytes
    },
    kept: keptBytes({ output, places }),
  })
  return { result, bytes, complete }
}

async function expectAll(): Promise<void> {
  for (const [i, { digest }] of descriptors.entries()) {
    const place = places.get(digest)!
    expect(Buffer.from(await output.read(place.offset, place.size)).equals(blobs[i]!)).toBe(true)
  }
}

const TOTAL = descriptors.reduce((sum, { size }) => sum + size, 0)

test('every blob lies at its place, is noted as done, and all bytes are told once', async () => {
  const { result, bytes } = await copyAll(source().store)
  await expectAll()
  expect(result).toEqual({ copied: 5, copiedBytes: TOTAL, present: 0, presentBytes: 0 })
  expect(bytes).toBe(TOTAL)
  const path = output.name.replace(/\.partial$/, '')
  await output.close()
  output = await outputFiles.open(path, { force: false })
  expect([...parseJournal(output.journal).done.keys()].sort()).toEqual(descriptors.map(({ digest }) => digest).sort())
})

test('what is complete is neither fetched nor written again', async () => {
  const { complete } = await copyAll(source().store)
  const second = source()
  const { result, bytes } = await copyAll(second.store, new Map(), complete)
  expect(second.asked).toEqual([])
  expect(result.present).toBe(5)
  expect(bytes).toBe(TOTAL)
})

test('a blob that broke off goes on where it was noted, after its first part is hashed again', async () => {
  const big = descriptors[1]!
  const half = source((bytes, offset) => (bytes.length > 30 * MIB ? bytes.subarray(0, 37 * MIB - offset) : bytes))
  await expect(copyAll(half.store)).rejects.toThrow('ended after')
  const path = output.name.replace(/\.partial$/, '')
  await output.close()
  output = await outputFiles.open(path, { force: false })
  const { begun } = parseJournal(output.journal)
  const at = begun.get(big.digest)!
  expect(at).toBeGreaterThanOrEqual(16 * MIB)
  const rest = source()
  await copyAll(rest.store, new Map(begun))
  expect(rest.asked.find(({ digest }) => digest === big.digest)).toEqual({ digest: big.digest, offset: at })
  await expectAll()
})

test('a blob whose write failed goes on after the last write that did not', async () => {
  const big = descriptors[1]!
  const full = places.get(big.digest)!.offset + 20 * MIB
  const { store } = source()
  const real = output
  output = {
    ...real,
    write: (position, pieces) =>
      position >= full ? Promise.reject(new FerryError('io-space', 'no space left')) : real.write(position, pieces),
  }
  await expect(copyAll(store)).rejects.toMatchObject({ code: 'io-space' })
  await real.close()
  output = await outputFiles.open(real.name.replace(/\.partial$/, ''), { force: false })
  const { begun } = parseJournal(output.journal)
  expect(begun.get(big.digest)).toBe(20 * MIB)
  const rest = source()
  await copyAll(rest.store, new Map(begun))
  expect(rest.asked.filter(({ digest }) => digest === big.digest).map(({ offset }) => offset)).toEqual([20 * MIB])
  await expectAll()
})

test('a first part that a power loss tore is fetched anew, once', async () => {
  const big = descriptors[1]!
  const fresh = source()
  const { bytes } = await copyAll(fresh.store, new Map([[big.digest, 20 * MIB]]))
  expect(fresh.asked.filter(({ digest }) => digest === big.digest).map(({ offset }) => offset)).toEqual([20 * MIB, 0])
  expect(bytes).toBe(TOTAL)
  await expectAll()
})

test('content with a wrong digest stops the copy and is not noted as done', async () => {
  const wrong = source((bytes) => (bytes.length === 5 ? Buffer.from('wrong') : bytes))
  await expect(copyAll(wrong.store)).rejects.toMatchObject({ code: 'registry-digest' })
})

test('a journal with torn and foreign lines keeps what is whole', () => {
  const { digest } = descriptors[0]!
  const state = parseJournal([
    `{"done":"${digest}","offset":512,"size":3}`,
    '{"done":"sha256:../../x","offset":1,"size":1}',
    '{"begun":"' + digest + '","bytes":-1}',
    'null',
    '[]',
    '{"done":"' + digest.slice(0, 20),
  ])
  expect([...state.done]).toEqual([[digest, { offset: 512, size: 3 }]])
  expect(state.begun.size).toBe(0)
  expect(state.release).toBeUndefined()
})
