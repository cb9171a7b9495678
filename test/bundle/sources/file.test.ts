import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fileArtifact, fileName } from '../../../src/bundle/sources/file-artifact.ts'
import { resolveFile } from '../../../src/bundle/sources/file.ts'
import type { FileEntry } from '../../../src/config/bundle-definition.ts'
import { digestOf, hexOf } from '../../../src/oci/digest.ts'
import { MEDIA } from '../../../src/oci/media-types.ts'
import { errorOf, PLACE, platformOf, sourceWorld, urlFile } from './source-world.ts'

const URL = 'https://dl.example/tool'
const BYTES = Buffer.from('#!/bin/sh\necho a tool\n')
const SHA256 = hexOf(digestOf(BYTES))

test('a file is an OCI artifact whose bytes follow from name, platform, mode and content', () => {
  const facts = { name: 'tool', platform: 'linux/arm64', mode: '0755', content: digestOf(BYTES), size: BYTES.length }
  const { manifest, config } = fileArtifact(facts)
  expect(JSON.parse(Buffer.from(manifest.bytes).toString())).toEqual({
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    artifactType: 'application/vnd.ferry.file.v1',
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 },
    layers: [
      {
        mediaType: 'application/octet-stream',
        digest: digestOf(BYTES),
        size: BYTES.length,
        annotations: { 'dev.ferry.mode': '0755', 'org.opencontainers.image.title': 'tool' },
      },
    ],
    annotations: { 'dev.ferry.platform': 'linux/arm64', 'org.opencontainers.image.title': 'tool' },
  })
  expect(Buffer.from(config.bytes).toString()).toBe('{}')
  // A change of this digest makes every lock with a file differ: it has to be meant.
  expect(manifest.descriptor.digest).toBe('sha256:72dd17290a01e695e29bfd7cace591021113903cad9c974829920351b45f1aa9')
  expect(fileArtifact({ ...facts, mode: '0644' }).manifest.descriptor.digest).not.toBe(manifest.descriptor.digest)
})

test.each([
  ['kubeadm', 'linux/amd64', 'files/kubeadm:linux-amd64'],
  ['tool', 'linux/arm/v7', 'files/tool:linux-arm-v7'],
  ['handbook.pdf', undefined, 'files/handbook.pdf:any'],
])('%s for %s is named %s', (name, platform, expected) => {
  expect(fileName(name, platform)).toBe(expected)
})

test('a name no registry could hold is refused', () => {
  expect(() => fileName('a..b', undefined)).toThrow('"a..b" cannot be the name of a file')
})

test('with sha256 a file is not downloaded where the server tells its size', async () => {
  const world = sourceWorld(undefined, { [URL]: { bytes: BYTES } })
  const { locked, contents } = await resolveFile(
    urlFile(URL, { sha256: SHA256, platform: platformOf('linux/amd64') }),
    world,
  )
  expect(locked).toMatchObject({
    name: 'tool',
    url: URL,
    platform: 'linux/amd64',
    mode: '0755',
    content: digestOf(BYTES),
  })
  expect([...contents.layers]).toEqual([[digestOf(BYTES), BYTES.length]])
  expect(contents.documents.get(locked.digest)).toBe(locked.size)
  expect(contents.documents.get(digestOf('{}'))).toBe(2)
  expect(world.requests).toEqual([`HEAD ${URL}`])
})

test('where the server does not tell, and without sha256, it is downloaded and hashed', async () => {
  const sizeless = sourceWorld(undefined, { [URL]: { bytes: BYTES, sizeless: true } })
  const first = await resolveFile(urlFile(URL, { sha256: SHA256 }), sizeless)
  expect(sizeless.requests).toEqual([`HEAD ${URL}`, `GET ${URL}`])
  const unknown = sourceWorld(undefined, { [URL]: { bytes: BYTES } })
  expect(await resolveFile(urlFile(URL), unknown)).toEqual(first)
  expect(unknown.requests).toEqual([`GET ${URL}`])
})

test('other bytes than sha256 says are refused', async () => {
  const world = sourceWorld(undefined, { [URL]: { bytes: Buffer.from('evil'), sizeless: true } })
  const error = await errorOf(resolveFile(urlFile(URL, { sha256: SHA256 }), world))
  expect(error.code).toBe('content-invalid')
  expect(error.message).toBe(`${URL} is ${digestOf('evil')}, but bundle.yaml expects sha256:${SHA256}`)
})

test.each([
  ['goes on where it broke', { breaks: 3 }],
  ['starts anew where the server cannot', { breaks: 3, wholeOnly: true }],
])('a broken download %s', async (_, how) => {
  const world = sourceWorld(undefined, { [URL]: { bytes: BYTES, ...how } })
  const { locked } = await resolveFile(urlFile(URL), world)
  expect(locked.content).toBe(digestOf(BYTES))
  expect(world.requests).toHaveLength(4)
})

test('a server that always breaks off is given up', async () => {
  const world = sourceWorld(undefined, { [URL]: { bytes: BYTES, breaks: 1000, wholeOnly: true } })
  const error = await errorOf(resolveFile(urlFile(URL), world))
  expect(error.code).toBe('registry-unreachable')
  expect(world.requests.length).toBeLessThan(12)
})

test('a local file is hashed, and compared with sha256', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-file-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const location = join(folder, 'tool')
  await writeFile(location, BYTES)
  const entry: FileEntry = { place: PLACE, kind: 'local', name: 'tool', mode: '0644', path: './tool', location }
  const { locked } = await resolveFile(entry, sourceWorld())
  expect(locked).toMatchObject({ name: 'tool', path: './tool', mode: '0644', content: digestOf(BYTES) })
  expect(locked).not.toHaveProperty('platform')
  const error = await errorOf(resolveFile({ ...entry, sha256: hexOf(digestOf('other')) }, sourceWorld()))
  expect(error.message).toMatch(/^\.\/tool is sha256:/)
  const missing = await errorOf(resolveFile({ ...entry, location: join(folder, 'none') }, sourceWorld()))
  expect(missing).toMatchObject({ code: 'config-invalid', message: './tool: there is no such file or folder' })
})

test('an empty file, and one that is its own config, are carried', async () => {
  for (const text of ['', '{}']) {
    const world = sourceWorld(undefined, { [URL]: { bytes: Buffer.from(text) } })
    const { locked, contents } = await resolveFile(urlFile(URL), world)
    expect(locked.content).toBe(digestOf(text))
    expect(contents.layers.get(locked.content) ?? contents.documents.get(locked.content)).toBe(text.length)
  }
})
