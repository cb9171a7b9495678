import { FerryError } from '../../errors.ts'
import { digestOf } from '../../oci/digest.ts'
import { ANNOTATION, MEDIA } from '../../oci/media-types.ts'
import { chartTag } from '../../oci/reference.ts'
import type { ChartArchive, ChartContents } from '../../ports.ts'
import { buildArtifact, encodeBlob, escapeLikeGo, type Artifact } from './artifact.ts'
import { parseChartMetadata, type ChartMetadata } from './chart-metadata.ts'

/** Chart archives are held in memory; a larger one is refused. Real ones have some 100 KB. */
export const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024

/** A chart archive as the OCI artifact that `helm push` would make of it. */
export interface ChartArtifact extends Artifact {
  readonly name: string
  readonly version: string
}

/**
 * The OCI artifact of an archive (helm.sh "OCI registries"). The same archive gives the same bytes: unlike Helm, no
 * time of creation is noted.
 */
export function chartArtifact(archive: Uint8Array, metadata: ChartMetadata): ChartArtifact {
  const { name, version, description } = metadata
  return {
    name,
    version,
    ...buildArtifact(
      encodeBlob(MEDIA.helmConfig, metadata.config, escapeLikeGo),
      { mediaType: MEDIA.helmChart, digest: digestOf(archive), size: archive.length },
      {
        annotations: {
          ...(description !== undefined && { 'org.opencontainers.image.description': description }),
          [ANNOTATION.title]: name,
          'org.opencontainers.image.version': version,
        },
      },
    ),
  }
}

/**
 * Checks that an archive is a whole Helm chart and reads what it says of itself.
 * @param where names the chart in messages.
 * @throws FerryError `content-invalid`
 */
export async function readChart(archive: Uint8Array, where: string, charts: ChartArchive): Promise<ChartMetadata> {
  const contents = await charts.read(archive, { where, keep: (path) => KEPT.test(path) })
  const chartYaml = contents.kept.get('Chart.yaml')
  if (!chartYaml)
    throw new FerryError('content-invalid', `${where}: not a Helm chart: ${contents.folder}/Chart.yaml is missing`)
  const metadata = parseChartMetadata(chartYaml, where, contents.kept.get('requirements.yaml'))
  checkDependencies(metadata, contents, where)
  return metadata
}

/** Derives the artifact of an archive anew: the same bytes that were locked. */
export async function deriveChart(archive: Uint8Array, where: string, charts: ChartArchive): Promise<ChartArtifact> {
  return chartArtifact(archive, await readChart(archive, where, charts))
}

/** The name of a chart that had no OCI reference: `charts/podinfo:6.9.1`. */
export function chartName(name: string, version: string): string {
  return `charts/${name}:${chartTag(version)}`
}

const KEPT = /^(Chart\.yaml|requirements\.yaml|charts\/[^/]+\/Chart\.yaml)$/

/** On site nothing can be fetched: what a chart depends on must lie in its charts/ folder. */
function checkDependencies(metadata: ChartMetadata, contents: ChartContents, where: string): void {
  if (metadata.dependencies.length === 0) return
  const folders = new Set<string>()
  const archives: string[] = []
  for (const path of contents.files.keys()) {
    const archive = /^charts\/([^/]+)\.tgz$/.exec(path)?.[1]
    if (archive !== undefined) archives.push(archive)
    const folder = /^charts\/([^/]+)\/Chart\.yaml$/.exec(path)?.[1]
    if (folder === undefined) continue
    folders.add(folder)
    const bytes = contents.kept.get(path)
    if (bytes) folders.add(parseChartMetadata(bytes, `${where}: charts/${folder}`).name)
  }
  const missing = metadata.dependencies.filter(
    (name) =>
      !folders.has(name) &&
      !archives.some((file) => file.startsWith(`${name}-`) && /^-v?[0-9]/.test(file.slice(name.length))),
  )
  if (missing.length === 0) return
  throw new FerryError(
    'content-invalid',
    `${where}: the chart ${metadata.name} ${metadata.version} depends on ${missing.join(', ')}, not found in its charts/ folder`,
    { hint: 'Fetch dependencies before packing: helm dependency build PATH-OF-THE-CHART' },
  )
}
