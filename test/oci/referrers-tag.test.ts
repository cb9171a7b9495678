import { expect, it } from 'vitest'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { parseDocument } from '../../src/oci/document.ts'
import { MEDIA } from '../../src/oci/media-types.ts'
import { mergeReferrers, referrersTag } from '../../src/oci/referrers-tag.ts'

const referrer = (letter: string): Descriptor => ({
  mediaType: MEDIA.ociManifest,
  digest: `sha256:${letter.repeat(64)}`,
  size: 10,
  artifactType: 'application/spdx',
  annotations: { made: 'by a test' },
})
const mergedText = (...args: Parameters<typeof mergeReferrers>): string => {
  const merged = mergeReferrers(...args)
  if (merged.kind !== 'merged') throw new Error(merged.kind)
  return Buffer.from(merged.bytes).toString()
}

it('the tag is the digest with a dash', () => {
  expect(referrersTag(`sha256:${'a'.repeat(64)}`)).toBe(`sha256-${'a'.repeat(64)}`)
})

it('a new list is an index of the referrers, the same in whatever order they came', () => {
  const text = mergedText(undefined, [referrer('b'), referrer('a'), referrer('b')])
  expect(text).toBe(mergedText(undefined, [referrer('a'), referrer('b')]))
  expect(parseDocument(Buffer.from(text), MEDIA.ociIndex, 'test')).toMatchObject({
    manifests: [referrer('a'), referrer('b')],
  })
})

it('what others wrote into the list stays, field for field', () => {
  const other = { ...referrer('f'), data: 'e30=', 'x-unknown': { deep: [1] } }
  const existing = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [other], annotations: { theirs: 'yes' } }
  const bytes = Buffer.from(JSON.stringify(existing))
  const text = mergedText({ mediaType: MEDIA.ociIndex, bytes }, [referrer('a')])
  expect(JSON.parse(text)).toEqual({ ...existing, manifests: [other, referrer('a')] })
})

it('a list that has them all is left alone', () => {
  const bytes = Buffer.from(mergedText(undefined, [referrer('a'), referrer('b')]))
  expect(mergeReferrers({ mediaType: MEDIA.ociIndex, bytes }, [referrer('b')])).toEqual({ kind: 'unchanged' })
})

it('something else under the tag is never replaced', () => {
  const config = { mediaType: MEDIA.ociConfig, digest: `sha256:${'0'.repeat(64)}`, size: 1 }
  const image = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers: [] }
  const existing = { mediaType: MEDIA.ociManifest, bytes: Buffer.from(JSON.stringify(image)) }
  expect(mergeReferrers(existing, [referrer('a')])).toMatchObject({ kind: 'conflict' })
  const broken = { mediaType: MEDIA.ociIndex, bytes: Buffer.from('{"manifests":') }
  expect(mergeReferrers(broken, [referrer('a')])).toMatchObject({ kind: 'conflict' })
})
