import type { BundleDefinition } from '../config/bundle-definition.ts'
import type { TaskName } from '../events.ts'
import type { HttpFetcher, Registry, RegistryOptions } from '../oci/registry.ts'
import type { ChartArchive } from '../ports.ts'
import type { CommandContext } from './command.ts'
import { readText } from './read-text.ts'

/** Where the content of a bundle.yaml comes from. */
export interface Sources {
  /** How to reach the hosts that bundle.yaml has settings for. Plain data. */
  readonly settings: Readonly<Record<string, RegistryOptions>>
  readonly registryFor: (host: string) => Registry
  readonly http: HttpFetcher
  readonly charts: ChartArchive
  readonly close: () => Promise<void>
}

/**
 * Opens registries with the settings of bundle.yaml. Nothing is asked yet.
 * @param task the one that retries are told of.
 */
export async function openSources(
  definition: BundleDefinition,
  { ports, emit }: CommandContext,
  task: TaskName,
): Promise<Sources> {
  const authorities = new Map<string, string>()
  for (const [host, { caFile }] of Object.entries(definition.registries))
    if (caFile !== undefined) authorities.set(host, await readText(caFile, ports))
  const charts = await ports.loadCharts()
  const settings = Object.fromEntries(
    Object.entries(definition.registries).map(
      ([host, { plainHttp, mirrors, tokenHosts }]): [string, RegistryOptions] => {
        const ca = authorities.get(host)
        return [
          host,
          {
            ...(plainHttp !== undefined && { plainHttp }),
            ...(mirrors && { mirrors }),
            ...(tokenHosts && { tokenHosts }),
            ...(ca !== undefined && { ca }),
          },
        ]
      },
    ),
  )
  const { registries, http, close } = await ports.loadNetwork({
    settingsOf: (host) => settings[host] ?? {},
    onRetry: (host, notice) => emit({ type: 'retry', task, item: host, ...notice }),
    onMissingUpstream: (host) =>
      emit({
        type: 'warning',
        message: `${host} cannot be reached, its mirrors can: signatures and SBOMs that only ${host} has are missed`,
      }),
  })
  const opened = new Map<string, Registry>()
  return {
    settings,
    registryFor(host) {
      const registry = opened.get(host) ?? registries.registry(host)
      opened.set(host, registry)
      return registry
    },
    http,
    charts,
    close,
  }
}
