import { expect, it } from 'vitest'
import { digestOf, type Digest } from '../../src/oci/digest.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { parseDocument, type Document } from '../../src/oci/document.ts'
import { absentBelow, filterIndex } from '../../src/oci/filtered-index.ts'
import { MEDIA } from '../../src/oci/media-types.ts'

const ANYWHERE = `sha256:${'0'.repeat(64)}`

class Documents extends Map<Digest, { readonly document: Document; readonly bytes: Uint8Array }> {
  put(mediaType: string, text: string): Descriptor {
    const bytes = Buffer.from(text)
    const digest = digestOf(bytes)
    this.set(digest, { bytes, document: parseDocument(bytes, mediaType, 'test') })
    return { mediaType, digest, size: bytes.length }
  }
  manifest(name: string): Descriptor {
    const config = { mediaType: MEDIA.ociConfig, digest: ANYWHERE, size: 1 }
    const value = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers: [], annotations: { name } }
    return this.put(MEDIA.ociManifest, JSON.stringify(value))
  }
  index(manifests: readonly object[], more: object = {}): Descriptor {
    const value = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests, ...more }
    return this.put(MEDIA.ociIndex, JSON.stringify(value, undefined, 3))
  }
}

const absentOf = (letter: string, more: object = {}): Descriptor => ({
  mediaType: MEDIA.ociManifest,
  digest: `sha256:${letter.repeat(64)}`,
  size: 7,
  ...more,
})

it('what is there stays, in its order and field for field, and the rest of the index as well', () => {
  const documents = new Documents()
  const a = { ...documents.manifest('a'), platform: { os: 'linux', architecture: 'amd64', future: ['x'] }, urls: [] }
  const b = { ...documents.manifest('b'), annotations: { k: 'v' } }
  const root = documents.index([b, absentOf('d'), a, absentOf('e')], { annotations: { of: 'the index' }, unknown: 1 })
  const { root: filtered, documents: written } = filterIndex({ ...root, annotations: { ref: 'name' } }, documents)
  expect(written).toHaveLength(1)
  const [{ bytes, descriptor }] = written as [(typeof written)[0]]
  expect(JSON.parse(Buffer.from(bytes).toString())).toEqual({
    schemaVersion: 2,
    mediaType: MEDIA.ociIndex,
    manifests: [b, a],
    annotations: { of: 'the index' },
    unknown: 1,
  })
  expect(descriptor).toEqual(filtered)
  expect(filtered).toMatchObject({ mediaType: MEDIA.ociIndex, digest: digestOf(bytes), size: bytes.length })
})

it('the same index always gives the same bytes', () => {
  const documents = new Documents()
  const root = documents.index([documents.manifest('a'), absentOf('d')])
  expect(filterIndex(root, documents)).toEqual(filterIndex(root, documents))
})

it('a Docker manifest list stays one', () => {
  const documents = new Documents()
  const child = documents.manifest('a')
  const root = documents.put(
    MEDIA.dockerList,
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.dockerList, manifests: [child, absentOf('d')] }),
  )
  const { root: filtered, documents: written } = filterIndex(root, documents)
  expect(filtered.mediaType).toBe(MEDIA.dockerList)
  expect(parseDocument(written[0]!.bytes, MEDIA.dockerList, 'test')).toMatchObject({ manifests: [child] })
})

it('an index inside an index is filtered first, and one with nothing left goes', () => {
  const documents = new Documents()
  const a = documents.manifest('a')
  const inner = documents.index([a, absentOf('d')])
  const empty = documents.index([absentOf('e')])
  const root = documents.index([inner, empty, a])
  const { documents: written, root: filtered } = filterIndex(root, documents)
  expect(written.map(({ descriptor }) => descriptor.digest)).toEqual([written[0]!.descriptor.digest, filtered.digest])
  const outer = parseDocument(written[1]!.bytes, MEDIA.ociIndex, 'test')
  expect(outer).toMatchObject({ manifests: [{ digest: written[0]!.descriptor.digest }, { digest: a.digest }] })
  expect(absentBelow(root, documents).map(({ digest }) => digest[7])).toEqual(['d', 'e'])
})

it('a complete index is nothing to filter, and one without anything there cannot be', () => {
  const documents = new Documents()
  const complete = documents.index([documents.manifest('a')])
  expect(absentBelow(complete, documents)).toEqual([])
  expect(filterIndex(complete, documents)).toEqual({ root: complete, documents: [] })
  expect(() => filterIndex(documents.index([absentOf('d')]), documents)).toThrow(/none of the manifests/)
})
