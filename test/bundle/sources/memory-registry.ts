import type { Descriptor } from '../../../src/oci/descriptor.ts'
import { digestOf, isDigest, type Digest } from '../../../src/oci/digest.ts'
import { sniffMediaType } from '../../../src/oci/document.ts'
import type { Registry } from '../../../src/oci/registry.ts'
import type { MemoryContent } from '../../fakes/memory-content.ts'

/** A registry in memory for reading: every repository it knows has all of `content`. */
export interface MemoryRegistry extends Registry {
  /** What was asked for, as `manifest team/app:1.0`, `blob sha256:…`, `head team/app:sha256-….sig`. */
  readonly requests: string[]
}

export interface MemoryRegistryOptions {
  /** `team/app:1.0` -> where it stands. Their repositories are those that exist. */
  readonly tags: Readonly<Record<string, Descriptor>>
  /** Listed as referrers of a digest besides those whose subject it is. */
  readonly referrers?: Readonly<Record<Digest, readonly Descriptor[]>>
}

/** Changes to `content` and `options.tags` are seen at once. */
export function memoryRegistry(content: MemoryContent, options: MemoryRegistryOptions): MemoryRegistry {
  const requests: string[] = []
  const note = (line: string): void => void requests.push(line)
  const repositories = (): Set<string> => new Set(Object.keys(options.tags).map((name) => name.replace(/:[^:]*$/, '')))
  const find = (repository: string, tagOrDigest: string): Descriptor | undefined => {
    const bytes = content.head.get(tagOrDigest as Digest)
    if (!isDigest(tagOrDigest)) return options.tags[`${repository}:${tagOrDigest}`]
    if (!bytes || !repositories().has(repository)) return undefined
    return { mediaType: sniffMediaType(bytes) ?? '', digest: tagOrDigest, size: bytes.length }
  }
  const refuse = (): Promise<never> => Promise.reject(new Error('this registry is for reading'))
  const registry: MemoryRegistry = {
    requests,
    findDocument: (repository, tag) => registry.fetchDocument(repository, tag),
    fetchDocument(repository, tagOrDigest) {
      note(`manifest ${repository}${isDigest(tagOrDigest) ? '@' : ':'}${tagOrDigest}`)
      const descriptor = find(repository, tagOrDigest)
      const bytes = descriptor && content.head.get(descriptor.digest)
      if (!descriptor || !bytes) return Promise.resolve(undefined)
      const { mediaType, digest } = descriptor
      return Promise.resolve({ descriptor: { mediaType, digest, size: bytes.length }, bytes })
    },
    readBlob(_, { digest }, { offset = 0 }) {
      note(`blob ${digest}`)
      const bytes = content.layers.get(digest) ?? content.head.get(digest)
      if (!bytes) return Promise.reject(new Error(`no blob ${digest}`))
      return Promise.resolve({ offset, body: once(bytes.subarray(offset)) })
    },
    listTags(repository) {
      note(`tags ${repository}`)
      if (!repositories().has(repository)) return Promise.resolve(undefined)
      const names = Object.keys(options.tags).filter((name) => name.startsWith(`${repository}:`))
      return Promise.resolve(names.map((name) => name.slice(repository.length + 1)))
    },
    listReferrers(repository, subject) {
      note(`referrers ${repository}@${subject}`)
      const found = [...content.head].flatMap(([digest, bytes]): Descriptor[] => {
        const json = JSON.parse(Buffer.from(bytes).toString()) as { subject?: { digest: string }; mediaType: string }
        if (json.subject?.digest !== subject) return []
        return [{ mediaType: json.mediaType, digest, size: bytes.length }]
      })
      return Promise.resolve([...found, ...(options.referrers?.[subject] ?? [])])
    },
    hasBlob(_, { digest }) {
      note(`has ${digest}`)
      return Promise.resolve(content.layers.has(digest) || content.head.has(digest))
    },
    headDocument(repository, tagOrDigest) {
      note(`head ${repository}:${tagOrDigest}`)
      return Promise.resolve(find(repository, tagOrDigest)?.digest)
    },
    mountBlob: refuse,
    uploadBlob: refuse,
    putDocument: refuse,
  }
  return registry
}

/** Anything as a document with a media type of its own, for what no registry should answer. */
export function putDocument(content: MemoryContent, mediaType: string, text: string): Descriptor {
  const bytes = Buffer.from(text)
  const digest = digestOf(bytes)
  content.head.set(digest, bytes)
  return { mediaType, digest, size: bytes.length }
}

// eslint-disable-next-line @typescript-eslint/require-await -- an async iterable of one value
async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.length > 0) yield bytes
}
