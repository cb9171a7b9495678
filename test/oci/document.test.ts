import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FerryError } from '../../src/errors.ts'
import { digestOf } from '../../src/oci/digest.ts'
import {
  childrenOf,
  isRunnable,
  MAX_DESCRIPTORS,
  MAX_DOCUMENT_BYTES,
  parseDocument,
  sniffMediaType,
} from '../../src/oci/document.ts'
import { MEDIA } from '../../src/oci/media-types.ts'

const CONFIG = { mediaType: MEDIA.ociConfig, digest: digestOf('config'), size: 1 }
const LAYER = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digestOf('layer'), size: 2 }
const CHILD = { mediaType: MEDIA.ociManifest, digest: digestOf('child'), size: 3 }
const MANIFEST = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config: CONFIG, layers: [LAYER] }
const INDEX = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [CHILD] }

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

describe('a document', () => {
  test('that is a manifest names its config and layers', () => {
    const document = parseDocument(
      bytes({ ...MANIFEST, subject: CHILD, annotations: { a: 'b' } }),
      MEDIA.ociManifest,
      'x',
    )
    expect(document).toEqual({
      kind: 'manifest',
      mediaType: MEDIA.ociManifest,
      artifactType: MEDIA.ociConfig,
      config: CONFIG,
      layers: [LAYER],
      subject: CHILD,
      annotations: { a: 'b' },
    })
    expect(childrenOf(document)).toEqual([CONFIG, LAYER])
  })

  test('that is an index names its manifests', () => {
    const document = parseDocument(bytes({ ...INDEX, artifactType: 'a/b' }), MEDIA.ociIndex, 'x')
    expect(document).toEqual({ kind: 'index', mediaType: MEDIA.ociIndex, artifactType: 'a/b', manifests: [CHILD] })
    expect(childrenOf(document)).toEqual([CHILD])
  })

  test('may be of either family, and may leave its media type out', () => {
    for (const type of [MEDIA.ociManifest, MEDIA.dockerManifest])
      expect(parseDocument(bytes({ ...MANIFEST, mediaType: undefined }), type, 'x').mediaType).toBe(type)
    for (const type of [MEDIA.ociIndex, MEDIA.dockerList])
      expect(parseDocument(bytes({ ...INDEX, mediaType: type }), type, 'x').kind).toBe('index')
  })

  test('of an artifact has its own type', () => {
    const artifact = {
      ...MANIFEST,
      artifactType: 'application/spdx+json',
      config: { ...CONFIG, mediaType: MEDIA.ociEmpty },
    }
    expect(parseDocument(bytes(artifact), MEDIA.ociManifest, 'x')).toMatchObject({
      artifactType: 'application/spdx+json',
    })
  })

  test('carries line ends in annotations as they are', () => {
    const annotations = { note: 'two\r\nlines' }
    expect(parseDocument(bytes({ ...MANIFEST, annotations }), MEDIA.ociManifest, 'x').annotations).toEqual(annotations)
  })

  test('may say null for a subject it has not', () => {
    expect(parseDocument(bytes({ ...MANIFEST, subject: null }), MEDIA.ociManifest, 'x')).not.toHaveProperty('subject')
  })

  test('of 4 MiB and 10 000 entries is read', () => {
    const manifests = Array.from({ length: MAX_DESCRIPTORS }, () => CHILD)
    const text = JSON.stringify({ ...INDEX, manifests })
    const padded = new TextEncoder().encode(text.padEnd(MAX_DOCUMENT_BYTES))
    expect(childrenOf(parseDocument(padded, MEDIA.ociIndex, 'x'))).toHaveLength(10_000)
  })
})

describe('refused by name is', () => {
  const big = new Uint8Array(MAX_DOCUMENT_BYTES + 1).fill(0x20)
  const many = Array.from({ length: MAX_DESCRIPTORS + 1 }, () => LAYER)
  test.each<[string, Uint8Array, string, string]>([
    ['more than 4 MiB', big, MEDIA.ociManifest, '4194305 bytes; at most 4194304'],
    ['more than 10 000 layers', bytes({ ...MANIFEST, layers: many }), MEDIA.ociManifest, '10001 entries'],
    ['more than 10 000 manifests', bytes({ ...INDEX, manifests: many }), MEDIA.ociIndex, '10001 entries'],
    ['an index that is a manifest too', bytes({ ...INDEX, layers: [] }), MEDIA.ociIndex, 'at once'],
    ['a manifest that is an index too', bytes({ ...MANIFEST, manifests: [] }), MEDIA.ociManifest, 'at once'],
    ['an index with a config', bytes({ ...INDEX, config: CONFIG }), MEDIA.ociIndex, 'at once'],
    ['a manifest that came as an index', bytes(MANIFEST), MEDIA.ociIndex, 'but it came as'],
    ['an index that came as a manifest', bytes(INDEX), MEDIA.dockerManifest, 'but it came as'],
    ['an OCI manifest that came as a Docker one', bytes(MANIFEST), MEDIA.dockerManifest, 'but it came as'],
    [
      'a layer list that came as an index',
      bytes({ ...MANIFEST, mediaType: undefined }),
      MEDIA.ociIndex,
      'manifests is not a list',
    ],
    ['a schema 1 manifest', bytes({ schemaVersion: 1, fsLayers: [] }), MEDIA.ociManifest, 'schema 1'],
    ['a schema 1 media type', bytes(MANIFEST), MEDIA.dockerSchema1Signed, 'schema 1'],
    ['schema 1 in a mask', bytes({ ...MANIFEST, fsLayers: [] }), MEDIA.ociManifest, 'schema 1'],
    ['another schema', bytes({ ...MANIFEST, schemaVersion: 3 }), MEDIA.ociManifest, 'schemaVersion is not 2'],
    ['an unknown kind', bytes(MANIFEST), 'text/html', 'unknown kind of manifest: text/html'],
    ['no JSON', new TextEncoder().encode('<html>'), MEDIA.ociManifest, 'not JSON'],
    ['no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), MEDIA.ociManifest, 'not JSON'],
    ['a list', bytes([MANIFEST]), MEDIA.ociManifest, 'is not an object'],
    [
      'a manifest without config',
      bytes({ ...MANIFEST, config: undefined }),
      MEDIA.ociManifest,
      'config is not an object',
    ],
    ['a manifest without layers', bytes({ ...MANIFEST, layers: {} }), MEDIA.ociManifest, 'layers is not a list'],
    ['a manifest as a layer', bytes({ ...MANIFEST, layers: [CHILD] }), MEDIA.ociManifest, 'names another manifest'],
    [
      'an index as a config',
      bytes({ ...MANIFEST, config: { ...CHILD, mediaType: MEDIA.ociIndex } }),
      MEDIA.ociManifest,
      'names another manifest',
    ],
    [
      'a layer without a digest',
      bytes({ ...MANIFEST, layers: [LAYER, { ...LAYER, digest: 'x' }] }),
      MEDIA.ociManifest,
      'layers[1]: not a digest',
    ],
    [
      'a subject that is a path',
      bytes({ ...MANIFEST, subject: { ...CHILD, digest: '../x' } }),
      MEDIA.ociManifest,
      'subject: not a digest',
    ],
  ])('%s', (_, content, type, reason) => {
    const parse = (): unknown => parseDocument(content, type, 'quay.io/a/b:1')
    expect(parse).toThrow(expect.objectContaining({ code: 'content-invalid' }) as Error)
    expect(parse).toThrow(reason)
    expect(parse).toThrow(/^quay\.io\/a\/b:1/)
  })

  test('anything else that is hostile: no bytes bring out another error', () => {
    const parts = fc.record(
      {
        schemaVersion: fc.constantFrom(1, 2, '2', null),
        mediaType: fc.constantFrom(MEDIA.ociManifest, MEDIA.ociIndex, null, 3),
        config: fc.oneof(fc.constant(CONFIG), fc.jsonValue()),
        layers: fc.oneof(fc.array(fc.oneof(fc.constant(LAYER), fc.jsonValue())), fc.jsonValue()),
        manifests: fc.oneof(fc.array(fc.constant(CHILD)), fc.jsonValue()),
        subject: fc.jsonValue(),
        annotations: fc.jsonValue(),
        artifactType: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    const content = fc.oneof(fc.uint8Array(), fc.jsonValue().map(bytes), parts.map(bytes))
    fc.assert(
      fc.property(content, fc.constantFrom(MEDIA.ociManifest, MEDIA.ociIndex), (content, type) => {
        try {
          parseDocument(content, type, 'x')
        } catch (error) {
          expect(error).toBeInstanceOf(FerryError)
        }
        sniffMediaType(content)
      }),
      { numRuns: 1000 },
    )
  })

  test('deep nesting does not exhaust the stack', () => {
    const deep = new TextEncoder().encode('['.repeat(2_000_000))
    expect(() => parseDocument(deep, MEDIA.ociManifest, 'x')).toThrow(FerryError)
    expect(sniffMediaType(deep)).toBeUndefined()
  })
})

test('untyped bytes are recognised by their form', () => {
  expect(sniffMediaType(bytes(MANIFEST))).toBe(MEDIA.ociManifest)
  expect(sniffMediaType(bytes({ ...MANIFEST, mediaType: undefined }))).toBe(MEDIA.ociManifest)
  expect(sniffMediaType(bytes({ ...INDEX, mediaType: undefined }))).toBe(MEDIA.ociIndex)
  expect(sniffMediaType(bytes({ schemaVersion: 1 }))).toBe(MEDIA.dockerSchema1)
  expect(sniffMediaType(bytes({}))).toBeUndefined()
  expect(sniffMediaType(bytes([]))).toBeUndefined()
  expect(sniffMediaType(new TextEncoder().encode('<html>'))).toBeUndefined()
})

test('an attestation in an index is nothing to run', () => {
  const descriptor = { ...CHILD, platform: { os: 'linux', architecture: 'amd64' } }
  expect(isRunnable(descriptor)).toBe(true)
  expect(isRunnable({ ...descriptor, platform: { os: 'unknown', architecture: 'unknown' } })).toBe(false)
  expect(isRunnable({ ...descriptor, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } })).toBe(
    false,
  )
  expect(isRunnable(LAYER)).toBe(false)
})
