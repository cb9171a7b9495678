import { FerryError } from '../../errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestOf, type Digest } from '../../oci/digest.ts'
import { nameOf, type Reference } from '../../oci/reference.ts'
import type { FetchedDocument } from '../../oci/registry.ts'
import type { LoadDocument } from '../../oci/store.ts'
import { openVerified } from '../../oci/verified-read.ts'
import type { SourceContext } from './source-context.ts'

/** One repository while an entry is resolved: every request goes through the gate, every manifest is fetched once. */
export interface RepositoryReader {
  /** `quay.io/calico/node`, for messages. */
  readonly name: string
  /** A manifest or index by tag or digest; undefined when it is not there. */
  fetch(tagOrDigest: string): Promise<FetchedDocument | undefined>
  /** One that something names: it must be there, with this size and digest. */
  readonly load: LoadDocument
  /** A blob held in memory (a config, a chart archive), verified. */
  readBlob(descriptor: Descriptor, limit: number): Promise<Uint8Array>
  hasBlob(descriptor: Descriptor): Promise<boolean>
  /** As `fetch`, for a tag that need not exist. */
  find(tag: string): Promise<FetchedDocument | undefined>
  listReferrers(digest: Digest): Promise<readonly Descriptor[]>
  listTags(): Promise<readonly string[] | undefined>
}

/** How many tags are looked through for one that is near to a misspelt one. */
const MAX_TAGS = 2000

export function openRepository(reference: Reference, context: SourceContext): RepositoryReader {
  const { gate, clock, signal } = context
  const { repository } = reference
  const name = nameOf(reference)
  const registry = context.registryFor(reference.registry)
  const fetched = new Map<string, Promise<FetchedDocument | undefined>>()

  const fetch = (tagOrDigest: string): Promise<FetchedDocument | undefined> => {
    let answer = fetched.get(tagOrDigest)
    if (!answer) {
      answer = gate(() => registry.fetchDocument(repository, tagOrDigest, signal)).then((document) => {
        if (document) fetched.set(document.descriptor.digest, Promise.resolve(document))
        return document
      })
      fetched.set(tagOrDigest, answer)
    }
    return answer
  }

  return {
    name,
    fetch,
    async load({ digest, size }) {
      const document = await fetch(digest)
      if (!document)
        throw new FerryError('registry-not-found', `${name}: ${digest} is named, but the registry has it not`)
      const found = digestOf(document.bytes)
      if (found !== digest)
        throw new FerryError('registry-digest', `${name}: ${digest} came with other content, ${found}`)
      if (document.bytes.length !== size)
        throw new FerryError(
          'content-invalid',
          `${name}: ${digest} has ${document.bytes.length} bytes, an index says ${size}`,
        )
      return document.bytes
    },
    async readBlob(descriptor, limit) {
      if (descriptor.size > limit)
        throw new FerryError(
          'content-invalid',
          `${name}: ${descriptor.digest} (${descriptor.mediaType}) has ${descriptor.size} bytes; at most ${limit} are accepted`,
        )
      const source = {
        read: (what: Descriptor, options: { readonly offset?: number; readonly signal?: AbortSignal }) =>
          registry.readBlob(repository, what, options),
      }
      const retry = { sleep: (milliseconds: number, abort?: AbortSignal) => clock.sleep(milliseconds, abort) }
      return gate(async () => {
        const pieces: Uint8Array[] = []
        for await (const piece of openVerified(source, descriptor, { retry, ...(signal && { signal }) })(0))
          pieces.push(piece)
        return Buffer.concat(pieces)
      })
    },
    hasBlob: (descriptor) => gate(() => registry.hasBlob(repository, descriptor, signal)),
    find: (tag) => gate(() => registry.findDocument(repository, tag, signal)),
    listReferrers: (digest) => gate(() => registry.listReferrers(repository, digest, signal)),
    listTags: () => gate(() => registry.listTags(repository, { limit: MAX_TAGS, ...(signal && { signal }) })),
  }
}
