import type { Gate } from '../../oci/parallel.ts'
import type { HttpFetcher, Registry } from '../../oci/registry.ts'
import type { ChartArchive, Clock, LocalFiles } from '../../ports.ts'

/** What the sources of content need of the world. */
export interface SourceContext {
  /** By host as in references. */
  readonly registryFor: (host: string) => Registry
  readonly http: HttpFetcher
  readonly charts: ChartArchive
  readonly files: LocalFiles
  readonly clock: Clock
  /** Every request goes through it. */
  readonly gate: Gate
  /** Something worth a person's attention that is no failure. */
  readonly warn: (message: string, hint?: string) => void
  readonly signal?: AbortSignal
}
