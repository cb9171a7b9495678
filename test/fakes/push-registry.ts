import { digestOf, type Digest } from '../../src/oci/digest.ts'
import { parseDocument, childrenOf } from '../../src/oci/document.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import type { Registry } from '../../src/oci/registry.ts'
import { referrersTag } from '../../src/oci/referrers-tag.ts'

export interface MemoryRegistryOptions {
  /** Refuse an index as long as one of its manifests is missing, as docker-registry does. Default true. */
  readonly strict?: boolean
  /** Mount blobs from other repositories. Default true. */
  readonly mounts?: boolean
  /** The referrers API, and the OCI-Subject header with it. Default true. */
  readonly referrers?: boolean
  /** Called before each operation with its line in `log`: what it throws, the caller gets. */
  readonly before?: (line: string) => Promise<void> | void
}

interface Repository {
  readonly blobs: Map<Digest, Uint8Array>
  readonly documents: Map<Digest, { readonly mediaType: string; readonly bytes: Uint8Array }>
  readonly tags: Map<string, Digest>
}

/**
 * A registry without a wire, for what happens above it: it takes nothing that is not whole (a manifest needs its blobs, a
 * blob its digest) and keeps a log of what was asked: `HEAD blob a/b sha256:…`, `UPLOAD`, `MOUNT`, `PUT a/b tag`.
 */
export interface MemoryRegistry extends Registry {
  readonly repositories: ReadonlyMap<string, Repository>
  readonly log: string[]
  /** The lines of the log that changed something. */
  readonly writes: () => string[]
}

export function memoryRegistry(options: MemoryRegistryOptions = {}): MemoryRegistry {
  const { strict = true, mounts = true, referrers = true } = options
  const repositories = new Map<string, Repository>()
  const log: string[] = []
  const open = (name: string): Repository => {
    const found = repositories.get(name) ?? { blobs: new Map(), documents: new Map(), tags: new Map() }
    repositories.set(name, found)
    return found
  }
  const begin = async (line: string, signal?: AbortSignal): Promise<void> => {
    log.push(line)
    await options.before?.(line)
    signal?.throwIfAborted()
  }
  const resolve = (name: string, tagOrDigest: string): Digest | undefined => {
    const repository = repositories.get(name)
    const digest = repository?.tags.get(tagOrDigest) ?? (tagOrDigest as Digest)
    return repository?.documents.has(digest) ? digest : undefined
  }
  const missingFrom = (repository: Repository, mediaType: string, bytes: Uint8Array): Descriptor | undefined => {
    const document = parseDocument(bytes, mediaType, 'pushed')
    const there = document.kind === 'index' ? repository.documents : repository.blobs
    if (document.kind === 'index' && !strict) return undefined
    return childrenOf(document).find(({ digest }) => !there.has(digest))
  }

  const registry: MemoryRegistry = {
    repositories,
    log,
    writes: () => log.filter((line) => /^(UPLOAD|MOUNT|PUT)/.test(line)),
    async headDocument(name, tagOrDigest, signal) {
      await begin(`HEAD document ${name} ${tagOrDigest}`, signal)
      return resolve(name, tagOrDigest)
    },
    async fetchDocument(name, tagOrDigest, signal) {
      await begin(`GET document ${name} ${tagOrDigest}`, signal)
      const digest = resolve(name, tagOrDigest)
      const found = digest && repositories.get(name)?.documents.get(digest)
      if (!found) return undefined
      return { descriptor: { mediaType: found.mediaType, digest, size: found.bytes.length }, bytes: found.bytes }
    },
    findDocument: (name, tag, signal) => registry.fetchDocument(name, tag, signal),
    async hasBlob(name, { digest }, signal) {
      await begin(`HEAD blob ${name} ${digest}`, signal)
      return repositories.get(name)?.blobs.has(digest) ?? false
    },
    async mountBlob(name, { digest }, from, signal) {
      await begin(`MOUNT ${name} ${digest} ${from}`, signal)
      const bytes = repositories.get(from)?.blobs.get(digest)
      if (!mounts || !bytes) return false
      open(name).blobs.set(digest, bytes)
      return true
    },
    async uploadBlob(name, { digest }, source, { signal } = {}) {
      await begin(`UPLOAD ${name} ${digest}`, signal)
      const pieces: Uint8Array[] = []
      for await (const piece of source(0)) pieces.push(piece)
      const bytes = Buffer.concat(pieces)
      signal?.throwIfAborted()
      if (digestOf(bytes) !== digest) throw new Error(`an upload of ${digest} ended with other bytes`)
      open(name).blobs.set(digest, bytes)
    },
    async putDocument(name, tagOrDigest, { mediaType, bytes }, signal) {
      await begin(`PUT ${name} ${tagOrDigest}`, signal)
      const missing = missingFrom(repositories.get(name) ?? open(''), mediaType, bytes)
      if (missing) return { refused: `MANIFEST_BLOB_UNKNOWN (${missing.digest})`, code: 'MANIFEST_BLOB_UNKNOWN' }
      const digest = digestOf(bytes)
      if (tagOrDigest.includes(':') && tagOrDigest !== digest) return { refused: 'other bytes', code: 'DIGEST_INVALID' }
      open(name).documents.set(digest, { mediaType, bytes })
      if (!tagOrDigest.includes(':')) open(name).tags.set(tagOrDigest, digest)
      return { subjectHandled: referrers && parseDocument(bytes, mediaType, 'pushed').subject !== undefined }
    },
    async listReferrers(name, subject, signal) {
      await begin(`GET referrers ${name} ${subject}`, signal)
      const documents = repositories.get(name)?.documents ?? new Map<Digest, never>()
      if (referrers)
        return [...documents].flatMap(([digest, { mediaType, bytes }]) =>
          parseDocument(bytes, mediaType, 'kept').subject?.digest === subject
            ? [{ mediaType, digest, size: bytes.length }]
            : [],
        )
      const list = resolve(name, referrersTag(subject))
      const found = list && documents.get(list)
      if (!found) return []
      const document = parseDocument(found.bytes, found.mediaType, 'kept')
      return document.kind === 'index' ? [...document.manifests] : []
    },
    listTags: (name) => Promise.resolve(repositories.has(name) ? [...open(name).tags.keys()] : undefined),
    readBlob: () => Promise.reject(new Error('a push reads no blob')),
  }
  return registry
}
