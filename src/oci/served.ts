import type { Catalog } from './catalog.ts'
import type { Descriptor } from './descriptor.ts'
import type { Digest } from './digest.ts'

/** Part of a blob, in bytes: from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface ReadBlobOptions {
  /** Default: the whole blob. */
  readonly range?: ByteRange
  /** Ends the reading when whoever asked has gone. */
  readonly signal?: AbortSignal
}

/** Verified content as a registry gives it out: what stands between HTTP and a bundle. */
export interface ServedContent {
  /** One line for people: `platform 1.4.0, sequence 42`. */
  readonly title: string
  readonly catalog: Catalog
  /** The bytes of a manifest or index of the catalog. */
  readonly document: (digest: Digest) => Uint8Array | undefined
  /** True once the bytes of a blob were found to be wrong, in every copy there is: nothing of it is given out any more. */
  readonly isBarred: (descriptor: Descriptor) => boolean
  /**
   * Opens a blob of the catalog. Whoever reads to the end has read verified bytes; a range is verified before it begins.
   * @throws FerryError `bundle-digest` for a blob that is barred, here or, the first time it is read, before the last piece.
   */
  readonly readBlob: (descriptor: Descriptor, options?: ReadBlobOptions) => Promise<AsyncIterable<Uint8Array>>
}

export interface ListenOptions {
  /** Name or address to listen on: `0.0.0.0`, `::1`, `localhost`. */
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** HTTPS with this certificate. */
  readonly tls?: TlsIdentity
  /** Hears of what went wrong with an answer, except for clients that went away. */
  readonly onProblem?: (error: unknown) => void
}

/** A certificate with its chain, and its key, as PEM text. */
export interface TlsIdentity {
  readonly cert: string
  readonly key: string
}

export interface RunningServer {
  /** `http://127.0.0.1:5000`, with the port it got. */
  readonly url: string
  /** Takes no new requests, waits up to `graceMs` for answers that are under way, then ends them. */
  close(graceMs: number): Promise<void>
}

/**
 * Starts a server for some content.
 * @throws FerryError `io-listen` when the address cannot be listened on, `config-key` for an unusable TLS identity.
 */
export type StartServer = (content: ServedContent, options: ListenOptions) => Promise<RunningServer>
