import type { HttpFetcher, Registry } from '../../oci/registry.ts'
import type { ChartArchive, Clock, LocalFiles } from '../../ports.ts'

/** Runs requests, so many at once. It wraps single requests only: what holds a place never waits for another. */
export type Gate = <T>(request: () => Promise<T>) => Promise<T>

/** What the sources of content need of the world. */
export interface SourceContext {
  /** By host as in references. */
  readonly registryFor: (host: string) => Registry
  readonly http: HttpFetcher
  readonly charts: ChartArchive
  readonly files: LocalFiles
  readonly clock: Clock
  readonly gate: Gate
  /** Something worth a person's attention that is no failure. */
  readonly warn: (message: string, hint?: string) => void
  readonly signal?: AbortSignal
}
