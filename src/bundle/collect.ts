import type { Attached, Chart, File, Image, LockFile } from '../config/bundle-lock.gen.ts'
import { FerryError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOf, type Digest } from '../oci/digest.ts'
import { walkGraph, type Graph } from '../oci/graph.ts'
import { mapParallel, newLimit, type Gate } from '../oci/parallel.ts'
import { parseReference, type Reference } from '../oci/reference.ts'
import type { HttpFetcher, Registry } from '../oci/registry.ts'
import type { ChartArchive } from '../ports.ts'
import type { Origin } from './origins.ts'
import { deriveChart, MAX_ARCHIVE_BYTES } from './sources/chart-artifact.ts'
import { fileArtifact } from './sources/file-artifact.ts'
import type { Artifact } from './sources/artifact.ts'
import { shownUrl } from './sources/shown-url.ts'

/** The head of a bundle in bytes, and where the rest can be had. */
export interface Collected {
  /** Manifests and small configs that were fetched or derived on the way, by digest, verified. */
  readonly documents: ReadonlyMap<Digest, Uint8Array>
  /** Every other blob. */
  readonly origins: ReadonlyMap<Digest, Origin>
  /** What people call a blob: the first thing that has it. */
  readonly names: ReadonlyMap<Digest, string>
}

export interface CollectDeps {
  readonly registryFor: (host: string) => Registry
  readonly http: HttpFetcher
  readonly charts: ChartArchive
  /** Absolute path of a path as it stands in the lock. */
  readonly locate: (path: string) => string
  /** A blob that is complete already in the file under construction. */
  readonly keep: (digest: Digest) => Promise<Uint8Array | undefined>
  /** Network requests at once. */
  readonly concurrency: number
  readonly signal?: AbortSignal
}

/**
 * Fetches every manifest of a lock and derives those of charts and files. What comes must be exactly what the lock says:
 * the same closure, no blob more or less.
 */
export async function collectContent(lock: LockFile, deps: CollectDeps): Promise<Collected> {
  const documents = new Map<Digest, Uint8Array>()
  const origins = new Map<Digest, Origin>()
  const names = new Map<Digest, string>()
  const into: Into = { lock, documents, origins, names, limit: newLimit(deps.concurrency) }
  await mapParallel(lock.images, deps.concurrency, (image) => collectImage(image, into, deps))
  await mapParallel(lock.charts, deps.concurrency, (chart) => collectChart(chart, into, deps))
  for (const file of lock.files) collectFile(file, into, deps)
  checkComplete(into)
  return { documents, origins, names }
}

interface Into {
  readonly lock: LockFile
  readonly documents: Map<Digest, Uint8Array>
  readonly origins: Map<Digest, Origin>
  readonly names: Map<Digest, string>
  readonly limit: Gate
}

async function collectImage(image: Image, into: Into, deps: CollectDeps): Promise<void> {
  const reference = parseReference(image.ref)
  await collectRegistry(reference, { name: image.ref, roots: [image, ...(image.attached ?? [])] }, into, deps)
}

async function collectRegistry(
  reference: Reference,
  { name, roots }: { readonly name: string; readonly roots: readonly (Attached | Image | Chart)[] },
  into: Into,
  deps: CollectDeps,
): Promise<void> {
  const registry = deps.registryFor(reference.registry)
  const { repository } = reference
  const load = (descriptor: Descriptor): Promise<Uint8Array> =>
    into.limit(async () => {
      const known = into.documents.get(descriptor.digest) ?? (await deps.keep(descriptor.digest))
      if (known) return known
      const fetched = await registry.fetchDocument(repository, descriptor.digest, deps.signal)
      if (!fetched)
        throw new FerryError('registry-not-found', `${name}: ${descriptor.digest} is no longer in the registry`, {
          hint: 'It was there when it was locked. Run ferry lock --update to lock what the tag says now.',
        })
      return fetched.bytes
    })
  const graph = await walkGraph(roots.map(rootDescriptor), load, {
    // What the lock has was followed then; nothing else is now.
    follow: (child) => Object.hasOwn(into.lock.documents, child.digest),
    nameOf: () => name,
  })
  addGraph(graph, { name, origin: { kind: 'registry', host: reference.registry, repository } }, into)
}

function rootDescriptor({ mediaType, digest, size }: { mediaType: string; digest: Digest; size: number }): Descriptor {
  return { mediaType, digest, size }
}

function addGraph(
  graph: Graph,
  { name, origin }: { readonly name: string; readonly origin: Origin },
  into: Into,
): void {
  for (const [digest, { bytes }] of graph.documents) into.documents.set(digest, bytes)
  for (const group of [graph.configs, graph.layers]) {
    for (const { digest, size } of group.values()) {
      const locked = into.lock.documents[digest] ?? into.lock.layers[digest]
      if (locked !== size) throw differs(`${name}: ${digest} of ${size} bytes is not in the lock`)
      addOrigin(digest, { name, origin }, into)
    }
  }
}

function addOrigin(
  digest: Digest,
  { name, origin }: { readonly name: string; readonly origin: Origin },
  into: Into,
): void {
  if (!into.origins.has(digest)) into.origins.set(digest, origin)
  if (!into.names.has(digest)) into.names.set(digest, name)
}

async function collectChart(chart: Chart, into: Into, deps: CollectDeps): Promise<void> {
  const name = `${chart.name} ${chart.version}`
  if (chart.ref !== undefined) {
    const reference = parseReference(chart.ref.replace(/^oci:\/\//, ''))
    await collectRegistry(reference, { name: chart.ref, roots: [chart, ...(chart.attached ?? [])] }, into, deps)
    return
  }
  const archive = await into.limit(() => loadArchive(chart, name, deps))
  if (digestOf(archive) !== chart.content)
    throw differs(
      `the chart ${name}${chart.url === undefined ? '' : ` (${shownUrl(chart.url)})`} has other content than when it was locked`,
      chart.url === undefined ? undefined : 'If the new one is right: ferry lock --update.',
    )
  addArtifact(await deriveChart(archive, name, deps.charts), chart, into)
  addOrigin(chart.content, { name, origin: { kind: 'memory', bytes: archive } }, into)
}

async function loadArchive(chart: Chart, where: string, deps: CollectDeps): Promise<Uint8Array> {
  const kept = await deps.keep(chart.content)
  if (kept) return kept
  if (chart.path !== undefined) return deps.charts.load(deps.locate(chart.path), { where, nameOf: () => chart.name })
  if (chart.url === undefined) throw differs(`the chart ${where} has neither url, ref nor path in the lock`)
  return deps.http.readAll(chart.url, { limit: MAX_ARCHIVE_BYTES, ...(deps.signal && { signal: deps.signal }) })
}

function collectFile(file: File, into: Into, deps: CollectDeps): void {
  const { name, platform, mode, content } = file
  const size = into.lock.layers[content] ?? into.lock.documents[content]
  if (size === undefined) throw differs(`the file ${name} has no size in the lock`)
  addArtifact(fileArtifact({ name, mode, content, size, ...(platform !== undefined && { platform }) }), file, into)
  const origin: Origin | undefined =
    file.url !== undefined
      ? { kind: 'url', url: file.url }
      : file.path !== undefined
        ? { kind: 'local', location: deps.locate(file.path) }
        : undefined
  if (!origin) throw differs(`the file ${name} has neither url nor path in the lock`)
  addOrigin(content, { name, origin }, into)
}

function addArtifact({ manifest, config }: Artifact, locked: { readonly digest: string }, into: Into): void {
  if (manifest.descriptor.digest !== locked.digest)
    throw differs(`${locked.digest} was locked where this Ferry makes ${manifest.descriptor.digest}`)
  for (const { descriptor, bytes } of [manifest, config]) into.documents.set(descriptor.digest, bytes)
}

function checkComplete({ lock, documents, origins }: Into): void {
  for (const digest of [...Object.keys(lock.documents), ...Object.keys(lock.layers)] as Digest[])
    if (!documents.has(digest) && !origins.has(digest)) throw differs(`${digest} is in the lock, but nothing names it`)
  for (const digest of documents.keys())
    if (lock.documents[digest] === undefined) throw differs(`${digest} is not in the lock`)
}

function differs(message: string, hint?: string): FerryError {
  return new FerryError('config-lock-mismatch', `the lock does not fit: ${message}`, {
    hint: hint ?? 'Run ferry lock on the bundle.yaml and look at what changed in the lock.',
  })
}
