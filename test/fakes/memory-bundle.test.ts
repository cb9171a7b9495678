import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { openBundle } from '../../src/bundle/open-bundle.ts'
import { damageBlob, MEMORY_KEY, openMemoryBundle, writeMemoryBundle } from './memory-bundle.ts'
import {
  addAttached,
  addChart,
  addFile,
  addImage,
  addIndex,
  addManifest,
  emptyContent,
  nameImage,
} from './memory-content.ts'
import { memoryFile } from './memory-file.ts'

const VERIFY = { trustedKeys: [MEMORY_KEY.publicKey], now: new Date('2026-03-02T00:00:00Z') }

it('a memory bundle opens as a bundle with everything that was put into it', async () => {
  const content = emptyContent()
  const image = addImage(content, 'registry.k8s.io/pause:3.10')
  const arm = addManifest(content, { platform: { os: 'linux', architecture: 'arm64' } })
  nameImage(content, 'quay.io/x/y:1', addIndex(content, [arm], true))
  addChart(content, 'charts/podinfo:6.9.1', gzipSync('a chart'))
  addFile(content, 'kubeadm', Buffer.from('a binary'), 'linux/amd64')
  addAttached(content, 'registry.k8s.io/pause', {
    subject: image,
    artifactType: 'application/spdx',
    bytes: Buffer.from('{}'),
  })
  const { catalog } = await openMemoryBundle(content)
  expect(catalog.entries.map(({ name }) => name.replace(/@.*/, '@'))).toEqual([
    'charts/podinfo:6.9.1',
    'files/kubeadm:linux-amd64',
    'quay.io/x/y:1',
    'registry.k8s.io/pause:3.10',
    'registry.k8s.io/pause@',
  ])
  expect(catalog.repositories.get('registry.k8s.io/pause')?.referrers.get(image.digest)).toHaveLength(1)
})

it('every hook of a memory bundle makes one that is refused', async () => {
  const content = emptyContent()
  addImage(content, 'registry.k8s.io/pause:3.10')
  const refused = [
    { index: (index: Record<string, unknown>) => ({ ...index, manifests: [] }) },
    { subjects: <T>(entries: T[]) => entries.toReversed() },
    { statement: <T extends object>(options: T) => ({ ...options, notAfter: '2026-03-01T12:00:00Z' }) },
    { releaseBytes: (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.from(' ')]) },
    { entries: <T>(entries: T[]) => [...entries, entries[entries.length - 1]!] },
    { header: (header: Uint8Array) => header.with(263, 0x20) },
    { file: (bytes: Buffer) => bytes.subarray(0, -512) },
  ]
  for (const tamper of refused) {
    const file = memoryFile(await writeMemoryBundle(content, { tamper }))
    await expect(openBundle(file, VERIFY), Object.keys(tamper)[0]).rejects.toMatchObject({
      code: expect.stringMatching(/^bundle-/) as string,
    })
  }
})

it('a damaged blob of a memory bundle differs in one bit', async () => {
  const content = emptyContent()
  addImage(content, 'registry.k8s.io/pause:3.10')
  const bundle = await openMemoryBundle(content)
  const [digest] = [...bundle.graph.layers.keys()]
  const before = Buffer.from(bundle.file.bytes)
  damageBlob(bundle, digest!)
  const different = [...before].flatMap((byte, i) => (byte === bundle.file.bytes[i] ? [] : [i]))
  expect(different).toEqual([bundle.places.get(digest!)?.offset])
})
