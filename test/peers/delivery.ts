import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHash, randomBytes } from 'node:crypto'
import { makeChart } from './chart.ts'
import { buildImages, type BuiltImage } from './content.ts'
import { ferryOrThrow } from './ferry.ts'
import { peer, runOrThrow } from './peer.ts'
import { startRegistry, type RunningRegistry } from './registry.ts'
import { startStaticSite, type StaticSite } from './static-site.ts'

/** Everything the connected side of a delivery has: a registry with images and a chart, a download site, keys, a bundle.yaml. */
export interface Delivery {
  /** Its own folder; everything lies in it. */
  readonly folder: string
  readonly registry: RunningRegistry
  readonly site: StaticSite
  readonly images: readonly BuiltImage[]
  readonly bundleYaml: string
  readonly key: string
  readonly pub: string
  /** Full reference of an image. */
  readonly refOf: (image: BuiltImage) => string
  readonly stop: () => Promise<void>
}

export interface DeliveryOptions {
  /** Of the images' layers. Default 8 MiB. */
  readonly totalBytes?: number
  /** Default 6: each kind once. */
  readonly images?: number
  /** Default linux/amd64 and linux/arm64. */
  readonly platforms?: readonly string[]
}

/**
 * Starts a delivery: images of each kind, a chart in an index.yaml repository (`webapp` 1.2.3), one in the OCI registry
 * (`podinfo` 6.9.1), one local (`local` 0.1.0+site), a file by URL (`tool`, linux/amd64, mode 0755), a local one (`handbook`).
 */
export async function startDelivery(options: DeliveryOptions = {}): Promise<Delivery> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-delivery-'))
  const registry = await startRegistry({ parent: folder })
  const web = join(folder, 'web')
  await mkdir(join(web, 'stable'), { recursive: true })
  const site = await startStaticSite(web)
  try {
    const images = await buildImages(registry.url, {
      totalBytes: options.totalBytes ?? 8 * 1024 * 1024,
      images: options.images ?? 6,
    })
    const refOf = (image: BuiltImage): string => `${registry.host}/${image.repository}:${image.tag}`
    await publishCharts(folder, web, { registry, site })
    const tool = randomBytes(300_000)
    await writeFile(join(web, 'tool'), tool)
    await writeFile(join(folder, 'handbook.pdf'), 'read me first\n')
    await ferryOrThrow(['keygen', '--out', join(folder, 'vendor'), '--no-passphrase'])
    const bundleYaml = join(folder, 'bundle.yaml')
    await writeFile(
      bundleYaml,
      bundleText({
        platforms: options.platforms ?? ['linux/amd64', 'linux/arm64'],
        registry,
        site,
        images: images.map((image) => ({ ref: refOf(image), single: image.kind === 'single' })),
        toolHash: createHash('sha256').update(tool).digest('hex'),
      }),
    )
    const stop = async (): Promise<void> => {
      await site.stop()
      await registry.stop()
      await rm(folder, { recursive: true, force: true })
    }
    const key = join(folder, 'vendor.key')
    const pub = join(folder, 'vendor.pub')
    return { folder, registry, site, images, bundleYaml, key, pub, refOf, stop }
  } catch (error) {
    await site.stop()
    await registry.stop()
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function publishCharts(
  folder: string,
  web: string,
  { registry, site }: { readonly registry: RunningRegistry; readonly site: StaticSite },
): Promise<void> {
  const charts = join(folder, 'charts')
  const env = {
    HELM_CACHE_HOME: join(folder, 'helm'),
    HELM_CONFIG_HOME: join(folder, 'helm'),
    HELM_DATA_HOME: join(folder, 'helm'),
  }
  const helm = (...args: string[]): Promise<string> => runOrThrow(peer('helm'), args, { env })
  await helm('package', await makeChart(charts, { name: 'webapp', version: '1.2.3' }), '-d', join(web, 'stable'))
  await helm('repo', 'index', join(web, 'stable'), '--url', `${site.url}/stable`)
  await helm('package', await makeChart(charts, { name: 'podinfo', version: '6.9.1' }), '-d', folder)
  await helm('push', join(folder, 'podinfo-6.9.1.tgz'), `oci://${registry.host}/charts`, '--plain-http')
  await makeChart(charts, { name: 'local', version: '0.1.0+site' })
}

interface BundleFacts {
  readonly platforms: readonly string[]
  readonly registry: RunningRegistry
  readonly site: StaticSite
  readonly images: readonly { readonly ref: string; readonly single: boolean }[]
  readonly toolHash: string
}

function bundleText({ platforms, registry, site, images, toolHash }: BundleFacts): string {
  const lines = images.map(({ ref, single }) =>
    single ? `    - {ref: "${ref}", platforms: [linux/amd64]}` : `    - ${ref}`,
  )
  return `apiVersion: ferry.dev/v1
kind: Bundle
metadata: {name: delivery, version: 1.0.0, sequence: 7}
spec:
  platforms: [${platforms.join(', ')}]
  registries:
    "${registry.host}": {plainHttp: true}
  images:
${lines.join('\n')}
  charts:
    - {name: webapp, version: 1.2.3, repo: ${site.url}/stable}
    - {ref: "oci://${registry.host}/charts/podinfo:6.9.1"}
    - {path: ./charts/local}
  files:
    - {name: tool, url: ${site.url}/tool, sha256: ${toolHash}, platform: linux/amd64, mode: "0755"}
    - {name: handbook, path: ./handbook.pdf}
`
}
