import { isTag, parseReference, referenceText } from '../oci/reference.ts'
import type { Attached, Chart, File, Image, LockFile } from './bundle-lock.gen.ts'
import { invalidFile, locateFindings, type Finding } from './problems.ts'
import { showValue } from './shown-value.ts'
import type { Path } from './text-place.ts'
import { findMismatches } from './validate.ts'
import { formatYaml, parseYaml } from './yaml.ts'

const FIRST_LINE = '# Written by ferry lock. Keep it in version control; change bundle.yaml, not this.'
const HINT =
  'It is written by ferry lock: restore it from version control, or delete it and run ferry lock (every tag is then resolved anew).'
/** A lock of 200 000 blobs has 18 MB. */
const MAX_LOCK_BYTES = 64 * 1024 * 1024

/**
 * Parses bundle.lock.yaml. What comes back has the lock's shape, its names are in their full form, and every digest it
 * speaks of has its size, once.
 * @throws FerryError `config-invalid` with all problems.
 */
export function parseLock(text: string, file: string): LockFile {
  const document = parseYaml(text, file, { limitBytes: MAX_LOCK_BYTES, hint: HINT })
  let findings = findMismatches('bundle-lock', document.value, document.writtenAs)
  if (findings.length === 0) {
    const lock = document.value as LockFile
    findings = [...ruleReferences(lock), ...ruleSizes(lock), ...ruleUnique(lock)]
    if (findings.length === 0) return sortLock(lock)
  }
  throw invalidFile(file, locateFindings(document, findings), HINT)
}

/** Writes a lock. The same content gives the same bytes, whatever order it came in. */
export function formatLock(lock: LockFile): string {
  return `${FIRST_LINE}\n${formatYaml(sortLock(lock))}`
}

/** Image names are in the form that Ferry compares and annotates. */
function ruleReferences(lock: LockFile): Finding[] {
  return lock.images.flatMap((image, i) =>
    isNormalReference(image.ref)
      ? []
      : [{ path: ['images', i, 'ref'], message: `${showValue(image.ref)} is not an image name in its full form` }],
  )
}

function isNormalReference(text: string): boolean {
  try {
    return referenceText(parseReference(text)) === text
  } catch {
    return false
  }
}

/** Whatever an entry names is listed with its size: offsets in the bundle are computed from the lists alone. */
function ruleSizes(lock: LockFile): Finding[] {
  const findings: Finding[] = []
  const documents = new Map(Object.entries(lock.documents))
  const layers = new Map(Object.entries(lock.layers))
  const expectDocument = (entry: { digest: string; size: number }, path: Path): void => {
    const size = documents.get(entry.digest)
    if (size === undefined)
      findings.push({ path: [...path, 'digest'], message: `${entry.digest} is not among documents` })
    else if (size !== entry.size)
      findings.push({ path: [...path, 'size'], message: `expected ${size} as in documents, found ${entry.size}` })
  }
  const expectBlob = (digest: string, path: Path): void => {
    if (!layers.has(digest) && !documents.has(digest))
      findings.push({ path, message: `${digest} is neither among layers nor among documents` })
  }
  for (const kind of ['images', 'charts', 'files'] as const) {
    for (const [i, entry] of lock[kind].entries()) {
      expectDocument(entry, [kind, i])
      if ('content' in entry) expectBlob(entry.content, [kind, i, 'content'])
      if ('contents' in entry) {
        for (const [j, digest] of entry.contents.entries()) expectBlob(digest, [kind, i, 'contents', j])
        if (!entry.contents.includes(entry.digest))
          findings.push({ path: [kind, i, 'contents'], message: `${entry.digest}, its own manifest, is not in it` })
      }
      const attached = 'attached' in entry ? (entry.attached ?? []) : []
      for (const [j, attachment] of attached.entries()) {
        expectDocument(attachment, [kind, i, 'attached', j])
        if (attachment.tag !== undefined && !isTag(attachment.tag))
          findings.push({ path: [kind, i, 'attached', j, 'tag'], message: `${showValue(attachment.tag)} is not a tag` })
      }
    }
  }
  for (const digest of layers.keys()) {
    if (documents.has(digest))
      findings.push({ path: ['layers', digest], at: 'key', message: 'is among documents too; it is carried once' })
  }
  return findings
}

/** A name stands for one thing. */
function ruleUnique(lock: LockFile): Finding[] {
  const findings: Finding[] = []
  const check = (kind: 'images' | 'charts' | 'files', names: readonly string[]): void => {
    const seen = new Set<string>()
    for (const [i, name] of names.entries()) {
      if (seen.has(name)) findings.push({ path: [kind, i], message: `${name} is there twice` })
      seen.add(name)
    }
  }
  check('images', lock.images.map(imageKey))
  check('charts', lock.charts.map(chartKey))
  check('files', lock.files.map(fileKey))
  return findings
}

/** Sorted where order has no meaning; keys of entries in the order of the schema; what is undefined left out. */
function sortLock(lock: LockFile): LockFile {
  return {
    apiVersion: lock.apiVersion,
    kind: lock.kind,
    images: sortBy(lock.images, imageKey).map(({ ref, platforms, digest, size, mediaType, attached, contents }) => ({
      ref,
      platforms: platforms.toSorted(),
      digest,
      size,
      mediaType,
      ...(attached && { attached: sortAttached(attached) }),
      contents: contents.toSorted(),
    })),
    charts: sortBy(lock.charts, chartKey).map((chart) => ({
      name: chart.name,
      version: chart.version,
      ...pick(chart, ['repo', 'url', 'ref', 'path']),
      digest: chart.digest,
      size: chart.size,
      mediaType: chart.mediaType,
      content: chart.content,
      ...(chart.attached && { attached: sortAttached(chart.attached) }),
      contents: chart.contents.toSorted(),
    })),
    files: sortBy(lock.files, fileKey).map((file) => ({
      name: file.name,
      ...pick(file, ['url', 'path', 'platform']),
      mode: file.mode,
      digest: file.digest,
      size: file.size,
      content: file.content,
    })),
    documents: sortKeys(lock.documents),
    layers: sortKeys(lock.layers),
  }
}

function sortAttached(attached: readonly Attached[]): Attached[] {
  return sortBy(attached, ({ digest, tag }) => `${digest} ${tag ?? ''}`).map((entry) => ({
    digest: entry.digest,
    size: entry.size,
    mediaType: entry.mediaType,
    ...pick(entry, ['artifactType', 'tag']),
  }))
}

function imageKey(image: Image): string {
  return image.ref
}

function chartKey(chart: Chart): string {
  return chart.ref ?? `${chart.name} ${chart.version}`
}

function fileKey(file: File): string {
  return file.platform === undefined ? file.name : `${file.name} for ${file.platform}`
}

/** The given keys of an object, in this order, without those that are undefined. */
function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Partial<Pick<T, K>> {
  const picked: Partial<Pick<T, K>> = {}
  for (const key of keys) if (from[key] !== undefined) picked[key] = from[key]
  return picked
}

/** By UTF-16 code units: the same on every machine, whatever its locale. */
function sortBy<T>(list: readonly T[], keyOf: (entry: T) => string): T[] {
  return list.toSorted((a, b) => {
    const [x, y] = [keyOf(a), keyOf(b)]
    return x < y ? -1 : x > y ? 1 : 0
  })
}

function sortKeys(map: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(sortBy(Object.entries(map), ([key]) => key))
}
