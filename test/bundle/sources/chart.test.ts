import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { chartArchive } from '../../../src/adapters/tar/chart-archive.ts'
import { deriveChart } from '../../../src/bundle/sources/chart-artifact.ts'
import { resolveChart } from '../../../src/bundle/sources/chart.ts'
import type { ChartEntry } from '../../../src/config/bundle-definition.ts'
import { digestOf, hexOf } from '../../../src/oci/digest.ts'
import { MEDIA } from '../../../src/oci/media-types.ts'
import { CHART_YAML, chartTgz, tarOf } from '../../adapters/tar/chart-tgz.ts'
import { addAttached, addChart, addImage, emptyContent, putJson, putLayer } from '../../fakes/memory-content.ts'
import { memoryRegistry } from './memory-registry.ts'
import { errorOf, ociChart, PLACE, sourceWorld } from './source-world.ts'

const ARCHIVE = chartTgz()
const REPO = 'https://charts.example/stable'

function fromRepo(more: { name?: string; version?: string; repo?: string } = {}): ChartEntry {
  return { place: PLACE, kind: 'repository', name: 'podinfo', version: '6.9.1', repo: REPO, ...more }
}

/** A repository whose index names the archive so. */
function repository(release: Readonly<Record<string, unknown>>, archive: Uint8Array = ARCHIVE) {
  const others = ['6.9.0', '6.8.0'].map((version) => ({ version, urls: [`podinfo-${version}.tgz`] }))
  const entries = { podinfo: [{ version: '6.9.1', ...release }, ...others], grafana: others }
  return {
    [`${REPO}/index.yaml`]: { bytes: Buffer.from(JSON.stringify({ apiVersion: 'v1', entries })) },
    [`${REPO}/podinfo-6.9.1.tgz`]: { bytes: archive },
    'https://elsewhere.example/p.tgz': { bytes: archive },
  }
}

describe('the artifact of an archive', () => {
  test('is one Helm can pull, and always the same', async () => {
    const artifact = await deriveChart(ARCHIVE, 'x', chartArchive)
    expect(JSON.parse(Buffer.from(artifact.manifest.bytes).toString())).toEqual({
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      config: {
        mediaType: MEDIA.helmConfig,
        digest: artifact.config.descriptor.digest,
        size: artifact.config.bytes.length,
      },
      layers: [{ mediaType: MEDIA.helmChart, digest: digestOf(ARCHIVE), size: ARCHIVE.length }],
      annotations: { 'org.opencontainers.image.title': 'podinfo', 'org.opencontainers.image.version': '6.9.1' },
    })
    expect(JSON.parse(Buffer.from(artifact.config.bytes).toString())).toEqual({
      name: 'podinfo',
      version: '6.9.1',
      apiVersion: 'v2',
    })
    expect(await deriveChart(ARCHIVE, 'y', chartArchive)).toEqual(artifact)
  })

  test('needs every dependency in charts/: on site nothing can be fetched', async () => {
    const yaml = `${CHART_YAML}dependencies:\n${['common', 'redis', 'alias', 'gone'].map((name) => `  - {name: ${name}, version: 1.x}\n`).join('')}`
    const vendored = [
      { path: 'podinfo/charts/common-1.2.3.tgz', content: 'x' },
      { path: 'podinfo/charts/redis/Chart.yaml', content: 'name: redis\nversion: 1.0.0\n' },
      { path: 'podinfo/charts/other-folder/Chart.yaml', content: 'name: alias\nversion: 1.0.0\n' },
      { path: 'podinfo/charts/gone-too-1.0.0.tgz', content: 'x' },
    ]
    const error = await errorOf(deriveChart(chartTgz(vendored, yaml), './chart', chartArchive))
    expect(error.message).toBe('./chart: the chart podinfo 6.9.1 depends on gone, not found in its charts/ folder')
    expect(error.hint).toContain('helm dependency build')
    const whole = [...vendored, { path: 'podinfo/charts/gone-v1.0.0.tgz', content: 'x' }]
    await expect(deriveChart(chartTgz(whole, yaml), './chart', chartArchive)).resolves.toMatchObject({
      name: 'podinfo',
    })
  })

  test('needs a Chart.yaml', async () => {
    const archive = gzipSync(tarOf([{ path: 'podinfo/values.yaml', content: 'a: 1' }]))
    const error = await errorOf(deriveChart(archive, 'x', chartArchive))
    expect(error.message).toBe('x: not a Helm chart: podinfo/Chart.yaml is missing')
  })
})

describe('a chart of an index.yaml repository', () => {
  test.each([
    ['relative', `podinfo-6.9.1.tgz`, `${REPO}/podinfo-6.9.1.tgz`],
    ['absolute', 'https://elsewhere.example/p.tgz', 'https://elsewhere.example/p.tgz'],
  ])('is downloaded by its %s URL', async (_, url, resolved) => {
    const world = sourceWorld(undefined, repository({ urls: [url], digest: hexOf(digestOf(ARCHIVE)) }))
    const { locked, contents } = await resolveChart(fromRepo(), world)
    expect(locked).toMatchObject({
      name: 'podinfo',
      version: '6.9.1',
      repo: REPO,
      url: resolved,
      content: digestOf(ARCHIVE),
    })
    expect(locked).not.toHaveProperty('ref')
    expect(contents.documents.size).toBe(2)
    expect([...contents.layers]).toEqual([[digestOf(ARCHIVE), ARCHIVE.length]])
    expect(world.requests).toEqual([`GET ${REPO}/index.yaml`, `GET ${resolved}`])
  })

  test('may be a pointer into a registry', async () => {
    const content = emptyContent()
    const chart = addChart(content, 'registry.example/charts/podinfo:6.9.1', ARCHIVE)
    const registry = memoryRegistry(content, { tags: { 'charts/podinfo:6.9.1': chart } })
    const url = 'oci://registry.example/charts/podinfo:6.9.1'
    const { locked } = await resolveChart(fromRepo(), sourceWorld(registry, repository({ urls: [url] })))
    expect(locked).toMatchObject({ repo: REPO, url, ref: url, digest: chart.digest })
  })

  test('a version that is not there is answered with those near it, a name too', async () => {
    const world = sourceWorld(undefined, repository({ urls: ['x'] }))
    const version = await errorOf(resolveChart(fromRepo({ version: '6.9.11' }), world))
    expect(version.code).toBe('registry-not-found')
    expect(version.message).toBe(`no such version: podinfo 6.9.11 in ${REPO}. Near: 6.9.1, 6.9.0`)
    const name = await errorOf(resolveChart(fromRepo({ name: 'podinfos' }), world))
    expect(name.message).toBe(`no such chart: podinfos in ${REPO}. Near: podinfo`)
  })

  test('other bytes than the index promises are refused', async () => {
    const web = repository({ urls: ['podinfo-6.9.1.tgz'], digest: hexOf(digestOf('other')) })
    const error = await errorOf(resolveChart(fromRepo(), sourceWorld(undefined, web)))
    expect(error.code).toBe('registry-digest')
    expect(error.message).toContain(digestOf('other'))
  })

  test('an archive that is another chart is refused', async () => {
    const other = chartTgz([], CHART_YAML.replace('podinfo', 'evil'))
    const web = repository({ urls: ['podinfo-6.9.1.tgz'] }, other)
    const error = await errorOf(resolveChart(fromRepo(), sourceWorld(undefined, web)))
    expect(error.message).toBe(`podinfo 6.9.1 of ${REPO}: the archive there says that it is evil 6.9.1`)
  })

  test.each([
    ['a file: URL', { urls: ['file:///etc/passwd'] }, /file: is not followed/],
    ['no URL', { urls: [] }, /says no URL/],
    ['a digest that is none', { urls: ['x.tgz'], digest: 'abc' }, /not a SHA-256/],
  ])('%s in the index is refused', async (_, release, says) => {
    const world = sourceWorld(undefined, repository(release))
    expect((await errorOf(resolveChart(fromRepo(), world))).message).toMatch(says)
    expect(world.requests).toHaveLength(1)
  })

  test('a query of the repository goes to its own host only', async () => {
    const secret = `${REPO}?token=s3cret`
    const index = (url: string) => ({
      bytes: Buffer.from(JSON.stringify({ entries: { podinfo: [{ version: '6.9.1', urls: [url] }] } })),
    })
    const own = sourceWorld(undefined, {
      [`${REPO}/index.yaml?token=s3cret`]: index('p.tgz'),
      [`${REPO}/p.tgz?token=s3cret`]: { bytes: ARCHIVE },
    })
    await resolveChart(fromRepo({ repo: secret }), own)
    const elsewhere = sourceWorld(undefined, {
      [`${REPO}/index.yaml?token=s3cret`]: index('https://elsewhere.example/p.tgz'),
      'https://elsewhere.example/p.tgz': { bytes: ARCHIVE },
    })
    await resolveChart(fromRepo({ repo: secret }), elsewhere)
    expect(elsewhere.requests.at(-1)).toBe('GET https://elsewhere.example/p.tgz')
    for (const more of [{ name: 'none' }, { version: '9.9.9' }]) {
      const error = await errorOf(resolveChart(fromRepo({ repo: secret, ...more }), own))
      expect(error.code).toBe('registry-not-found')
      expect(error.message).not.toContain('s3cret')
    }
  })
})

describe('a chart of a registry', () => {
  test('keeps its own manifest, and what is attached comes along', async () => {
    const content = emptyContent()
    const chart = addChart(content, 'r.example/charts/podinfo:6.9.1', ARCHIVE)
    const signature = addAttached(content, 'r.example/charts/podinfo', {
      subject: chart,
      artifactType: 'application/x-signature',
      bytes: Buffer.from('signature'),
    })
    const registry = memoryRegistry(content, { tags: { 'charts/podinfo:6.9.1': chart } })
    const { locked, contents } = await resolveChart(ociChart('r.example/charts/podinfo:6.9.1'), sourceWorld(registry))
    expect(locked).toMatchObject({
      name: 'podinfo',
      version: '6.9.1',
      ref: 'oci://r.example/charts/podinfo:6.9.1',
      digest: chart.digest,
      content: digestOf(ARCHIVE),
      attached: [{ digest: signature.digest, artifactType: 'application/x-signature' }],
    })
    expect(contents.layers.has(digestOf('signature'))).toBe(true)
  })

  test('is checked like any archive', async () => {
    const content = emptyContent()
    const evil = chartTgz([{ path: 'podinfo/../../x' }])
    const tags = { 'charts/podinfo:6.9.1': addChart(content, 'r.example/charts/podinfo:6.9.1', evil) }
    const world = sourceWorld(memoryRegistry(content, { tags }))
    const error = await errorOf(resolveChart(ociChart('r.example/charts/podinfo:6.9.1'), world))
    expect(error.message).toMatch(/^oci:\/\/r\.example\/charts\/podinfo:6\.9\.1: .*leads outside/)
  })

  test('a container image is no chart, nor is a chart with two archives', async () => {
    const content = emptyContent()
    const two = putJson(content, MEDIA.ociManifest, {
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      config: putJson(content, MEDIA.helmConfig, { name: 'podinfo' }),
      layers: ['a', 'b'].map((text) => putLayer(content, MEDIA.helmChart, Buffer.from(text))),
    })
    const tags = { 'a/image:1': addImage(content, 'r.example/a/image:1'), 'a/two:1': two }
    const world = sourceWorld(memoryRegistry(content, { tags }))
    const image = await errorOf(resolveChart(ociChart('r.example/a/image:1'), world))
    expect(image.message).toBe(`oci://r.example/a/image:1: not a Helm chart: its config is ${MEDIA.ociConfig}`)
    expect((await errorOf(resolveChart(ociChart('r.example/a/two:1'), world))).message).toContain('it has 2 archives')
  })
})

test('a local chart is locked by what it holds', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-chart-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'templates'))
  await writeFile(join(folder, 'Chart.yaml'), CHART_YAML)
  const entry: ChartEntry = { place: PLACE, kind: 'local', path: './chart', location: folder }
  const first = await resolveChart(entry, sourceWorld())
  expect(first.locked).toMatchObject({ name: 'podinfo', version: '6.9.1', path: './chart' })
  await writeFile(join(folder, 'templates/a.yaml'), 'kind: A')
  const second = await resolveChart(entry, sourceWorld())
  expect(second.locked.content).not.toBe(first.locked.content)
  await writeFile(join(folder, 'Chart.yaml'), 'name: ../evil\nversion: 1.0.0\n')
  expect((await errorOf(resolveChart(entry, sourceWorld()))).message).toContain('./chart: Chart.yaml: "../evil"')
})
