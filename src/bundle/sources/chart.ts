import type { Chart } from '../../config/bundle-lock.gen.ts'
import type { ChartEntry } from '../../config/bundle-definition.ts'
import { FerryError } from '../../errors.ts'
import { MEDIA } from '../../oci/media-types.ts'
import type { Digest } from '../../oci/digest.ts'
import { contentsOfArtifact } from './artifact.ts'
import { chartArtifact, deriveChart, MAX_ARCHIVE_BYTES, readChart } from './chart-artifact.ts'
import { parseChartMetadata } from './chart-metadata.ts'
import { findInRepository } from './chart-repository.ts'
import { digestsOf, type Resolved } from './contents.ts'
import { explainMissing } from './missing-path.ts'
import { resolveOciChart } from './oci-chart.ts'
import { shownUrl } from './shown-url.ts'
import type { SourceContext } from './source-context.ts'

type Entry<Kind extends ChartEntry['kind']> = Extract<ChartEntry, { readonly kind: Kind }>

/**
 * Resolves a chart to its archive and the OCI artifact around it. Every archive is fetched and checked: what Helm would
 * refuse on site is refused here.
 * @param lockedDigest a digest the same OCI reference is locked to.
 * @throws FerryError `registry-*`, `content-invalid`, `io-file`, `config-invalid` when there is nothing at its path
 */
export async function resolveChart(
  entry: ChartEntry,
  context: SourceContext,
  lockedDigest?: Digest,
): Promise<Resolved<Chart>> {
  switch (entry.kind) {
    case 'oci':
      return resolveOciChart(entry.reference, context, lockedDigest)
    case 'repository':
      return resolveRepositoryChart(entry, context)
    case 'local':
      return resolveLocalChart(entry, context)
  }
}

/** The archive of a local chart, packed anew: the same bytes for the same files. */
async function packLocalChart(
  { location, path }: Pick<Entry<'local'>, 'location' | 'path'>,
  charts: SourceContext['charts'],
): Promise<Uint8Array> {
  const nameOf = (chartYaml: Uint8Array): string => parseChartMetadata(chartYaml, path).name
  return explainMissing(path, () => charts.load(location, { where: path, nameOf }))
}

async function resolveLocalChart(entry: Entry<'local'>, { charts }: SourceContext): Promise<Resolved<Chart>> {
  const archive = await packLocalChart(entry, charts)
  const artifact = await deriveChart(archive, entry.path, charts)
  return lockArtifact(artifact, { path: entry.path })
}

async function resolveRepositoryChart(entry: Entry<'repository'>, context: SourceContext): Promise<Resolved<Chart>> {
  const { http, gate, charts, signal } = context
  const { name, version, repo } = entry
  const where = `${name} ${version} of ${shownUrl(repo)}`
  const found = await findInRepository(entry, context)
  if (found.kind === 'oci') {
    const { locked, contents } = await resolveOciChart(found.reference, context)
    checkIdentity(locked, entry, where)
    return { locked: { ...locked, repo, url: found.url }, contents }
  }
  const archive = await gate(() => http.readAll(found.url, { limit: MAX_ARCHIVE_BYTES, ...(signal && { signal }) }))
  const metadata = await readChart(archive, where, charts)
  checkIdentity(metadata, entry, where)
  const artifact = chartArtifact(archive, metadata)
  if (found.digest !== undefined && found.digest !== artifact.layer.digest)
    throw new FerryError(
      'registry-digest',
      `${where}: the repository's index says ${found.digest}, but ${shownUrl(found.url)} is ${artifact.layer.digest}`,
      {
        hint: 'The archive was replaced after it was published, or is being tampered with. Ask whoever runs the repository.',
      },
    )
  return lockArtifact(artifact, { repo, url: found.url })
}

function lockArtifact(
  artifact: ReturnType<typeof chartArtifact>,
  origin: Pick<Chart, 'repo' | 'url' | 'path'>,
): Resolved<Chart> {
  const contents = contentsOfArtifact(artifact)
  const { digest, size } = artifact.manifest.descriptor
  const locked: Chart = {
    name: artifact.name,
    version: artifact.version,
    ...origin,
    digest,
    size,
    mediaType: MEDIA.ociManifest,
    content: artifact.layer.digest,
    contents: digestsOf(contents),
  }
  return { locked, contents }
}

function checkIdentity(
  found: { readonly name: string; readonly version: string },
  { name, version }: Entry<'repository'>,
  where: string,
): void {
  if (found.name === name && found.version === version) return
  throw new FerryError('content-invalid', `${where}: the archive there says that it is ${found.name} ${found.version}`)
}
