import { buildIndexes } from '../bundle/index-json.ts'
import { assembleLock, findDifferences, matchLock, problemAt, sameBlobs, type EntryMatch } from '../bundle/lock.ts'
import { resolveChart } from '../bundle/sources/chart.ts'
import type { Resolved } from '../bundle/sources/contents.ts'
import { resolveFile } from '../bundle/sources/file.ts'
import { resolveImage } from '../bundle/sources/image.ts'
import type { SourceContext } from '../bundle/sources/source-context.ts'
import type { BundleDefinition, ChartEntry, FileEntry, ImageEntry, Place } from '../config/bundle-definition.ts'
import type { Chart, File, Image, LockFile } from '../config/bundle-lock.gen.ts'
import { FerryError, type Problem } from '../errors.ts'
import type { Emit } from '../events.ts'
import { platformText } from '../oci/descriptor.ts'
import { newLimit } from '../oci/parallel.ts'
import { count, startRun, type Run } from './lock-run.ts'

export interface LockRequest {
  readonly definition: BundleDefinition
  readonly existing?: LockFile
  /** Ask again what every tag, version and URL stands for. Without it, what is locked stays and costs no request. */
  readonly update: boolean
  /** Ask nothing: fail where the lock is not exactly bundle.yaml. Local files and charts are read all the same. */
  readonly frozen?: boolean
}

export interface LockEffects extends Omit<SourceContext, 'gate' | 'warn'> {
  readonly emit: Emit
  /** Requests under way at once. Default 16. */
  readonly concurrency?: number
}

/** Entries by name; `updated` stand for other content than before. */
export interface LockChanges {
  readonly added: readonly string[]
  readonly kept: readonly string[]
  readonly removed: readonly string[]
  readonly updated: readonly string[]
}

export interface LockResult {
  readonly lock: LockFile
  readonly changes: LockChanges
}

/** Chart archives are held in memory while they are read: so many at once. */
const CHARTS_AT_ONCE = 4

/**
 * Resolves bundle.yaml to digests and sizes.
 * @throws FerryError with a problem for every entry that could not be resolved: `config-invalid` when all of them are
 *   names, tags and platforms that do not exist, else the code of the first other failure; `config-lock-mismatch` with
 *   the differences when `frozen`.
 */
export async function lockBundle(request: LockRequest, effects: LockEffects): Promise<LockResult> {
  const { definition, existing, frozen = false } = request
  const update = request.update && !frozen
  const match = matchLock(definition, existing)
  if (frozen) refuseDifferences(definition, findDifferences(definition, match))

  const { emit, signal, concurrency = 16 } = effects
  const warn = (message: string, hint?: string): void =>
    emit({ type: 'warning', message, ...(hint !== undefined && { hint }) })
  const context: SourceContext = { ...effects, gate: newLimit(concurrency), warn }
  const chartGate = newLimit(CHARTS_AT_ONCE)
  const run = startRun(definition, { emit, ...(signal && { signal }) })
  const keep = { update, run }

  const total = match.images.length + match.charts.length + match.files.length
  emit({ type: 'task-start', task: 'lock', title: 'Resolving bundle.yaml', totalItems: total })
  const [images, charts, files] = await Promise.all([
    resolveAll<ImageEntry, Image>(match.images, keep, (entry, locked) => resolveImage(entry, context, locked?.digest)),
    resolveAll<ChartEntry, Chart>(match.charts, keep, (entry, locked) =>
      chartGate(() => resolveChart(entry, context, locked?.ref === undefined ? undefined : locked.digest)),
    ),
    resolveAll<FileEntry, File>(match.files, keep, (entry) => resolveFile(entry, context)),
  ])
  signal?.throwIfAborted()
  run.throwProblems()

  const all = [...images, ...charts, ...files]
  const lock = assemble(definition, { images, charts, files })
  const labels = (change: Change): string[] => all.filter((done) => done.change === change).map(({ label }) => label)
  const changes = { added: labels('added'), kept: labels('kept'), updated: labels('updated'), removed: match.removed }
  if (frozen) {
    refuseDifferences(
      definition,
      all.flatMap(({ place, label, change }) =>
        change === 'updated' ? [problemAt(definition, place, `${label} has changed since it was locked`)] : [],
      ),
    )
    if (existing && !sameBlobs(existing, lock))
      refuseDifferences(definition, [
        { message: 'the lock lists other blobs than its entries have: it was edited by hand' },
      ])
  }
  emit({ type: 'task-end', task: 'lock', summary: summarise(definition, lock, changes) })
  return { lock, changes }
}

type Change = 'added' | 'kept' | 'updated'
interface Done<Locked> extends Resolved<Locked> {
  readonly label: string
  readonly place: Place
  readonly change: Change
}

async function resolveAll<Entry extends ImageEntry | ChartEntry | FileEntry, Locked extends Image | Chart | File>(
  matches: readonly EntryMatch<Entry, Locked>[],
  { update, run }: { readonly update: boolean; readonly run: Run },
  resolve: (entry: Entry, locked: Locked | undefined) => Promise<Resolved<Locked>>,
): Promise<Done<Locked>[]> {
  const done = await Promise.all(
    matches.map(async (match): Promise<Done<Locked> | undefined> => {
      const { entry, label } = match
      const about = { label, place: entry.place }
      const isLocal = 'kind' in entry && entry.kind === 'local'
      if (match.state === 'locked' && !update && !isLocal) return { ...about, ...match.resolved, change: 'kept' }
      const known = match.state === 'changed' ? match.locked : undefined
      const resolved = await run.attempt(entry.place, label, () => resolve(entry, update ? undefined : known))
      if (!resolved) return undefined
      const before = match.state === 'new' ? undefined : match.state === 'locked' ? match.resolved.locked : match.locked
      const same = match.state === 'locked' && sameEntry(match.resolved.locked, resolved.locked)
      return { ...about, ...resolved, change: before === undefined ? 'added' : same ? 'kept' : 'updated' }
    }),
  )
  return done.flatMap((entry) => entry ?? [])
}

function sameEntry(a: Image | Chart | File, b: Image | Chart | File): boolean {
  const sorted = (entry: object): string =>
    JSON.stringify(Object.entries(entry).toSorted(([x], [y]) => (x < y ? -1 : 1)))
  return a.digest === b.digest && sorted(a) === sorted(b)
}

function assemble(definition: BundleDefinition, entries: Parameters<typeof assembleLock>[0]): LockFile {
  try {
    const lock = assembleLock(entries)
    buildIndexes(lock)
    return lock
  } catch (error) {
    if (!(error instanceof FerryError)) throw error
    const { message, hint } = error
    throw new FerryError(error.code, `${definition.file}: 1 problem`, {
      problems: [{ file: definition.file, message, ...(hint !== undefined && { hint }) }],
      cause: error,
    })
  }
}

function refuseDifferences(definition: BundleDefinition, problems: readonly Problem[]): void {
  if (problems.length === 0) return
  throw new FerryError('config-lock-mismatch', `${definition.file}: the lock does not match it`, {
    problems,
    hint: `Run: ferry lock ${definition.file}, look at what it changes, and commit the lock.`,
  })
}

/** `62 images, 9 charts, 14 files · 2 platforms · 0 new since the lock` */
function summarise(definition: BundleDefinition, lock: LockFile, { added, updated, removed }: LockChanges): string {
  const kinds = [
    count(lock.images.length, 'image'),
    ...(lock.charts.length > 0 ? [count(lock.charts.length, 'chart')] : []),
    ...(lock.files.length > 0 ? [count(lock.files.length, 'file')] : []),
  ]
  const platforms = new Set(
    [...definition.platforms, ...definition.images.flatMap((image) => image.platforms)].map(platformText),
  )
  const changed = [
    `${added.length} new since the lock`,
    ...(updated.length > 0 ? [`${updated.length} changed`] : []),
    ...(removed.length > 0 ? [`${removed.length} gone`] : []),
  ]
  return [kinds.join(', '), count(platforms.size, 'platform'), changed.join(', ')].join(' · ')
}
