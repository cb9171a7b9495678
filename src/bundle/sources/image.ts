import type { Attached, Image } from '../../config/bundle-lock.gen.ts'
import type { ImageEntry } from '../../config/bundle-definition.ts'
import { FerryError } from '../../errors.ts'
import { platformText, type Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { walkGraph, type Graph } from '../../oci/graph.ts'
import { nameOf, referenceText, type Reference } from '../../oci/reference.ts'
import type { FetchedDocument } from '../../oci/registry.ts'
import { findAttached } from './attached.ts'
import { contentsOfGraph, digestsOf, type Resolved } from './contents.ts'
import { refuseMissingForeignLayers } from './foreign-layers.ts'
import { nearText } from './near-names.ts'
import { choosePlatforms, type PlatformChoice } from './platform-choice.ts'
import { openRepository, type RepositoryReader } from './repository-reader.ts'
import type { SourceContext } from './source-context.ts'

/**
 * Resolves an image to its digest and everything that comes along: the wanted platforms, their attestations, and the
 * signatures and SBOMs attached to any of it.
 * @param lockedDigest a digest the same reference is locked to: the tag is not asked again.
 * @throws FerryError `registry-*`, `content-platform`, `content-invalid`
 */
export async function resolveImage(
  entry: ImageEntry,
  context: SourceContext,
  lockedDigest?: Digest,
): Promise<Resolved<Image>> {
  const { reference, platforms } = entry
  const name = referenceText(reference)
  const reader = openRepository(reference, context)
  const { descriptor: root } = await fetchRoot(reference, { reader, warn: context.warn, lockedDigest })
  const choice = await choosePlatforms(root, platforms, { reader, name })
  const { attached, graph } = await walkWithAttached(root, choice, { reader, warn: context.warn, name })
  const contents = contentsOfGraph(graph)
  const locked: Image = {
    ref: name,
    platforms: platforms.map(platformText).toSorted(),
    digest: root.digest,
    size: root.size,
    mediaType: root.mediaType,
    ...(attached.length > 0 && { attached }),
    contents: digestsOf(contents),
  }
  return { locked, contents }
}

/** The manifest or index a reference stands for. With tag and digest the digest counts; a tag that moved is told. */
export async function fetchRoot(
  reference: Reference,
  options: {
    readonly reader: RepositoryReader
    readonly warn: SourceContext['warn']
    readonly lockedDigest: Digest | undefined
  },
): Promise<FetchedDocument> {
  const { reader, warn, lockedDigest } = options
  const digest = reference.digest ?? lockedDigest
  if (digest === undefined) {
    const tag = reference.tag ?? 'latest'
    return (await reader.fetch(tag)) ?? (await throwNoTag(tag, reader))
  }
  const root = await reader.fetch(digest)
  if (!root)
    throw new FerryError('registry-not-found', `no such image: ${reader.name}@${digest}`, {
      hint:
        reference.digest === undefined
          ? 'It is what the lock says the tag stood for; ferry lock --update takes what the tag stands for now.'
          : 'The registry may have deleted it when its tag moved. Name a tag that exists, or another digest.',
    })
  if (root.descriptor.digest !== digest)
    throw new FerryError('registry-digest', `${reader.name}@${digest} came as ${root.descriptor.digest}`)
  if (reference.digest !== undefined && reference.tag !== undefined) {
    const now = (await reader.find(reference.tag))?.descriptor.digest
    if (now !== digest)
      warn(
        `${nameOf(reference)}:${reference.tag} ${now === undefined ? 'is no longer there' : `now stands for ${now}`}; the digest in bundle.yaml is taken, ${digest}`,
      )
  }
  return root
}

/** Walks an image and what is attached to it; every blob of both is in the graph. */
export async function walkWithAttached(
  root: Descriptor,
  choice: PlatformChoice,
  options: { readonly reader: RepositoryReader; readonly warn: SourceContext['warn']; readonly name: string },
): Promise<{ readonly attached: Attached[]; readonly graph: Graph }> {
  const { reader, warn, name } = options
  const attached = await findAttached(choice.subjects, { reader, warn })
  const graph = await walkGraph([root, ...attached], (descriptor) => reader.load(descriptor), {
    follow: (child, parent) => !choice.indexes.has(parent.digest) || choice.followed.has(child.digest),
    nameOf: ({ digest }) => (digest === root.digest ? name : `${reader.name}@${digest}, attached to ${name},`),
  })
  await refuseMissingForeignLayers(graph, reader, name)
  return { attached, graph }
}

async function throwNoTag(tag: string, reader: RepositoryReader): Promise<never> {
  const tags = await reader.listTags()
  if (tags === undefined)
    throw new FerryError('registry-not-found', `no such repository: ${reader.name}`, {
      hint: 'Check the name. A private repository may look like this to someone who is not logged in: docker login.',
    })
  const near = nearText(
    tag,
    tags.filter((other) => !/^sha256-[a-f0-9]{64}/.test(other)),
  )
  throw new FerryError('registry-not-found', `no such tag: ${reader.name}:${tag}${near}`)
}
