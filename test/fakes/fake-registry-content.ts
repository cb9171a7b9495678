import { digestOf, isDigest, type Digest } from '../../src/oci/digest.ts'

export interface FakeDocument {
  readonly mediaType: string
  readonly bytes: Buffer
}

export interface FakeRepository {
  readonly blobs: Map<Digest, Buffer>
  readonly documents: Map<Digest, FakeDocument>
  readonly tags: Map<string, Digest>
}

/** What a fake registry holds; tests fill it and look into it. */
export interface FakeContent {
  readonly repositories: ReadonlyMap<string, FakeRepository>
  /** The repository, made when it is not there. */
  repository(name: string): FakeRepository
  addBlob(repository: string, bytes: Uint8Array | string): Digest
  /** Adds a manifest or index, under a tag if one is given. */
  addDocument(repository: string, document: AddedDocument): Digest
  /** By tag or digest. */
  find(repository: string, tagOrDigest: string): (FakeDocument & { readonly digest: Digest }) | undefined
}

export interface AddedDocument {
  /** A value is made to JSON. */
  readonly content: Uint8Array | object
  readonly mediaType: string
  readonly tag?: string
}

export function createContent(): FakeContent {
  const repositories = new Map<string, FakeRepository>()
  const repository = (name: string): FakeRepository => {
    const found = repositories.get(name) ?? { blobs: new Map(), documents: new Map(), tags: new Map() }
    repositories.set(name, found)
    return found
  }
  return {
    repositories,
    repository,
    addBlob(name, content) {
      const bytes = Buffer.from(content)
      const digest = digestOf(bytes)
      repository(name).blobs.set(digest, bytes)
      return digest
    },
    addDocument(name, { content, mediaType, tag }) {
      const bytes = Buffer.from(content instanceof Uint8Array ? content : JSON.stringify(content))
      const digest = digestOf(bytes)
      const target = repository(name)
      target.documents.set(digest, { mediaType, bytes })
      if (tag !== undefined) target.tags.set(tag, digest)
      return digest
    },
    find(name, tagOrDigest) {
      const target = repositories.get(name)
      const digest = isDigest(tagOrDigest) ? tagOrDigest : target?.tags.get(tagOrDigest)
      const document = digest && target?.documents.get(digest)
      return digest && document ? { ...document, digest } : undefined
    },
  }
}
