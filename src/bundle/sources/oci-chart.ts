import type { Chart } from '../../config/bundle-lock.gen.ts'
import { FerryError } from '../../errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { parseDocument, type Document } from '../../oci/document.ts'
import { MEDIA } from '../../oci/media-types.ts'
import { referenceText, type Reference } from '../../oci/reference.ts'
import { MAX_ARCHIVE_BYTES, readChart } from './chart-artifact.ts'
import { contentsOfGraph, digestsOf, type Resolved } from './contents.ts'
import { fetchRoot, walkWithAttached } from './image.ts'
import { openRepository } from './repository-reader.ts'
import type { SourceContext } from './source-context.ts'

/**
 * Resolves a chart that lies in a registry (helm.sh "OCI registries"): one manifest with Helm's config and one archive,
 * and what is attached to it.
 */
export async function resolveOciChart(
  reference: Reference,
  context: SourceContext,
  lockedDigest?: Digest,
): Promise<Resolved<Chart>> {
  const name = `oci://${referenceText(reference)}`
  const { charts, warn } = context
  const reader = openRepository(reference, context)
  const { descriptor: root, bytes } = await fetchRoot(reference, { reader, warn, lockedDigest })
  const layer = archiveLayer(parseDocument(bytes, root.mediaType, name), name)
  const metadata = await readChart(await reader.readBlob(layer, MAX_ARCHIVE_BYTES), name, charts)
  const choice = { indexes: new Set<Digest>(), followed: new Set<Digest>(), subjects: [root.digest] }
  const { attached, graph } = await walkWithAttached(root, choice, { reader, warn, name })
  const contents = contentsOfGraph(graph)
  const locked: Chart = {
    name: metadata.name,
    version: metadata.version,
    ref: name,
    digest: root.digest,
    size: root.size,
    mediaType: root.mediaType,
    content: layer.digest,
    ...(attached.length > 0 && { attached }),
    contents: digestsOf(contents),
  }
  return { locked, contents }
}

function archiveLayer(document: Document, name: string): Descriptor {
  const fail = (why: string): never => {
    throw new FerryError('content-invalid', `${name}: not a Helm chart: ${why}`, {
      hint: 'Container images belong under images, charts under charts.',
    })
  }
  if (document.kind === 'index') return fail('it is an index of several manifests')
  if (document.config.mediaType !== MEDIA.helmConfig) return fail(`its config is ${document.config.mediaType}`)
  const [layer, ...more] = document.layers.filter(({ mediaType }) => mediaType === MEDIA.helmChart)
  if (!layer || more.length > 0) return fail(`it has ${layer ? more.length + 1 : 'no'} archives (${MEDIA.helmChart})`)
  return layer
}
