import { resolve } from 'node:path'
import { parsePlatformText, type Platform } from '../oci/descriptor.ts'
import { normalHost, type Reference } from '../oci/reference.ts'
import type { BundleDraft, ChartDraft, Parsed, Placed } from './bundle-draft.ts'
import type { BundleDefinition, ChartEntry, FileEntry, Place, RegistrySettings } from './bundle-definition.ts'
import type { File } from './bundle.gen.ts'
import { pathText, type Path } from './text-place.ts'
import { toUtcSeconds } from './utc-time.ts'
import type { YamlDocument } from './yaml-document.ts'

/** Fills in defaults and full names. Only for drafts in which no mismatch and no rule found anything. */
export function normaliseBundle(draft: BundleDraft, document: YamlDocument, folder: string): BundleDefinition {
  const { metadata, spec } = draft
  const placeOf = (path: Path): Place => ({ ...document.placeOf(path), path: pathText(path) })
  const platforms = (spec.platforms ?? []).map(toPlatform)
  return {
    file: document.file,
    folder,
    name: certain(metadata.name),
    version: certain(metadata.version),
    channel: metadata.channel ?? 'stable',
    ...(metadata.sequence !== undefined && { sequence: metadata.sequence }),
    minInstalledSequence: metadata.minInstalledSequence ?? 0,
    notAfter: metadata.notAfter === undefined ? null : certain(toUtcSeconds(metadata.notAfter)),
    keysVersion: metadata.keysVersion ?? 1,
    platforms,
    registries: Object.fromEntries(
      draft.registries.map(({ host, value }) => [normalHost(host), toSettings(value, folder)]),
    ),
    images: draft.images.map(({ path, value, parsed }) => ({
      place: placeOf(path),
      reference: referenceOf(parsed),
      platforms: value.platforms?.map(toPlatform) ?? platforms,
    })),
    charts: draft.charts.map((chart) => toChart(chart, placeOf(chart.path))),
    files: draft.files.map((entry) => toFile(entry, placeOf(entry.path), folder)),
  }
}

function toSettings(settings: RegistrySettings, folder: string): RegistrySettings {
  const { plainHttp, mirrors, caFile, tokenHosts } = settings
  return {
    ...(plainHttp !== undefined && { plainHttp }),
    ...(mirrors && { mirrors: mirrors.map(lowerHost) }),
    ...(caFile !== undefined && { caFile: resolve(folder, caFile) }),
    ...(tokenHosts && { tokenHosts: tokenHosts.map((host) => host.toLowerCase()) }),
  }
}

/** `Mirror.example:5000/prefix` with its host as hosts are compared. */
function lowerHost(mirror: string): string {
  return mirror.replace(/^[^/]*/, (host) => host.toLowerCase())
}

function toChart({ value, parsed, location }: ChartDraft, place: Place): ChartEntry {
  if (parsed) return { place, kind: 'oci', reference: referenceOf(parsed) }
  if (location !== undefined) return { place, kind: 'local', path: certain(value.path), location }
  const { name, version, repo } = value
  return { place, kind: 'repository', name: certain(name), version: certain(version), repo: certain(repo) }
}

function toFile({ value }: Placed<File>, place: Place, folder: string): FileEntry {
  const common = {
    place,
    name: value.name,
    ...(value.platform !== undefined && { platform: toPlatform(value.platform) }),
    mode: value.mode ?? '0644',
    ...(value.sha256 !== undefined && { sha256: value.sha256 }),
  }
  if (value.url !== undefined) return { ...common, kind: 'url', url: value.url }
  const path = certain(value.path)
  return { ...common, kind: 'local', path, location: resolve(folder, path) }
}

function toPlatform(text: string): Platform {
  return certain(parsePlatformText(text))
}

function referenceOf(parsed: Parsed): Reference {
  if ('error' in parsed) throw parsed.error
  return parsed.reference
}

/** What schema and rules have made sure of. */
function certain<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('a bundle was normalised that had not been checked')
  return value
}
