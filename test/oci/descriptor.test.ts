import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FerryError } from '../../src/errors.ts'
import { parseDescriptor, parsePlatformText, platformMatches, platformText } from '../../src/oci/descriptor.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { MEDIA } from '../../src/oci/media-types.ts'

const PLAIN = { mediaType: MEDIA.ociManifest, digest: digestOf('x'), size: 5 }

describe('a descriptor', () => {
  test('keeps what Ferry knows and drops the rest: urls are never followed, data never used', () => {
    const full = {
      ...PLAIN,
      platform: { os: 'linux', architecture: 'arm', variant: 'v7', 'os.version': '1', 'os.features': ['a'] },
      artifactType: 'application/x',
      annotations: { a: 'b' },
    }
    expect(parseDescriptor({ ...full, urls: ['http://169.254.169.254/'], data: 'AAAA', more: 1 }, 'x')).toEqual(full)
  })

  test('carries annotations as they are, line ends too', () => {
    const annotations = JSON.parse('{"org.example.note": "two\\r\\nlines", "__proto__": "x"}') as unknown
    expect(parseDescriptor({ ...PLAIN, annotations }, 'x').annotations).toEqual(annotations)
  })

  test('may say null for what it leaves out, as Go programs do', () => {
    const nulls = { platform: null, annotations: null, artifactType: null }
    expect(parseDescriptor({ ...PLAIN, ...nulls }, 'x')).toEqual(PLAIN)
    expect(parseDescriptor({ ...PLAIN, platform: { os: 'linux', architecture: 'amd64', variant: null } }, 'x')).toEqual(
      {
        ...PLAIN,
        platform: { os: 'linux', architecture: 'amd64' },
      },
    )
  })

  test.each([
    ['no object', [PLAIN], 'is not an object'],
    ['a digest that is a path', { ...PLAIN, digest: 'sha256:../../x' }, 'not a digest'],
    ['a size below zero', { ...PLAIN, size: -1 }, 'not a number of bytes'],
    ['a broken size', { ...PLAIN, size: 1.5 }, 'not a number of bytes'],
    ['a size as text', { ...PLAIN, size: '5' }, 'not a number of bytes'],
    ['a size beyond belief', { ...PLAIN, size: 2 ** 41 }, 'not a number of bytes'],
    ['no size', { ...PLAIN, size: undefined }, 'not a number of bytes'],
    ['no media type', { ...PLAIN, mediaType: undefined }, 'no usable mediaType'],
    ['a media type with a line end', { ...PLAIN, mediaType: 'a/b\r\nX-Evil: 1' }, 'no usable mediaType'],
    ['a media type that no header can carry', { ...PLAIN, mediaType: 'a/ü' }, 'no usable mediaType'],
    ['a very long media type', { ...PLAIN, mediaType: 'a'.repeat(256) }, 'no usable mediaType'],
    ['an artifact type with a line end', { ...PLAIN, artifactType: 'a\nb' }, 'artifactType is not a short plain text'],
    ['a platform with a terminal code', { ...PLAIN, platform: { os: '\u001b[2J' } }, 'os is not a short plain text'],
    ['an annotation that is no text', { ...PLAIN, annotations: { a: 1 } }, '"a" is not a text'],
  ])('with %s is refused by name', (_, value, reason) => {
    expect(() => parseDescriptor(value, 'a/b:1')).toThrow(expect.objectContaining({ code: 'content-invalid' }) as Error)
    expect(() => parseDescriptor(value, 'a/b:1')).toThrow(reason)
    expect(() => parseDescriptor(value, 'a/b:1')).toThrow(/^a\/b:1/)
  })

  test('of any JSON is parsed or refused, and a parsed one is parsed to itself', () => {
    const near = fc.record(
      {
        mediaType: fc.oneof(fc.string(), fc.constant(MEDIA.ociManifest)),
        digest: fc.oneof(fc.string(), fc.string().map(digestOf)),
        size: fc.oneof(fc.double(), fc.nat()),
        platform: fc.jsonValue(),
        annotations: fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.string())),
        artifactType: fc.oneof(fc.string(), fc.jsonValue()),
      },
      { requiredKeys: ['digest'] },
    )
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), near), (value) => {
        let descriptor
        try {
          descriptor = parseDescriptor(value, 'x')
        } catch (error) {
          expect(error).toBeInstanceOf(FerryError)
          return
        }
        expect(parseDescriptor(descriptor, 'x')).toEqual(descriptor)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a platform', () => {
  test.each(['linux/amd64', 'linux/arm/v7', 'windows/amd64'])('%s comes back from its text', (text) => {
    expect(platformText(parsePlatformText(text)!)).toBe(text)
  })
  test.each(['linux', 'linux/', '/amd64', 'Linux/amd64', 'linux/amd64/v1/x', 'linux/amd64\n', 'linux amd64', ''])(
    '%j is none',
    (text) => expect(parsePlatformText(text)).toBeUndefined(),
  )
  test.each([
    ['linux/amd64', 'linux/amd64', true],
    ['linux/amd64', 'linux/arm64', false],
    ['linux/amd64', 'windows/amd64', false],
    ['linux/arm', 'linux/arm/v7', true],
    ['linux/arm/v7', 'linux/arm/v6', false],
    ['linux/arm/v7', 'linux/arm', false],
    ['linux/arm64', 'linux/arm64/v8', true],
    ['linux/arm64/v8', 'linux/arm64', true],
  ])('wanted as %s, an image for %s will do: %s', (wanted, have, will) => {
    expect(platformMatches(parsePlatformText(wanted)!, parsePlatformText(have)!)).toBe(will)
  })
})
