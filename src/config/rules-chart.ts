import { chartTag, isRegistryHost, isRepository, isTag, referenceText } from '../oci/reference.ts'
import { ociHost, type BundleDraft, type ChartDraft } from './bundle-draft.ts'
import type { Finding } from './problems.ts'
import { unreadable } from './rules-image.ts'
import { httpUrlProblem } from './rules-url.ts'
import { showValue } from './shown-value.ts'
import { pathText, type Path } from './text-place.ts'

const SOURCES = 'name, version and repo; or ref: oci://host/path/name:version; or path: ./folder'

/** A chart comes from exactly one place, and what that place needs is there. */
export function ruleChartSource(draft: BundleDraft): Finding[] {
  return draft.charts.flatMap(({ path, value: chart }) => {
    const sources = (['repo', 'ref', 'path'] as const).filter((key) => chart[key] !== undefined)
    const [source, second] = sources
    if (source === undefined)
      return [{ path, message: 'does not say where the chart comes from', hint: `A chart is either ${SOURCES}.` }]
    if (second !== undefined)
      return [
        {
          path: [...path, second],
          at: 'key',
          message: `${sources.join(' and ')} exclude each other; a chart comes from one place`,
          hint: `A chart is either ${SOURCES}.`,
        },
      ]
    const own = (['name', 'version'] as const).filter((key) => (chart[key] === undefined) === (source === 'repo'))
    if (source === 'repo')
      return own.map((key) => ({
        path,
        message: `${key} is missing; a chart of a repository has name, version and repo`,
      }))
    return own.map((key) => ({
      path: [...path, key],
      at: 'key',
      message:
        source === 'ref'
          ? `${key} goes into ref: oci://host/path/name:version`
          : `${key} goes with repo only; a local chart has its own in Chart.yaml`,
    }))
  })
}

/** An OCI chart names its registry, and a tag or digest: there is no latest among charts. */
export function ruleChartReferences(draft: BundleDraft): Finding[] {
  return draft.charts.flatMap(({ path, value: { ref }, parsed }) => {
    if (ref === undefined || parsed === undefined) return []
    const refPath = [...path, 'ref']
    const hint = 'Expected oci://host/path/name:version.'
    if ('error' in parsed) return unreadable(refPath, parsed).map((finding) => ({ ...finding, hint }))
    if (!isRegistryHost(ociHost(ref)))
      return [{ path: refPath, message: `${showValue(ref)} does not begin with a registry's host`, hint }]
    if (!/[:@][^/]*$/.test(ref.slice('oci://'.length).replace(/^[^/]*\//, '')))
      return [{ path: refPath, message: `${showValue(ref)} has neither a version nor a digest`, hint }]
    return []
  })
}

/** The address of a repository is one that can be fetched from and shown to everyone. */
export function ruleChartRepositories(draft: BundleDraft): Finding[] {
  return draft.charts.flatMap(({ path, value: { repo } }) => {
    const message = repo === undefined ? undefined : httpUrlProblem(repo)
    return message === undefined ? [] : [{ path: [...path, 'repo'], message }]
  })
}

/** Name and version of a repository's chart become `charts/<name>:<version>` on site. */
export function ruleChartNames(draft: BundleDraft): Finding[] {
  return draft.charts.flatMap(({ path, value: { name, version } }) => {
    const findings: Finding[] = []
    if (name !== undefined && !isRepository(`charts/${name}`))
      findings.push({ path: [...path, 'name'], message: `${showValue(name)} cannot be a name in a registry` })
    if (version !== undefined && !isTag(chartTag(version)))
      findings.push({ path: [...path, 'version'], message: `${showValue(version)} cannot be a tag in a registry` })
    return findings
  })
}

/** Every chart is there once. */
export function ruleChartDuplicates(draft: BundleDraft): Finding[] {
  const seen = new Map<string, Path>()
  const findings: Finding[] = []
  for (const chart of draft.charts) {
    const key = identityOf(chart)
    if (key === undefined) continue
    const first = seen.get(key)
    if (first) findings.push({ path: chart.path, message: `${key} is already carried by ${pathText(first)}` })
    else seen.set(key, chart.path)
  }
  return findings
}

/** What a chart will be called; of a local one, where it lies. */
function identityOf({ value, parsed, location }: ChartDraft): string | undefined {
  if (parsed) return 'error' in parsed ? undefined : `oci://${referenceText(parsed.reference)}`
  if (location !== undefined) return location
  if (value.name === undefined || value.version === undefined) return undefined
  return `chart ${value.name} ${value.version}`
}
