import { chartArchive } from '../../../src/adapters/tar/chart-archive.ts'
import { openRandomAccessFile } from '../../../src/adapters/tar/random-access-file.ts'
import type { SourceContext } from '../../../src/bundle/sources/source-context.ts'
import type { ChartEntry, FileEntry, ImageEntry, Place } from '../../../src/config/bundle-definition.ts'
import { FerryError } from '../../../src/errors.ts'
import { parsePlatformText, type Platform } from '../../../src/oci/descriptor.ts'
import { newLimit } from '../../../src/oci/parallel.ts'
import { parseReference } from '../../../src/oci/reference.ts'
import type { HttpFetcher, Registry } from '../../../src/oci/registry.ts'
import { transient } from '../../../src/oci/store.ts'

/** A web server in memory: a URL's bytes, and how often the connection breaks before they are all there. */
export interface WebFile {
  readonly bytes: Uint8Array
  /** The answer to HEAD has no size. */
  readonly sizeless?: boolean
  /** This many reads end after half of what is left. */
  breaks?: number
  /** Reads always start at 0. */
  readonly wholeOnly?: boolean
}

export interface World extends SourceContext {
  /** `HEAD https://…`, `GET https://…`, `GET https://… from 3`. */
  readonly requests: string[]
  readonly warnings: string[]
}

/** What sources need, without a network: one registry for every host, and a web of some files. */
export function sourceWorld(registry?: Registry, web: Readonly<Record<string, WebFile>> = {}): World {
  const requests: string[] = []
  const warnings: string[] = []
  return {
    requests,
    warnings,
    registryFor: () => {
      if (!registry) throw new Error('no registry was expected to be asked')
      return registry
    },
    http: webFetcher(web, requests),
    charts: chartArchive,
    files: { open: openRandomAccessFile },
    clock: { now: () => 0, sleep: () => Promise.resolve() },
    gate: newLimit(4),
    warn: (message) => void warnings.push(message),
  }
}

export const PLACE: Place = { line: 3, column: 5, path: 'images[0]' }

export function imageEntry(name: string, ...platforms: readonly string[]): ImageEntry {
  return { place: PLACE, reference: parseReference(name), platforms: platforms.map(platformOf) }
}

export function ociChart(name: string): ChartEntry {
  return { place: PLACE, kind: 'oci', reference: parseReference(name) }
}

export function urlFile(url: string, more: Partial<Pick<FileEntry, 'sha256' | 'platform'>> = {}): FileEntry {
  return { place: PLACE, kind: 'url', name: 'tool', mode: '0755', url, ...more }
}

export function platformOf(text: string): Platform {
  return parsePlatformText(text)!
}

/** The FerryError a promise is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<FerryError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof FerryError)) throw new Error(`no FerryError but ${String(error)}`, { cause: error })
  return error
}

function webFetcher(web: Readonly<Record<string, WebFile>>, requests: string[]): HttpFetcher {
  const find = (url: string): WebFile => {
    const file = web[url]
    if (!file) throw new FerryError('registry-not-found', `${url}: 404`)
    return file
  }
  return {
    async size(url) {
      requests.push(`HEAD ${url}`)
      const file = find(url)
      return Promise.resolve(file.sizeless === true ? undefined : file.bytes.length)
    },
    async read(url, { offset: wanted = 0 }) {
      requests.push(`GET ${url}${wanted > 0 ? ` from ${wanted}` : ''}`)
      const file = find(url)
      const offset = file.wholeOnly === true ? 0 : wanted
      return Promise.resolve({ offset, size: file.bytes.length, body: pieces(file, offset) })
    },
    async readAll(url, { limit }) {
      requests.push(`GET ${url}`)
      const { bytes } = find(url)
      if (bytes.length > limit) throw new FerryError('content-invalid', `${url}: more than ${limit} bytes`)
      return Promise.resolve(bytes)
    },
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- an async iterable of known values
async function* pieces(file: WebFile, offset: number): AsyncIterable<Uint8Array> {
  const rest = file.bytes.subarray(offset)
  const half = Math.ceil(rest.length / 2)
  yield rest.subarray(0, half)
  if ((file.breaks ?? 0) > 0) {
    file.breaks = (file.breaks ?? 0) - 1
    throw transient(new FerryError('registry-unreachable', 'the connection broke'))
  }
  yield rest.subarray(half)
}
