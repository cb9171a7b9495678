import { FerryError } from '../errors.ts'
import { WrongContentError } from '../oci/copy.ts'
import type { Digest } from '../oci/digest.ts'
import type { HttpFetcher, Registry } from '../oci/registry.ts'
import type { ContentSource } from '../oci/store.ts'
import type { LocalFiles } from '../ports.ts'
import { shownUrl } from './sources/shown-url.ts'

/** Where the content of a blob can be had. Plain data: other threads are told it, too. */
export type Origin =
  | { readonly kind: 'registry'; readonly host: string; readonly repository: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'local'; readonly location: string }
  | { readonly kind: 'memory'; readonly bytes: Uint8Array }

export interface OriginReaders {
  readonly registryFor: (host: string) => Registry
  readonly http: HttpFetcher
  readonly files: LocalFiles
}

/** Blobs by digest, read from wherever they come from: what an export copies from. */
export function originSource(origins: ReadonlyMap<Digest, Origin>, readers: OriginReaders): ContentSource {
  const { registryFor, http, files } = readers
  return {
    async read(descriptor, options) {
      const origin = origins.get(descriptor.digest)
      const { offset = 0 } = options
      switch (origin?.kind) {
        case undefined:
          throw new FerryError('internal', `nobody has ${descriptor.digest}`)
        case 'registry':
          return registryFor(origin.host).readBlob(origin.repository, descriptor, options)
        case 'url':
          return http.read(origin.url, options)
        case 'memory':
          return { offset, body: once(origin.bytes.subarray(offset)) }
        case 'local':
          return { offset, body: streamLocal(files, origin.location, offset) }
      }
    },
  }
}

/** Content that is not what was locked: of a download, also where it came from and how to lock what is there now. */
export function explainWrongContent(error: unknown, origins: ReadonlyMap<Digest, Origin>): unknown {
  if (!(error instanceof WrongContentError)) return error
  const { item, reason } = error
  const origin = origins.get(item.descriptor.digest)
  if (origin?.kind !== 'url') return error
  return new FerryError(reason.code, `${item.name} (${shownUrl(origin.url)}): ${reason.message}`, {
    hint: 'It was damaged on the way, or replaced after it was locked. Ask its publisher; if the new one is right, correct sha256 in bundle.yaml where it stands there, and run ferry lock --update.',
    cause: error,
  })
}

// eslint-disable-next-line @typescript-eslint/require-await -- an async iterable of one value
async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.length > 0) yield bytes
}

async function* streamLocal(files: LocalFiles, location: string, offset: number): AsyncIterable<Uint8Array> {
  const file = await files.open(location)
  try {
    // Written as it comes: a piece is done with before the next but one is read.
    yield* file.stream(offset, Math.max(0, file.size - offset), { recycle: true })
  } finally {
    await file.close()
  }
}
