import { FerryError } from '../../errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Graph } from '../../oci/graph.ts'
import type { RepositoryReader } from './repository-reader.ts'

/**
 * Layers that say their content lies elsewhere (media types `foreign` and `nondistributable`, descriptors with `urls`).
 * Those URLs are never followed: whoever wrote the manifest would choose where Ferry goes. A registry that has the
 * content all the same is asked like for any other layer.
 * @throws FerryError `content-invalid` for one the registry does not have.
 */
export async function refuseMissingForeignLayers(graph: Graph, reader: RepositoryReader, name: string): Promise<void> {
  const foreign = new Map<Digest, Descriptor>()
  for (const { document, bytes } of graph.documents.values()) {
    if (document.kind !== 'manifest') continue
    const withUrls = digestsWithUrls(bytes)
    for (const layer of document.layers)
      if (/foreign|nondistributable/i.test(layer.mediaType) || withUrls.has(layer.digest))
        foreign.set(layer.digest, layer)
  }
  await Promise.all(
    [...foreign.values()].map(async (layer) => {
      if (await reader.hasBlob(layer)) return
      throw new FerryError(
        'content-invalid',
        `${name}: the layer ${layer.digest} (${layer.mediaType}) is not in the registry: its manifest points to another place, and such links are not followed`,
        {
          hint: 'Push the image with its layers included (docker push with allow-nondistributable-artifacts), or leave its platform out.',
        },
      )
    }),
  )
}

/** The parsed document has no `urls`: they are not wanted anywhere else. Its bytes are known to be a manifest. */
function digestsWithUrls(bytes: Uint8Array): Set<unknown> {
  const manifest = JSON.parse(new TextDecoder().decode(bytes)) as {
    readonly layers: readonly { readonly digest: unknown; readonly urls?: unknown }[]
  }
  return new Set(
    manifest.layers.filter(({ urls }) => Array.isArray(urls) && urls.length > 0).map(({ digest }) => digest),
  )
}
