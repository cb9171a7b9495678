import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FerryError } from '../../src/errors.ts'
import {
  chartTag,
  hostAsPath,
  isHost,
  isRegistryHost,
  isRepository,
  isTag,
  nameOf,
  normalHost,
  parseReference,
  referenceText,
  type Reference,
} from '../../src/oci/reference.ts'
import { digestOf } from '../../src/oci/digest.ts'

const DIGEST = digestOf('x')

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?$/)
const port = fc.integer({ min: 1, max: 65535 }).map((n) => `:${n}`)
const ipv6 = fc.ipV6().filter((address) => !address.includes('.'))
const host = fc.oneof(
  fc.constant('localhost'),
  fc.constant('docker.io'),
  fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.')),
  fc.tuple(label, port).map((parts) => parts.join('')),
  fc.tuple(fc.ipV4(), fc.option(port, { nil: '' })).map((parts) => parts.join('')),
  fc.tuple(ipv6, fc.option(port, { nil: '' })).map(([address, end]) => `[${address.toLowerCase()}]${end}`),
)
const component = fc.stringMatching(/^[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}$/)
const repository = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/)
const references: fc.Arbitrary<Reference> = fc
  .record({
    registry: host.map(normalHost),
    repository,
    tag: fc.option(tag),
    digest: fc.option(fc.string().map(digestOf)),
  })
  .map(({ registry, repository, tag, digest }) => ({
    registry,
    repository: registry === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository,
    ...(tag !== null ? { tag } : digest === null ? { tag: 'latest' } : {}),
    ...(digest !== null && { digest }),
  }))

describe('names as people write them', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.29', 'docker.io/library/nginx:1.29'],
    ['library/nginx', 'docker.io/library/nginx:latest'],
    ['grafana/grafana:11.0.0', 'docker.io/grafana/grafana:11.0.0'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['registry-1.docker.io/a/b:1', 'docker.io/a/b:1'],
    ['Docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    ['localhost/a', 'localhost/a:latest'],
    ['host:5000/a', 'host:5000/a:latest'],
    ['HOST:5000/a', 'host:5000/a:latest'],
    ['127.0.0.1:5000/team/app:1', '127.0.0.1:5000/team/app:1'],
    ['[::1]:5000/a:1', '[::1]:5000/a:1'],
    [`quay.io/x/y@${DIGEST}`, `quay.io/x/y@${DIGEST}`],
    [`nginx:1.29@${DIGEST}`, `docker.io/library/nginx:1.29@${DIGEST}`],
  ])('%s is %s', (text, full) => expect(referenceText(parseReference(text))).toBe(full))

  test.each([
    ['nothing', ''],
    ['a URL', 'https://quay.io/a/b'],
    ['capital letters in the path', 'quay.io/A/b'],
    ['capital letters in what could be a host', 'Foo/bar'],
    ['an empty tag', 'a:'],
    ['an empty digest', 'a@'],
    ['a digest with another algorithm', `a@sha512:${'a'.repeat(128)}`],
    ['two digests', `a@${DIGEST}@${DIGEST}`],
    ['a tag behind the digest', `a@${DIGEST}:1`],
    ['two tags', 'a:1:2'],
    ['a path that climbs', 'quay.io/../a'],
    ['an empty component', 'quay.io//a'],
    ['a component that begins with _', 'quay.io/_a'],
    ['a slash at the end', 'quay.io/a/'],
    ['no path', 'quay.io/'],
    ['port 0', 'host:0/a'],
    ['port 65536', 'host:65536/a'],
    ['a port of letters', 'host:http/a'],
    ['a host that ends with -', 'a-.example/b'],
    ['a broken IPv6 address', '[:::1]:5000/a'],
    ['an IPv6 address with nine groups', '[1:2:3:4:5:6:7:8:9]/a'],
    ['an IPv6 address with two gaps', '[1::2::3]/a'],
    ['a line end in the tag', 'a:1\n'],
    ['a line end in the path', 'quay.io/a\r\n'],
    ['a NUL', 'quay.io/a\0'],
    ['a tag of 129 characters', `a:${'x'.repeat(129)}`],
    ['a name of 300 characters', `quay.io/${'a'.repeat(300)}`],
  ])('%s is refused', (_, text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'config-invalid' }) as Error)
  })

  test('a message never shows a password', () => {
    expect(() => parseReference('https://me:secret@quay.io/a')).toThrow(/https:\/\/\*\*\*@quay\.io/)
    expect(() => parseReference('https://me:secret@quay.io/a')).not.toThrow(/secret/)
  })
})

describe('for any reference', () => {
  test('its text is read as itself', () => {
    fc.assert(
      fc.property(references, (reference) => {
        expect(parseReference(referenceText(reference))).toEqual(reference)
      }),
      { numRuns: 500 },
    )
  })

  test('its parts fit in a registry, its host as a path too', () => {
    fc.assert(
      fc.property(references, (reference) => {
        expect(isRegistryHost(reference.registry)).toBe(true)
        expect(isRepository(`${hostAsPath(reference.registry)}/${reference.repository}`)).toBe(true)
        expect(reference.tag === undefined || isTag(reference.tag)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('different registries have different paths', () => {
    fc.assert(
      fc.property(host, host, (a, b) => {
        fc.pre(a !== b && !a.startsWith('['))
        expect(hostAsPath(a)).not.toBe(hostAsPath(b))
      }),
    )
  })
})

test('arbitrary text never throws anything but the error for people, and what is read is read again as the same', () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '0',
    '.',
    '-',
    '_',
    '__',
    ':',
    '/',
    '@',
    '[',
    ']',
    '::',
    'sha256:',
    DIGEST,
    'docker.io',
    ' ',
    '\n',
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
  )
  fc.assert(
    fc.property(text, (text) => {
      let reference
      try {
        reference = parseReference(text)
      } catch (error) {
        expect(error).toBeInstanceOf(FerryError)
        return
      }
      expect(parseReference(referenceText(reference))).toEqual(reference)
    }),
    { numRuns: 3000 },
  )
})

describe('hosts', () => {
  test.each([
    ['registry.k8s.io', 'registry.k8s.io'],
    ['127.0.0.1:5000', '127.0.0.1_5000'],
    ['[::1]:5000', '0_0_0_0_0_0_0_1_5000'],
    ['[2001:db8::00a:1]', '2001_db8_0_0_0_0_a_1'],
    ['[2001:0db8:0:0:0:0:a:1]', '2001_db8_0_0_0_0_a_1'],
  ])('%s is the path %s', (registry, path) => expect(hostAsPath(registry)).toBe(path))

  test('need a dot or a port, or are localhost, to begin a name', () => {
    expect(['a', 'a.b', 'a:1', 'localhost', '[::1]'].map(isRegistryHost)).toEqual([false, true, true, true, true])
    expect(['a', 'a.b:1', 'A', 'a/b', '', ':1', '[]', 'a:'].map(isHost)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      false,
      false,
    ])
  })
})

test('a chart version becomes a tag as Helm makes it', () => {
  expect(chartTag('1.2.3+build.5+x')).toBe('1.2.3_build.5_x')
})

test('the name of a reference has neither tag nor digest', () => {
  expect(nameOf(parseReference(`nginx:1@${DIGEST}`))).toBe('docker.io/library/nginx')
})
