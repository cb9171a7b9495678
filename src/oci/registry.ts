import type { Descriptor } from './descriptor.ts'
import type { Digest } from './digest.ts'
import type { ContentStream, OpenVerified, ReadOptions } from './store.ts'

/** A manifest or index as a registry answered it, checked against the digest that was asked for or announced. */
export interface FetchedDocument {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

/**
 * A repository of a registry, as the distribution-spec 1.1 describes it. The implementation does names, transport,
 * authentication and typed, transient-marked errors; nothing here retries but where it says so.
 * Not-found answers are `undefined`; every other failure is a FerryError `registry-*`.
 */
export interface Registry {
  /** "Pulling manifests" by tag or digest. Retries transient failures itself. Bytes hash to `descriptor.digest`. */
  fetchDocument(repository: string, tagOrDigest: string, signal?: AbortSignal): Promise<FetchedDocument | undefined>
  /**
   * As `fetchDocument`, for what need not exist (a signature, a list of referrers): where a mirror has said that it is not
   * there and the upstream cannot be reached, the mirror's word counts.
   */
  findDocument(repository: string, tag: string, signal?: AbortSignal): Promise<FetchedDocument | undefined>
  /** "Pulling blobs"; one attempt, marked transient when another could help. Retrying is `copy`'s. */
  readBlob(repository: string, descriptor: Descriptor, options: ReadOptions): Promise<ContentStream>
  /** "Listing Tags", all pages, at most `limit` (default 1000) tags. Retries. Undefined: no such repository. */
  listTags(repository: string, options?: { limit?: number; signal?: AbortSignal }): Promise<string[] | undefined>
  /**
   * "Listing Referrers" of a manifest: the API, or where the registry has none the referrers tag schema
   * (`sha256-<hex>`). Retries. No referrers: an empty list. Unreachable upstreams as in `findDocument`.
   */
  listReferrers(repository: string, digest: Digest, signal?: AbortSignal): Promise<Descriptor[]>
  /** HEAD on a blob. Retries. */
  hasBlob(repository: string, descriptor: Descriptor, signal?: AbortSignal): Promise<boolean>
  /** HEAD on a manifest by tag or digest: its digest when it is there. Retries. */
  headDocument(repository: string, tagOrDigest: string, signal?: AbortSignal): Promise<Digest | undefined>
  /**
   * "Mounting a blob from another repository". True when the registry did; false when it wants an upload instead (the
   * upload session it opened is cancelled).
   */
  mountBlob(repository: string, descriptor: Descriptor, from: string, signal?: AbortSignal): Promise<boolean>
  /**
   * "Pushing blobs": POST, then PUT in one piece; after a failure asks the session how far it came and goes on there
   * with PATCH where the registry can, else anew. Retries transient failures itself; `onRetry` hears of them. A piece is
   * not touched any more once the next is asked for.
   */
  uploadBlob(
    repository: string,
    descriptor: Descriptor,
    open: OpenVerified,
    options?: { readonly signal?: AbortSignal; readonly onRetry?: OnRetry },
  ): Promise<void>
  /**
   * "Pushing manifests" under a tag or digest, bytes as they are. `refused` carries the registry's own words when it
   * does not want this content (400, 404, 413, 422: MANIFEST_BLOB_UNKNOWN, MANIFEST_INVALID, ...). `subjectHandled` tells
   * whether the OCI-Subject header came back (else the client keeps the referrers tag). Retries.
   */
  putDocument(
    repository: string,
    tagOrDigest: string,
    document: { readonly mediaType: string; readonly bytes: Uint8Array },
    signal?: AbortSignal,
  ): Promise<
    | { readonly refused?: undefined; readonly subjectHandled: boolean }
    | { readonly refused: string; readonly code: string }
  >
}

export interface RetryNotice {
  readonly reason: string
  readonly delayMs: number
  /** 1-based number of the coming attempt. */
  readonly attempt: number
  readonly attempts: number
}
export type OnRetry = (notice: RetryNotice) => void

/** How to reach one registry host. */
export interface RegistryOptions {
  readonly plainHttp?: boolean
  /** `host[:port][/prefix]`, tried first for reading. */
  readonly mirrors?: readonly string[]
  /** PEM text of additional certificate authorities. */
  readonly ca?: string
  readonly tokenHosts?: readonly string[]
}

/** Opens registries by host; connections and tokens are shared within one value. */
export interface RegistryClient {
  registry(host: string, options?: RegistryOptions): Registry
  /** Ends idle connections. */
  close(): Promise<void>
}

/** Plain http(s) downloads (files, chart archives, index.yaml): same rules for redirects, proxies and CAs, no tokens. */
export interface HttpFetcher {
  /** HEAD: the size if the server tells it. Retries. */
  size(url: string, signal?: AbortSignal): Promise<number | undefined>
  /** GET from an offset; one attempt, transient-marked. */
  read(url: string, options: ReadOptions): Promise<ContentStream & { readonly size?: number }>
  /** A small whole body (index.yaml, chart archive), at most `limit` bytes. Retries. */
  readAll(url: string, options: { readonly limit: number; readonly signal?: AbortSignal }): Promise<Uint8Array>
}
