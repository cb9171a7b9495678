import type { HttpFetcher, RegistryClient, RegistryOptions, RetryNotice } from '../oci/registry.ts'
import type { StartServer } from '../oci/served.ts'
import type { AskSecret, ChartArchive, Clock, LocalFiles, OutputFiles, RangeHasher, Thread } from '../ports.ts'
import type { PublicKey } from '../trust/key.ts'
import type { Signer } from '../trust/signer.ts'

/** Everything the commands reach the world through. main.ts joins it; what is heavy is loaded when it is asked for. */
export interface Ports {
  readonly clock: Clock
  readonly files: LocalFiles
  /**
   * The whole content of a small file that a person named, pipes too; `-` is standard input.
   * @throws FerryError `usage` when it cannot be read or is larger than `limit` bytes (default 1 MiB).
   */
  readSmallFile(path: string, options?: { readonly limit?: number }): Promise<Uint8Array>
  /** Replaces a text file as a whole, synced. @throws FerryError `io-file`, `io-space` */
  replaceTextFile(path: string, text: string): Promise<void>
  /** The absolute form of a path that a person gave. */
  absolutePath(path: string): string
  readonly askSecret: AskSecret
  /** Frees the buffers of content that has passed through. Cheap: a millisecond. */
  freeBuffers(): void
  /** Starts threads that bring blobs into a file, with settings of registry hosts; and how many are worth it here. */
  loadBlobThreads(): Promise<{
    readonly threads: number
    start(path: string, settings: Readonly<Record<string, RegistryOptions>>): Thread
  }>
  loadHasher(): Promise<RangeHasher>
  loadOutputs(): Promise<OutputFiles>
  loadCharts(): Promise<ChartArchive>
  loadNetwork(options: NetworkOptions): Promise<Network>
  loadServer(): Promise<StartServer>
  /** A signer that is another program. `command` is split into words, no shell is involved. */
  loadCommandSigner(
    command: string,
    options: { readonly publicKey: PublicKey; readonly signal: AbortSignal },
  ): Promise<Signer>
}

export interface NetworkOptions {
  /** How to reach a host; an empty value for https with the system's authorities. */
  readonly settingsOf: (host: string) => RegistryOptions
  /** Hears of what is tried again, with the host it happens at. */
  readonly onRetry: (host: string, notice: RetryNotice) => void
  /** Hears once of each host that only its mirrors can be asked for. */
  readonly onMissingUpstream?: (host: string) => void
}

/** Registries and plain downloads over one pool of connections. */
export interface Network {
  readonly registries: RegistryClient
  readonly http: HttpFetcher
  readonly close: () => Promise<void>
}
