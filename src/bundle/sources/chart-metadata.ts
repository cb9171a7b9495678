import { parseYamlData } from '../../config/yaml.ts'
import { FerryError } from '../../errors.ts'
import { asMap } from '../../oci/descriptor.ts'
import { chartTag, isRepository, isTag } from '../../oci/reference.ts'

/** A Chart.yaml (or requirements.yaml) above this is refused. */
const MAX_CHART_YAML = 1024 * 1024

/** What Chart.yaml says, as far as Ferry needs it. */
export interface ChartMetadata {
  readonly name: string
  readonly version: string
  readonly description?: string
  readonly dependencies: readonly string[]
  /** The config blob of the chart's OCI artifact: Helm's fields, in Helm's order. */
  readonly config: Readonly<Record<string, unknown>>
}

/** SemVer as Helm reads it: a leading v and missing parts are let pass. */
const VERSION = /^v?[0-9]+(\.[0-9]+){0,2}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/

/**
 * Reads a Chart.yaml (helm.sh "The Chart.yaml File").
 * @param requirements the bytes of a requirements.yaml, where charts of apiVersion v1 name their dependencies.
 * @param where names the chart in messages.
 * @throws FerryError `content-invalid`
 */
export function parseChartMetadata(chartYaml: Uint8Array, where: string, requirements?: Uint8Array): ChartMetadata {
  const chart = parseMap(chartYaml, `${where}: Chart.yaml`)
  const name = checkName(chart['name'], where)
  const version = checkVersion(chart['version'], where)
  if (chart['dependencies'] === undefined && requirements)
    chart['dependencies'] = parseMap(requirements, `${where}: requirements.yaml`)['dependencies']
  const config = pick(chart, FIELDS)
  const dependencies = Array.isArray(config['dependencies']) ? config['dependencies'] : []
  return {
    name,
    version,
    ...(typeof config['description'] === 'string' && { description: config['description'] }),
    dependencies: dependencies.map((dependency) => {
      const dependsOn = (dependency as Record<string, unknown>)['name']
      if (typeof dependsOn !== 'string' || dependsOn === '')
        throw invalid(`${where}: Chart.yaml: a dependency has no name`)
      return dependsOn
    }),
    config,
  }
}

function parseMap(bytes: Uint8Array, where: string): Record<string, unknown> {
  if (bytes.length > MAX_CHART_YAML)
    throw invalid(`${where} has ${bytes.length} bytes; at most ${MAX_CHART_YAML} are accepted`)
  return { ...asMap(parseYamlData(new TextDecoder().decode(bytes), where, MAX_CHART_YAML), where) }
}

/** A name becomes a folder and a path in a registry (CVE-2025-32386: `.` and `..` were accepted). */
function checkName(name: unknown, where: string): string {
  if (typeof name !== 'string' || name === '') throw invalid(`${where}: Chart.yaml has no name`)
  if (name.includes('/') || !isRepository(`charts/${name}`))
    throw new FerryError(
      'content-invalid',
      `${where}: Chart.yaml: ${JSON.stringify(name.slice(0, 200))} cannot be the name of a chart`,
      { hint: 'Lower-case letters and digits, joined by single ".", "_" or "-".' },
    )
  return name
}

function checkVersion(value: unknown, where: string): string {
  const version = text(value)
  if (version === undefined || version === '') throw invalid(`${where}: Chart.yaml has no version`)
  if (!VERSION.test(version) || !isTag(chartTag(version)))
    throw invalid(
      `${where}: Chart.yaml: the version ${JSON.stringify(version.slice(0, 200))} is not a semantic version, as 1.2.3`,
    )
  return version
}

type Field = readonly [key: string, read: (value: unknown) => unknown]

// Helm pushes its Go struct chart.Metadata as JSON: these fields, this order, nothing empty. Other keys are dropped.
const DEPENDENCY: readonly Field[] = [
  ['name', text],
  ['version', text],
  ['repository', (value) => text(value) ?? ''],
  ['condition', text],
  ['tags', texts],
  ['enabled', flag],
  ['import-values', (value) => (Array.isArray(value) && value.length > 0 ? value : undefined)],
  ['alias', text],
]
const MAINTAINER: readonly Field[] = [
  ['name', text],
  ['email', text],
  ['url', text],
]
const FIELDS: readonly Field[] = [
  ['name', text],
  ['home', text],
  ['sources', texts],
  ['version', text],
  ['description', text],
  ['keywords', texts],
  ['maintainers', (value) => maps(value, MAINTAINER)],
  ['icon', text],
  ['apiVersion', text],
  ['condition', text],
  ['tags', text],
  ['appVersion', text],
  ['deprecated', flag],
  ['annotations', textMap],
  ['kubeVersion', text],
  ['dependencies', (value) => maps(value, DEPENDENCY)],
  ['type', text],
]

function pick(map: Readonly<Record<string, unknown>>, fields: readonly Field[]): Record<string, unknown> {
  const picked: Record<string, unknown> = {}
  for (const [key, read] of fields) {
    const value = read(map[key])
    if (value !== undefined) picked[key] = value
  }
  return picked
}

/** YAML reads `appVersion: 1.10` as a number; Helm writes it as a text. */
function text(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function texts(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined
  const list = value.flatMap((item) => text(item) ?? [])
  return list.length > 0 ? list : undefined
}

function flag(value: unknown): true | undefined {
  return value === true ? true : undefined
}

function textMap(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const entries = Object.entries(value).flatMap(([key, item]): [string, string][] => [[key, text(item) ?? '']])
  return entries.length > 0 ? Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))) : undefined
}

function maps(value: unknown, fields: readonly Field[]): Record<string, unknown>[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  return value.map((item) =>
    pick(typeof item === 'object' && item !== null ? (item as Record<string, unknown>) : {}, fields),
  )
}

function invalid(message: string): FerryError {
  return new FerryError('content-invalid', message)
}
