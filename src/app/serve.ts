import { buildShelf } from '../bundle/shelf.ts'
import type { OpenBundle } from '../bundle/open-bundle.ts'
import { createVerifiedBlobs } from '../bundle/verified-blobs.ts'
import { FerryError, reasonOf } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { ServedContent, StartServer, TlsIdentity } from '../oci/served.ts'

export interface ServeRequest {
  /** Verified ones, at least one. */
  readonly bundles: readonly OpenBundle[]
  readonly listen: {
    readonly host: string
    /** 0 for any free one. */
    readonly port: number
  }
  /** HTTPS; without it HTTP. */
  readonly tls?: TlsIdentity
}

export interface ServeDeps {
  readonly startServer: StartServer
  readonly emit: Emit
  /** Ends the serving: what is under way may finish for up to 5 seconds. */
  readonly signal?: AbortSignal
}

export interface Serving {
  /** `http://127.0.0.1:5000`, with the port it got. */
  readonly url: string
  /** Ends the serving as the signal does. */
  close(): Promise<void>
  /** Resolves when it has ended, by `close` or by the signal. */
  readonly closed: Promise<void>
}

const GRACE_MS = 5000

/**
 * Serves bundles as one read-only OCI registry. Nothing is read but what was read when they were opened; every blob is
 * verified as it is first read. What turns out wrong is told as a warning.
 * @throws FerryError `io-listen`, `config-key`; `bundle-signature` for a bundle that was opened without keys.
 */
export async function serveBundle(request: ServeRequest, deps: ServeDeps): Promise<Serving> {
  const { bundles, listen, tls } = request
  const { startServer, emit, signal } = deps
  const unsigned = bundles.find(({ signedBy }) => signedBy.length === 0)
  if (unsigned)
    throw new FerryError('bundle-signature', `${unsigned.file.name}: not verified, so it is not served`, {
      hint: "Name the vendor's key with --pub FILE.",
    })
  signal?.throwIfAborted()
  const server = await startServer(servedContent(bundles, emit), {
    ...listen,
    ...(tls && { tls }),
    onProblem: (error) => warn(emit, error),
  })
  emit({ type: 'note', label: 'serving', text: server.url })
  const { promise: closed, resolve, reject } = Promise.withResolvers<undefined>()
  // Whoever does not wait for the end need not hear of it.
  closed.catch(() => undefined)
  let begun = false
  const close = async (): Promise<void> => {
    if (!begun) {
      begun = true
      signal?.removeEventListener('abort', onAbort)
      server.close(GRACE_MS).then(() => resolve(undefined), reject)
    }
    await closed
  }
  const onAbort = (): void => void close().catch(() => undefined)
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) onAbort()
  return { url: server.url, close, closed }
}

/** Bundles as a registry shows them: their union by name, every blob behind the gate. */
export function servedContent(bundles: readonly OpenBundle[], emit: Emit): ServedContent {
  const shelf = buildShelf(bundles)
  const blobs = createVerifiedBlobs({ copiesOf: shelf.copiesOf, onBarred: (error) => warn(emit, error) })
  return { title: titleOf(bundles), catalog: shelf.catalog, document: shelf.document, ...blobs }
}

function titleOf(bundles: readonly OpenBundle[]): string {
  return bundles
    .map(({ statement }) => statement.predicate)
    .map(({ product, version, sequence }) => `${product} ${version} (sequence ${sequence})`)
    .join(', ')
}

function warn(emit: Emit, error: unknown): void {
  const hint = error instanceof FerryError ? error.hint : undefined
  emit({ type: 'warning', message: reasonOf(error), ...(hint !== undefined && { hint }) })
}
