import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpenBundle } from '../../../src/bundle/open-bundle.ts'
import type { FakeRequest } from '../../../test/fakes/fake-server.ts'
import { startFaultProxy, type FaultProxy, type ProxyFault } from '../../../test/fakes/fault-proxy.ts'
import { startDelivery, type Delivery } from '../../../test/peers/delivery.ts'
import { ferryOrThrow } from '../../../test/peers/ferry.ts'
import { openUnverified } from '../../../test/peers/open-unverified.ts'
import { signedBytes } from '../../../test/peers/signed-bytes.ts'

/** Fixes the issue time of exports. */
export const EPOCH = { SOURCE_DATE_EPOCH: '1790000000' }

/** What all series start from: a delivery whose registry and download site can be made to fail, and an undisturbed export. */
export interface World {
  readonly delivery: Delivery
  /** The bundle.yaml with the upstreams' proxies in it. */
  readonly definition: string
  /** Path of its lock. */
  readonly lock: string
  /** The bundle, exported without a fault. */
  readonly bundle: string
  readonly opened: OpenBundle
  /** The bundle's file. */
  readonly bytes: Buffer
  /** Of the bundle, as `signedBytes`: what any other export of its lock must be. */
  readonly signed: Buffer
  /** What the undisturbed export took. */
  readonly exportMs: number
  /** Paths that the export asked its upstreams for. */
  readonly contents: readonly string[]
  /** Decides what goes wrong upstream from now on; counts of earlier requests are forgotten. Undefined: nothing. */
  readonly setFault: (fault?: (request: FakeRequest) => ProxyFault | undefined) => void
  readonly stop: () => Promise<void>
}

export async function startWorld({ totalBytes }: { readonly totalBytes: number }): Promise<World> {
  // Every platform: a docker-registry takes no sparse index, so that what is pushed can be compared whole.
  const platforms = ['linux/amd64', 'linux/arm64', 'linux/s390x']
  const delivery = await startDelivery({ totalBytes, platforms })
  const proxies: FaultProxy[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(proxies.map((proxy) => proxy.stop()))
    await delivery.stop()
  }
  try {
    const [registry, site] = [await startFaultProxy(delivery.registry.url), await startFaultProxy(delivery.site.url)]
    proxies.push(registry, site)
    const setFault: World['setFault'] = (fault) => {
      for (const proxy of proxies) {
        proxy.requests.length = 0
        proxy.fault = fault
      }
    }
    const text = await readFile(delivery.bundleYaml, 'utf8')
    const definition = join(delivery.folder, 'behind-proxies.yaml')
    await writeFile(
      definition,
      text.replaceAll(delivery.registry.host, registry.host).replaceAll(delivery.site.url, site.url),
    )
    await ferryOrThrow(['lock', definition])
    const bundle = join(delivery.folder, 'undisturbed.tar')
    setFault()
    const started = Date.now()
    await ferryOrThrow(['export', definition, '--frozen', '--key', delivery.key, '--out', bundle], { env: EPOCH })
    const exportMs = Date.now() - started
    const asked = proxies.flatMap(({ requests }) => requests.filter(({ method }) => method === 'GET'))
    await ferryOrThrow(['verify', bundle, '--pub', delivery.pub])
    return {
      delivery,
      definition,
      lock: definition.replace('.yaml', '.lock.yaml'),
      bundle,
      opened: await openUnverified(bundle),
      bytes: await readFile(bundle),
      signed: await signedBytes(bundle),
      exportMs,
      contents: [...new Set(asked.map(({ path }) => path))].toSorted(),
      setFault,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
