import fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestOf, digestOfHex, hexOf, isDigest, newHash, parseDigest } from '../../src/oci/digest.ts'
import { FerryError } from '../../src/errors.ts'

test('the digest of nothing and of abc are the published ones (FIPS 180-4)', () => {
  expect(digestOf('')).toBe('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  expect(digestOf(new TextEncoder().encode('abc'))).toBe(
    'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})

test('a digest comes back from its hex, and from bytes hashed in pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }), (pieces) => {
      const digest = digestOf(Buffer.concat(pieces))
      const hash = newHash()
      for (const piece of pieces) hash.update(piece)
      expect(digestOfHex(hash.digest('hex'))).toBe(digest)
      expect(digestOfHex(hexOf(digest))).toBe(digest)
      expect(parseDigest(digest, 'x')).toBe(digest)
    }),
  )
})

test.each([
  ['upper case', `sha256:${'A'.repeat(64)}`],
  ['another algorithm', `sha512:${'a'.repeat(128)}`],
  ['a digit too few', `sha256:${'a'.repeat(63)}`],
  ['a digit too many', `sha256:${'a'.repeat(65)}`],
  ['a line end behind it', `sha256:${'a'.repeat(64)}\n`],
  ['a path', `sha256:../../../../etc/passwd`],
  ['no text', 3],
  ['nothing', undefined],
  ['a list that looks like one', [`sha256:${'a'.repeat(64)}`]],
])('%s is no digest, and the message says where', (_, value) => {
  expect(isDigest(value)).toBe(false)
  expect(() => parseDigest(value, 'the manifest of a/b:1')).toThrow(/^the manifest of a\/b:1: not a digest/)
})

test('whatever is no digest is refused in one line of bounded length', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.string({ unit: 'binary', maxLength: 300 })), (value) => {
      try {
        parseDigest(value, 'x')
      } catch (error) {
        expect(error).toBeInstanceOf(FerryError)
        expect((error as FerryError).message).not.toMatch(/[\n\r]/)
        expect((error as FerryError).message.length).toBeLessThan(800)
      }
    }),
  )
})
