import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTarget, type Route } from '../../../src/adapters/registry-server/routes.ts'
import { isRepository } from '../../../src/oci/reference.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

function route(target: string): Route {
  return parseTarget(target).route
}

function pathsOf(target: string): readonly string[] | undefined {
  const found = route(target)
  return 'repository' in found ? found.repository.paths : undefined
}

function statusOf(target: string): number | undefined {
  const found = route(target)
  return found.kind === 'refused' ? found.answer.status : undefined
}

describe('a name', () => {
  it('is a path with the upstream host in it', () => {
    expect(pathsOf('/v2/registry.k8s.io/pause/manifests/3.10')).toEqual(['registry.k8s.io/pause'])
  })

  it('is found with the host in ?ns=, and with the host in both places', () => {
    expect(pathsOf('/v2/pause/manifests/3.10?ns=registry.k8s.io')).toContain('registry.k8s.io/pause')
    expect(pathsOf('/v2/registry.k8s.io/pause/manifests/3.10?ns=registry.k8s.io')).toContain('registry.k8s.io/pause')
  })

  it('has the port of a host behind an underscore', () => {
    expect(pathsOf('/v2/team/app/manifests/1?ns=127.0.0.1:5000')).toContain('127.0.0.1_5000/team/app')
    expect(pathsOf('/v2/team/app/manifests/1?ns=127.0.0.1%3A5000')).toContain('127.0.0.1_5000/team/app')
    expect(pathsOf('/v2/a/manifests/1?ns=[::1]:5000')).toContain('0_0_0_0_0_0_0_1_5000/a')
  })

  it('of Docker Hub is docker.io, whatever the host is called', () => {
    for (const host of ['docker.io', 'registry-1.docker.io', 'index.docker.io', 'DOCKER.IO'])
      expect(pathsOf(`/v2/library/nginx/manifests/1?ns=${host}`)).toContain('docker.io/library/nginx')
  })

  it.each(['evil host', '../x', 'a/b', '', 'a\r\nb', 'http://a'])('is refused with ?ns=%j', (host) => {
    expect(statusOf(`/v2/a/manifests/1?ns=${encodeURIComponent(host)}`)).toBe(400)
  })

  it.each(['..', 'A', 'a%2Fb', 'a%00b', 'a%5Cb', '%2e%2e', 'a//b', 'a b', '-a', 'x'.repeat(256)])(
    '%s is refused',
    (name) => {
      for (const rest of ['manifests/1', `blobs/${DIGEST}`, 'tags/list', `referrers/${DIGEST}`])
        expect(statusOf(`/v2/${name}/${rest}`)).toBe(400)
    },
  )
})

it('a digest may come percent-encoded', () => {
  expect(route(`/v2/a/blobs/sha256%3A${'a'.repeat(64)}`)).toMatchObject({ kind: 'blob', digest: DIGEST })
  expect(route(`/v2/a/manifests/sha256%3a${'a'.repeat(64)}`)).toMatchObject({ reference: { digest: DIGEST } })
})

it.each(['sha256:abc', `sha512:${'a'.repeat(128)}`, `sha256:${'A'.repeat(64)}`, `${DIGEST}%0d%0aX: y`])(
  'what is not a digest is refused: %s',
  (digest) => {
    for (const kind of ['blobs', 'manifests', 'referrers']) expect(statusOf(`/v2/a/${kind}/${digest}`)).toBe(400)
  },
)

it('a path may be called like an endpoint', () => {
  expect(pathsOf('/v2/a/blobs/tags/manifests/tags/list')).toEqual(['a/blobs/tags/manifests'])
  expect(pathsOf('/v2/tags/list/manifests/list')).toEqual(['tags/list'])
})

it('a request that names the server in its target is read like any other (RFC 9112, 3.2.2)', () => {
  expect(route('http://mirror.example/v2/')).toEqual({ kind: 'version' })
  expect(route('http://mirror.example')).toEqual({ kind: 'about' })
})

it.each([
  '/v3/',
  '/v2/a',
  '/v2/a/uploads/x',
  '/v2/a/tags/all',
  '/v2/_catalog/x',
  '/files',
  '/files/',
  '/files/..',
  '//',
])('there is nothing at %s', (target) => {
  expect(statusOf(target)).toBe(404)
})

it.each(['/%', '/v2/%zz/manifests/1', '/v2/a/manifests/%ff', '/%c0%ae%c0%ae'])(
  'broken percent-encoding is refused: %s',
  (target) => {
    expect(statusOf(target)).toBe(400)
  },
)

it.each(['*', '*/', '*/v2/', '*[/v2/_catalog', 'ftp://x/v2/'])('a target that is no path is refused: %s', (target) => {
  expect(statusOf(target)).toBe(400)
})

it('whatever a target is, a name that comes out of it is a plain one', () => {
  const part = fc.oneof(
    fc.constantFrom(
      'v2',
      '..',
      '.',
      '',
      'manifests',
      'tags',
      'list',
      'blobs',
      'files',
      '_catalog',
      '%2e%2e',
      '%2f',
      DIGEST,
    ),
    fc.string({ maxLength: 8 }),
    fc.webSegment(),
  )
  const query = fc.oneof(
    fc.constant(''),
    fc.webQueryParameters().map((text) => `?${text}`),
    fc.string().map((text) => `?ns=${text}`),
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 7 }), query, (parts, search) => {
      const found = route(`/${parts.join('/')}${search}`)
      const names = 'repository' in found ? [found.repository.name, ...found.repository.paths] : []
      // A host makes a path of its own, which may be too long to be there.
      for (const name of names) expect(isRepository(name) || name.length > 255).toBe(true)
      if (found.kind === 'file') expect(isRepository(found.name)).toBe(true)
      if (found.kind === 'refused') expect(JSON.stringify(found.answer.headers)).not.toMatch(/\\[rn]/)
    }),
    { numRuns: 500 },
  )
})
