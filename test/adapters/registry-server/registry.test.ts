import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { OpenBundle } from '../../../src/bundle/open-bundle.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import { MEDIA } from '../../../src/oci/media-types.ts'
import { openMemoryBundle } from '../../fakes/memory-bundle.ts'
import {
  addAttached,
  addChart,
  addFile,
  addImage,
  addIndex,
  addManifest,
  emptyContent,
  nameImage,
} from '../../fakes/memory-content.ts'
import { ask, askJson } from './ask.ts'
import { serveTest } from './serving.ts'

const LAYER = Buffer.from('0123456789')

const content = emptyContent()
const pause = addImage(content, 'registry.k8s.io/pause:3.10', { layers: [LAYER] })
addImage(content, 'registry.k8s.io/pause:3.9', { layers: [LAYER, Buffer.from('old')] })
addImage(content, 'registry.k8s.io/pause:Latest')
const nginx = addImage(content, 'docker.io/library/nginx:1.29', { docker: true })
addImage(content, '127.0.0.1:5000/team/app:v1')
const arm = addManifest(content, { platform: { os: 'linux', architecture: 'arm64' } })
const leftOut = { ...arm, digest: digestOf('left out'), platform: { os: 'linux', architecture: 's390x' } }
const sparse = nameImage(content, 'quay.io/x/multi:1', addIndex(content, [arm, leftOut]))
addChart(content, 'charts/podinfo:6.9.1', gzipSync('a chart'))
const sbom = { subject: pause, artifactType: 'application/spdx+json', bytes: Buffer.from('{"spdx":1}') }
const attached = addAttached(content, 'registry.k8s.io/pause', sbom)
addAttached(content, 'registry.k8s.io/pause', { ...sbom, artifactType: 'application/vnd.x.signature', bytes: LAYER })
addFile(content, 'kubeadm', Buffer.from('for amd64'), 'linux/amd64')
addFile(content, 'kubeadm', Buffer.from('for arm v7'), 'linux/arm/v7')
addFile(content, 'handbook', Buffer.from('for all'))
addFile(content, 'mixed', Buffer.from('mixed any'))
addFile(content, 'mixed', Buffer.from('mixed amd64'), 'linux/amd64')
addFile(content, 'only', Buffer.from('only arm64'), 'linux/arm64')

const bundle: Promise<OpenBundle> = openMemoryBundle(content)
const serve = async (): Promise<string> => (await serveTest([await bundle])).url

const ERROR = (code: string): unknown => ({ errors: [expect.objectContaining({ code })] })

describe('manifests', () => {
  it('come by tag and by digest, byte for byte, with their type and digest', async () => {
    const url = await serve()
    for (const reference of ['3.10', pause.digest]) {
      const { status, headers, body } = await ask(url, `/v2/registry.k8s.io/pause/manifests/${reference}`)
      expect(status).toBe(200)
      expect(digestOf(body)).toBe(pause.digest)
      expect(headers).toMatchObject({
        'content-type': MEDIA.ociManifest,
        'content-length': String(pause.size),
        'docker-content-digest': pause.digest,
        etag: `"${pause.digest}"`,
      })
    }
  })

  it('of Docker type keep it, whatever the client says it accepts', async () => {
    const url = await serve()
    const { headers, body } = await ask(url, '/v2/docker.io/library/nginx/manifests/1.29', {
      headers: { accept: MEDIA.ociManifest },
    })
    expect(headers['content-type']).toBe(MEDIA.dockerManifest)
    expect(digestOf(body)).toBe(nginx.digest)
  })

  it('HEAD has the headers of GET and no body', async () => {
    const url = await serve()
    const got = await ask(url, '/v2/registry.k8s.io/pause/manifests/3.10')
    const head = await ask(url, '/v2/registry.k8s.io/pause/manifests/3.10', { method: 'HEAD' })
    expect(head.body).toHaveLength(0)
    expect({ ...head.headers, date: '' }).toEqual({ ...got.headers, date: '' })
  })

  it('are not sent again to who has them', async () => {
    const url = await serve()
    for (const tag of [`"${pause.digest}"`, `W/"${pause.digest}"`, '*', `"x", "${pause.digest}"`]) {
      const reply = await ask(url, '/v2/registry.k8s.io/pause/manifests/3.10', { headers: { 'if-none-match': tag } })
      expect([reply.status, reply.body.length]).toEqual([304, 0])
    }
    const other = await ask(url, '/v2/registry.k8s.io/pause/manifests/3.10', { headers: { 'if-none-match': '"x"' } })
    expect(other.status).toBe(200)
  })

  it('of a sparse index: the index as it is, what is there of it, and 404 for what was left out', async () => {
    const url = await serve()
    const index = await ask(url, '/v2/quay.io/x/multi/manifests/1')
    expect(digestOf(index.body)).toBe(sparse.digest)
    expect((await ask(url, `/v2/quay.io/x/multi/manifests/${arm.digest}`)).status).toBe(200)
    const missing = await ask(url, `/v2/quay.io/x/multi/manifests/${leftOut.digest}`)
    expect(missing.status).toBe(404)
    expect(missing.body.toString()).toMatch(/MANIFEST_UNKNOWN.*left out/)
  })

  it('belong to their repository: another one does not have them', async () => {
    const url = await serve()
    expect((await ask(url, `/v2/quay.io/x/multi/manifests/${pause.digest}`)).status).toBe(404)
    expect((await ask(url, `/v2/quay.io/x/multi/blobs/${digestOf(LAYER)}`)).status).toBe(404)
  })

  it('of an unknown repository or tag: an error that says so', async () => {
    const url = await serve()
    expect(await askJson(url, '/v2/quay.io/nothing/manifests/1')).toEqual(ERROR('NAME_UNKNOWN'))
    expect(await askJson(url, '/v2/quay.io/x/multi/manifests/2')).toEqual(ERROR('MANIFEST_UNKNOWN'))
    expect(await askJson(url, `/v2/quay.io/x/multi/blobs/${digestOf('x')}`)).toEqual(ERROR('BLOB_UNKNOWN'))
  })

  it('a short name of Docker Hub is not guessed', async () => {
    const url = await serve()
    expect((await ask(url, '/v2/docker.io/nginx/manifests/1.29')).status).toBe(404)
    expect((await ask(url, '/v2/library/nginx/manifests/1.29?ns=docker.io')).status).toBe(200)
  })

  it('are found under the names that containerd asks for', async () => {
    const url = await serve()
    for (const target of [
      '/v2/team/app/manifests/v1?ns=127.0.0.1:5000',
      '/v2/127.0.0.1_5000/team/app/manifests/v1?ns=127.0.0.1:5000',
      '/v2/127.0.0.1_5000/team/app/manifests/v1',
    ])
      expect((await ask(url, target)).status).toBe(200)
  })
})

describe('blobs', () => {
  const target = `/v2/registry.k8s.io/pause/blobs/${digestOf(LAYER)}`

  it('come whole, with their size and digest', async () => {
    const { status, headers, body } = await ask(await serve(), target)
    expect([status, body]).toEqual([200, LAYER])
    expect(headers).toMatchObject({
      'content-length': '10',
      'docker-content-digest': digestOf(LAYER),
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
    })
  })

  it('HEAD tells the size without reading anything', async () => {
    const { status, headers, body } = await ask(await serve(), target, { method: 'HEAD' })
    expect([status, headers['content-length'], body.length]).toEqual([200, '10', 0])
  })

  it.each([
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=3-5', '345', 'bytes 3-5/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-2', '89', 'bytes 8-9/10'],
    ['bytes=0-', '0123456789', 'bytes 0-9/10'],
  ])('%s is answered with that part', async (range, text, contentRange) => {
    const { status, headers, body } = await ask(await serve(), target, { headers: { range } })
    expect([status, body.toString(), headers['content-range']]).toEqual([206, text, contentRange])
    expect(headers['content-length']).toBe(String(text.length))
  })

  it('a range behind the end is answered with 416 and the size', async () => {
    const { status, headers, body } = await ask(await serve(), target, { headers: { range: 'bytes=10-' } })
    expect([status, headers['content-range'], body.length]).toEqual([416, 'bytes */10', 0])
  })

  it('several ranges, nonsense and HEAD are answered with all of it', async () => {
    const url = await serve()
    for (const range of ['bytes=0-1,3-4', 'nonsense'])
      expect((await ask(url, target, { headers: { range } })).status).toBe(200)
    const head = await ask(url, target, { method: 'HEAD', headers: { range: 'bytes=0-1' } })
    expect([head.status, head.headers['content-length']]).toEqual([200, '10'])
  })

  it('a range is given only of the content it was begun with', async () => {
    const url = await serve()
    const range = 'bytes=7-'
    const same = await ask(url, target, { headers: { range, 'if-range': `"${digestOf(LAYER)}"` } })
    expect([same.status, same.body.toString()]).toEqual([206, '789'])
    for (const other of ['"x"', `W/"${digestOf(LAYER)}"`, 'Wed, 21 Oct 2015 07:28:00 GMT'])
      expect((await ask(url, target, { headers: { range, 'if-range': other } })).status).toBe(200)
  })

  it('are not sent again to who has them', async () => {
    const headers = { 'if-none-match': `"${digestOf(LAYER)}"`, range: 'bytes=0-1' }
    expect((await ask(await serve(), target, { headers })).status).toBe(304)
  })
})

describe('lists', () => {
  it('all repositories, in order', async () => {
    expect(await askJson(await serve(), '/v2/_catalog')).toEqual({
      repositories: [
        '127.0.0.1_5000/team/app',
        'charts/podinfo',
        'docker.io/library/nginx',
        'files/handbook',
        'files/kubeadm',
        'files/mixed',
        'files/only',
        'quay.io/x/multi',
        'registry.k8s.io/pause',
      ],
    })
  })

  it('following the links comes by every repository once', async () => {
    const url = await serve()
    const seen: string[] = []
    let next: string | undefined = '/v2/_catalog?n=2'
    while (next !== undefined) {
      const { headers, body } = await ask(url, next)
      seen.push(...(JSON.parse(body.toString()) as { repositories: string[] }).repositories)
      next = /^<([^>]+)>; rel="next"$/.exec(String(headers['link']))?.[1]
    }
    expect(seen).toEqual(((await askJson(url, '/v2/_catalog')) as { repositories: string[] }).repositories)
  })

  it('all tags, in order without regard to case', async () => {
    expect(await askJson(await serve(), '/v2/registry.k8s.io/pause/tags/list')).toEqual({
      name: 'registry.k8s.io/pause',
      tags: ['3.10', '3.9', 'Latest'],
    })
  })

  it('a page of tags behind `last`, which need not be there, and a link that keeps ?ns=', async () => {
    const url = await serve()
    const { headers, body } = await ask(url, '/v2/pause/tags/list?ns=registry.k8s.io&n=1&last=3.0')
    expect(JSON.parse(body.toString())).toEqual({ name: 'pause', tags: ['3.10'] })
    expect(headers['link']).toBe('</v2/pause/tags/list?n=1&last=3.10&ns=registry.k8s.io>; rel="next"')
    expect(await askJson(url, '/v2/pause/tags/list?n=1&last=3.10&ns=registry.k8s.io')).toMatchObject({ tags: ['3.9'] })
    expect(await askJson(url, '/v2/pause/tags/list?n=5&last=3.9&ns=registry.k8s.io')).toMatchObject({
      tags: ['Latest'],
    })
  })

  it('no results are no results, and have no link', async () => {
    const { headers, body } = await ask(await serve(), '/v2/registry.k8s.io/pause/tags/list?n=0')
    expect(JSON.parse(body.toString())).toMatchObject({ tags: [] })
    expect(headers['link']).toBeUndefined()
  })

  it.each(['-1', 'x', '1.5', ''])('n=%s is refused', async (n) => {
    expect(await askJson(await serve(), `/v2/_catalog?n=${n}`)).toEqual(ERROR('PAGINATION_NUMBER_INVALID'))
  })

  it('nothing of a query comes back in a header as it was', async () => {
    const url = await serve()
    const bad = encodeURIComponent('a\r\nset-cookie: x=1')
    const { headers } = await ask(url, `/v2/registry.k8s.io/pause/tags/list?n=1&last=0${bad}&artifactType=${bad}`)
    expect(headers['set-cookie']).toBeUndefined()
    expect(headers['link']).toContain('rel="next"')
  })
})

describe('referrers', () => {
  const target = `/v2/registry.k8s.io/pause/referrers/${pause.digest}`

  it('are an index of what is attached, with types and annotations', async () => {
    const { headers, body } = await ask(await serve(), target)
    expect(headers['content-type']).toBe(MEDIA.ociIndex)
    const { manifests } = JSON.parse(body.toString()) as { manifests: unknown[] }
    expect(manifests).toHaveLength(2)
    expect(manifests).toContainEqual({
      mediaType: MEDIA.ociManifest,
      digest: attached.digest,
      size: attached.size,
      artifactType: 'application/spdx+json',
      annotations: { 'org.example.made-for': 'a test' },
    })
  })

  it('can be asked for by type', async () => {
    const { headers, body } = await ask(await serve(), `${target}?artifactType=application/spdx%2Bjson`)
    expect(headers['oci-filters-applied']).toBe('artifactType')
    expect(JSON.parse(body.toString())).toMatchObject({ manifests: [{ digest: attached.digest }] })
  })

  it('of what has none, or is not here, are an empty index', async () => {
    const url = await serve()
    for (const digest of [arm.digest, digestOf('x')])
      expect(await askJson(url, `/v2/quay.io/x/multi/referrers/${digest}`)).toMatchObject({ manifests: [] })
  })
})

describe('plain files', () => {
  it('come by name and platform, as a download', async () => {
    const { status, headers, body } = await ask(await serve(), '/files/kubeadm?platform=linux/amd64')
    expect([status, body.toString()]).toEqual([200, 'for amd64'])
    expect(headers).toMatchObject({
      'content-disposition': 'attachment; filename="kubeadm"',
      'content-length': '9',
      etag: `"${digestOf('for amd64')}"`,
    })
    const variant = await ask(await serve(), '/files/kubeadm?platform=linux%2Farm%2Fv7')
    expect(variant.body.toString()).toBe('for arm v7')
  })

  it('need no platform when there is one only, or one for any', async () => {
    const url = await serve()
    expect((await ask(url, '/files/handbook')).body.toString()).toBe('for all')
    expect((await ask(url, '/files/only')).body.toString()).toBe('only arm64')
    expect((await ask(url, '/files/mixed')).body.toString()).toBe('mixed any')
    expect((await ask(url, '/files/mixed?platform=linux/amd64')).body.toString()).toBe('mixed amd64')
    expect((await ask(url, '/files/mixed?platform=linux/arm64')).body.toString()).toBe('mixed any')
  })

  it('without a platform where there are several: an error that lists them', async () => {
    const { status, body } = await ask(await serve(), '/files/kubeadm')
    expect(status).toBe(400)
    expect(body.toString()).toContain('linux/amd64, linux/arm/v7')
  })

  it('for a platform that is not there: an error that lists those that are', async () => {
    const url = await serve()
    for (const platform of ['windows/amd64', 'linux/arm', '%0d%0ax']) {
      const { status, body } = await ask(url, `/files/kubeadm?platform=${platform}`)
      expect(status).toBe(404)
      expect(body.toString()).toContain('linux/amd64, linux/arm/v7')
    }
  })

  it('that are not there are not found', async () => {
    const { status, body } = await ask(await serve(), '/files/kubelet')
    expect([status, body.toString()]).toEqual([404, 'There is no file kubelet here.\n'])
  })

  it('can be taken up in the middle', async () => {
    const { status, body } = await ask(await serve(), '/files/only', { headers: { range: 'bytes=5-' } })
    expect([status, body.toString()]).toEqual([206, 'arm64'])
  })
})

describe('everything else', () => {
  it('says what it is, and that it is well', async () => {
    const url = await serve()
    expect((await ask(url, '/')).body.toString()).toMatch(/memory 1\.0\.0 \(sequence 1\)/)
    expect((await ask(url, '/healthz')).body.toString()).toBe('ok\n')
    expect(await askJson(url, '/v2/')).toEqual({})
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('%s is not allowed anywhere', async (method) => {
    const url = await serve()
    for (const target of ['/v2/', '/v2/a/blobs/uploads/', '/v2/registry.k8s.io/pause/manifests/3.10', '/files/only']) {
      const { status, headers, body } = await ask(url, target, { method })
      expect([status, headers['allow']]).toEqual([405, 'GET, HEAD'])
      expect(JSON.parse(body.toString())).toEqual(ERROR('UNSUPPORTED'))
    }
  })
})
