import { describe, expect, test } from 'vitest'
import { resolveImage } from '../../../src/bundle/sources/image.ts'
import { digestOf, hexOf } from '../../../src/oci/digest.ts'
import { MEDIA } from '../../../src/oci/media-types.ts'
import { addAttached, addIndex, addManifest, emptyContent, putJson, putLayer } from '../../fakes/memory-content.ts'
import { memoryRegistry, putDocument } from './memory-registry.ts'
import { errorOf, imageEntry, platformOf, sourceWorld } from './source-world.ts'

const AMD64 = platformOf('linux/amd64')
const ARM64 = platformOf('linux/arm64')

/** `host/team/app:1.0`, an index for amd64, arm64 and windows. */
function multiPlatform() {
  const content = emptyContent()
  const amd64 = addManifest(content, { platform: AMD64, layers: [Buffer.from('base'), Buffer.from('amd64')] })
  const arm64 = addManifest(content, { platform: ARM64, layers: [Buffer.from('base'), Buffer.from('arm64')] })
  const windows = addManifest(content, { platform: platformOf('windows/amd64'), layers: [Buffer.from('win')] })
  const index = addIndex(content, [amd64, arm64, windows])
  const tags = { 'team/app:1.0': index, 'team/app:1.1': index, 'team/app:latest': index }
  return { content, amd64, arm64, windows, index, tags, registry: memoryRegistry(content, { tags }) }
}

describe('the platforms of an image', () => {
  test('those that are wanted come along, the index keeps its own digest', async () => {
    const { registry, index, amd64, arm64, windows } = multiPlatform()
    const { locked, contents } = await resolveImage(
      imageEntry('host.example/team/app:1.0', 'linux/arm64', 'linux/amd64'),
      sourceWorld(registry),
    )
    expect(locked).toMatchObject({
      ref: 'host.example/team/app:1.0',
      platforms: ['linux/amd64', 'linux/arm64'],
      digest: index.digest,
      size: index.size,
      mediaType: MEDIA.ociIndex,
    })
    const documents = [...contents.documents.keys()]
    expect(documents).toEqual(expect.arrayContaining([index.digest, amd64.digest, arm64.digest]))
    expect(documents).not.toContain(windows.digest)
    expect(documents).toHaveLength(5)
    expect([...contents.layers.keys()].toSorted()).toEqual(
      ['base', 'amd64', 'arm64'].map((text) => digestOf(text)).toSorted(),
    )
    expect(locked.contents).toEqual([...documents, ...contents.layers.keys()].toSorted())
  })

  test('one that is not there is an error that names those that are', async () => {
    const { registry } = multiPlatform()
    const entry = imageEntry('host.example/team/app:1.0', 'linux/amd64', 'linux/s390x')
    const error = await errorOf(resolveImage(entry, sourceWorld(registry)))
    expect(error.code).toBe('content-platform')
    expect(error.message).toBe(
      'host.example/team/app:1.0 is not there for linux/s390x. It is for: linux/amd64, linux/arm64, windows/amd64',
    )
    expect(error.hint).toContain('platforms')
  })

  test('an image without an index is for the platform its config says', async () => {
    const content = emptyContent()
    const registry = memoryRegistry(content, { tags: { 'a/b:1': addManifest(content, { platform: ARM64 }) } })
    const { locked } = await resolveImage(imageEntry('host.example/a/b:1', 'linux/arm64'), sourceWorld(registry))
    expect(locked.mediaType).toBe(MEDIA.ociManifest)
    const error = await errorOf(
      resolveImage(imageEntry('host.example/a/b:1', 'linux/arm64', 'linux/amd64'), sourceWorld(registry)),
    )
    expect(error.message).toContain('is not there for linux/amd64. It is for: linux/arm64')
  })

  test('an artifact that is no container image runs nowhere and fits everywhere', async () => {
    const content = emptyContent()
    const manifest = putJson(content, MEDIA.ociManifest, {
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      config: putJson(content, MEDIA.ociEmpty, {}),
      layers: [putLayer(content, 'application/x-policy', Buffer.from('allow'))],
    })
    const registry = memoryRegistry(content, { tags: { 'a/policy:1': manifest } })
    const { locked } = await resolveImage(imageEntry('h.example/a/policy:1', 'linux/amd64'), sourceWorld(registry))
    expect(locked.digest).toBe(manifest.digest)
  })

  test('entries of an index without a platform are asked by their config', async () => {
    const content = emptyContent()
    const plain = ({ mediaType, digest, size }: ReturnType<typeof addManifest>) => ({ mediaType, digest, size })
    const amd64 = plain(addManifest(content, { platform: AMD64 }))
    const arm64 = plain(addManifest(content, { platform: ARM64 }))
    const registry = memoryRegistry(content, { tags: { 'a/b:1': addIndex(content, [amd64, arm64], true) } })
    const { contents } = await resolveImage(imageEntry('h.example/a/b:1', 'linux/arm64'), sourceWorld(registry))
    expect(contents.documents.has(arm64.digest)).toBe(true)
    expect(contents.documents.has(amd64.digest)).toBe(false)
  })

  test('a wanted variant is that variant, no variant is any', async () => {
    const content = emptyContent()
    const v6 = addManifest(content, { platform: platformOf('linux/arm/v6') })
    const v7 = addManifest(content, { platform: platformOf('linux/arm/v7') })
    const registry = memoryRegistry(content, { tags: { 'a/b:1': addIndex(content, [v6, v7]) } })
    const one = await resolveImage(imageEntry('h.example/a/b:1', 'linux/arm/v7'), sourceWorld(registry))
    expect([one.contents.documents.has(v6.digest), one.contents.documents.has(v7.digest)]).toEqual([false, true])
    const any = await resolveImage(imageEntry('h.example/a/b:1', 'linux/arm'), sourceWorld(registry))
    expect([any.contents.documents.has(v6.digest), any.contents.documents.has(v7.digest)]).toEqual([true, true])
  })

  test("buildx's attestation of a carried platform comes along, that of another does not", async () => {
    const content = emptyContent()
    const attestation = (about: string) => {
      const { mediaType, digest, size } = addManifest(content, { layers: [Buffer.from(`provenance of ${about}`)] })
      const platform = { os: 'unknown', architecture: 'unknown' }
      const annotations = { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': about }
      return { mediaType, digest, size, platform, annotations }
    }
    const amd64 = addManifest(content, { platform: AMD64 })
    const arm64 = addManifest(content, { platform: ARM64 })
    const [ofAmd64, ofArm64] = [attestation(amd64.digest), attestation(arm64.digest)]
    const index = addIndex(content, [amd64, arm64, ofAmd64, ofArm64])
    const registry = memoryRegistry(content, { tags: { 'a/b:1': index } })
    const { contents } = await resolveImage(imageEntry('h.example/a/b:1', 'linux/amd64'), sourceWorld(registry))
    expect(contents.documents.has(ofAmd64.digest)).toBe(true)
    expect(contents.documents.has(ofArm64.digest)).toBe(false)
    expect(contents.layers.has(digestOf(`provenance of ${amd64.digest}`))).toBe(true)
  })
})

describe('names that do not exist', () => {
  test('a misspelt tag is answered with those near it', async () => {
    const { content, index } = multiPlatform()
    const names = ['v3.30.0', 'v3.31.1', 'v3.31.2', 'latest', `sha256-${'0'.repeat(64)}.sig`]
    const tags = Object.fromEntries(names.map((tag) => [`calico/node:${tag}`, index]))
    const world = sourceWorld(memoryRegistry(content, { tags }))
    const error = await errorOf(resolveImage(imageEntry('quay.io/calico/node:v3.31.22', 'linux/amd64'), world))
    expect(error.code).toBe('registry-not-found')
    expect(error.message).toMatch(/^no such tag: quay\.io\/calico\/node:v3\.31\.22\. Near: v3\.31\.2, v3\.31\.1/)
    expect(error.message).not.toContain('sha256-')
  })

  test('a repository that is not there is told apart from a tag', async () => {
    const { registry } = multiPlatform()
    const error = await errorOf(resolveImage(imageEntry('quay.io/team/ap:1.0', 'linux/amd64'), sourceWorld(registry)))
    expect(error.message).toBe('no such repository: quay.io/team/ap')
    expect(error.hint).toContain('login')
  })

  test('a digest that is not there is named', async () => {
    const { registry } = multiPlatform()
    const gone = digestOf('gone')
    const error = await errorOf(
      resolveImage(imageEntry(`quay.io/team/app@${gone}`, 'linux/amd64'), sourceWorld(registry)),
    )
    expect(error.code).toBe('registry-not-found')
    expect(error.message).toBe(`no such image: quay.io/team/app@${gone}`)
  })
})

describe('digests', () => {
  test('with a tag and a digest the digest counts, and a tag that moved is told', async () => {
    const { registry, tags, index, amd64 } = multiPlatform()
    const entry = imageEntry(`quay.io/team/app:1.0@${index.digest}`, 'linux/amd64')
    const quiet = sourceWorld(registry)
    await resolveImage(entry, quiet)
    expect(quiet.warnings).toEqual([])
    tags['team/app:1.0'] = amd64
    const loud = sourceWorld(registry)
    const { locked } = await resolveImage(entry, loud)
    expect(locked.digest).toBe(index.digest)
    expect(loud.warnings).toEqual([
      `quay.io/team/app:1.0 now stands for ${amd64.digest}; the digest in bundle.yaml is taken, ${index.digest}`,
    ])
  })

  test('a locked digest is taken without asking what the tag stands for', async () => {
    const { registry, index, tags, amd64 } = multiPlatform()
    tags['team/app:1.0'] = amd64
    const entry = imageEntry('quay.io/team/app:1.0', 'linux/amd64')
    const { locked } = await resolveImage(entry, sourceWorld(registry), index.digest)
    expect(locked).toMatchObject({ ref: 'quay.io/team/app:1.0', digest: index.digest })
    expect(registry.requests).not.toContain('manifest team/app:1.0')
  })

  test('each manifest is fetched once', async () => {
    const { registry } = multiPlatform()
    await resolveImage(imageEntry('quay.io/team/app:1.0', 'linux/amd64', 'linux/arm64'), sourceWorld(registry))
    const fetched = registry.requests.filter((line) => line.startsWith('manifest'))
    expect(new Set(fetched).size).toBe(fetched.length)
    // The index and two manifests; cosign's tags are asked for by name.
    expect(fetched.filter((line) => !line.includes(':sha256-'))).toHaveLength(3)
  })
})

describe('what is attached', () => {
  test('referrers of the index and of its platforms, the signature of an SBOM, and cosign tags come along', async () => {
    const { content, tags, registry, index, amd64 } = multiPlatform()
    const attach = (subject: typeof index, text: string) =>
      addAttached(content, 'quay.io/team/app', {
        subject,
        artifactType: 'application/x-sbom',
        bytes: Buffer.from(text),
      })
    const ofIndex = attach(index, 'sbom of the index')
    const ofAmd64 = attach(amd64, 'sbom of amd64')
    const signature = attach(ofAmd64, 'signature of that sbom')
    const cosign = addManifest(content, { layers: [Buffer.from('cosign signature')] })
    const cosignTag = `sha256-${hexOf(index.digest)}.sig`
    Object.assign(tags, { [`team/app:${cosignTag}`]: cosign })
    const { locked, contents } = await resolveImage(
      imageEntry('quay.io/team/app:1.0', 'linux/amd64'),
      sourceWorld(registry),
    )
    const plain = ({ digest, size, mediaType }: typeof index) => ({ digest, size, mediaType })
    const artifactType = 'application/x-sbom'
    expect(locked.attached).toEqual(
      [
        { ...plain(ofIndex), artifactType },
        { ...plain(ofAmd64), artifactType },
        { ...plain(signature), artifactType },
        { ...plain(cosign), tag: cosignTag },
      ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
    )
    for (const text of ['sbom of the index', 'sbom of amd64', 'signature of that sbom', 'cosign signature'])
      expect(contents.layers.has(digestOf(text)), text).toBe(true)
    expect(contents.documents.has(signature.digest)).toBe(true)
  })

  test('what a platform that stays behind has attached stays behind', async () => {
    const { content, registry, arm64 } = multiPlatform()
    const options = { subject: arm64, artifactType: 'application/x-sbom', bytes: Buffer.from('sbom') }
    addAttached(content, 'quay.io/team/app', options)
    const { locked } = await resolveImage(imageEntry('quay.io/team/app:1.0', 'linux/amd64'), sourceWorld(registry))
    expect(locked.attached).toBeUndefined()
  })

  test('a stale or false list of referrers is told, and costs nothing else', async () => {
    const { content, tags, index, arm64, amd64 } = multiPlatform()
    const gone = { mediaType: MEDIA.ociManifest, digest: digestOf('gone'), size: 4 }
    const world = sourceWorld(memoryRegistry(content, { tags, referrers: { [index.digest]: [gone, arm64] } }))
    const { locked } = await resolveImage(imageEntry('quay.io/team/app:1.0', 'linux/amd64'), world)
    expect(locked.attached).toBeUndefined()
    expect(world.warnings).toHaveLength(2)
    expect(world.warnings.join('\n')).toContain(gone.digest)
    expect(world.warnings.join('\n')).toContain(arm64.digest)
    expect(locked.contents).toContain(amd64.digest)
  })
})

describe('what cannot be carried', () => {
  test('Docker schema 1 is refused with the reason', async () => {
    const content = emptyContent()
    const old = putDocument(content, MEDIA.dockerSchema1Signed, '{"schemaVersion":1,"fsLayers":[]}')
    const registry = memoryRegistry(content, { tags: { 'a/old:1': old } })
    const error = await errorOf(resolveImage(imageEntry('h.example/a/old:1', 'linux/amd64'), sourceWorld(registry)))
    expect(error.code).toBe('content-invalid')
    expect(error.message).toContain('schema 1')
  })

  test('a foreign layer is taken from the registry, and refused where that has it not: its urls are never asked', async () => {
    const content = emptyContent()
    const build = (layer: object) =>
      putJson(content, MEDIA.dockerManifest, {
        schemaVersion: 2,
        mediaType: MEDIA.dockerManifest,
        config: putJson(content, MEDIA.dockerConfig, { os: 'windows', architecture: 'amd64' }),
        layers: [layer],
      })
    const type = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
    const there = putLayer(content, type, Buffer.from('a base of windows'))
    const away = { mediaType: type, digest: digestOf('away'), size: 4 }
    const urls = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf('else'), size: 4 }
    const registry = memoryRegistry(content, {
      tags: {
        'a/win:there': build(there),
        'a/win:away': build(away),
        'a/win:urls': build({ ...urls, urls: ['http://127.0.0.1:1/x'] }),
      },
    })
    const world = sourceWorld(registry)
    const { contents } = await resolveImage(imageEntry('h.example/a/win:there', 'windows/amd64'), world)
    expect(contents.layers.has(there.digest)).toBe(true)
    for (const [tag, layer] of [
      ['away', away],
      ['urls', urls],
    ] as const) {
      const error = await errorOf(resolveImage(imageEntry(`h.example/a/win:${tag}`, 'windows/amd64'), world))
      expect(error.code).toBe('content-invalid')
      expect(error.message).toContain(`h.example/a/win:${tag}: the layer ${layer.digest}`)
    }
    expect(world.requests).toEqual([])
  })

  test('an index that lies about a size, or names what the registry has not, is an error', async () => {
    const content = emptyContent()
    const amd64 = addManifest(content, { platform: AMD64 })
    const away = { mediaType: MEDIA.ociManifest, digest: digestOf('away'), size: 4, platform: AMD64 }
    const tags = {
      'a/b:lie': addIndex(content, [{ ...amd64, size: amd64.size + 1 }]),
      'a/b:away': addIndex(content, [away]),
    }
    const world = sourceWorld(memoryRegistry(content, { tags }))
    const lie = await errorOf(resolveImage(imageEntry('h.example/a/b:lie', 'linux/amd64'), world))
    expect([lie.code, lie.message]).toEqual([
      'content-invalid',
      `h.example/a/b: ${amd64.digest} has ${amd64.size} bytes, an index says ${amd64.size + 1}`,
    ])
    const gone = await errorOf(resolveImage(imageEntry('h.example/a/b:away', 'linux/amd64'), world))
    expect(gone.code).toBe('registry-not-found')
    expect(gone.message).toContain(away.digest)
  })
})
