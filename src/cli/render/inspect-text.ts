import type { InspectItem, InspectReport } from '../../app/inspect.ts'
import { fingerprintText } from '../../trust/key.ts'
import { keyText } from '../read-keys.ts'
import { formatBytes, formatCount } from './format.ts'
import { labelledLine } from './labelled-line.ts'
import { briefDigests, printable } from './plain-text.ts'
import { formatTable, type Column } from './table.ts'

/** What `ferry inspect` prints for people. */
export function inspectText(report: InspectReport, path: string): string {
  const sections = [
    summary(report, path),
    ...itemsOf(report, 'image', imageSection),
    ...itemsOf(report, 'chart', (items) => nameSection('Charts', items)),
    ...itemsOf(report, 'file', fileSection),
    ...itemsOf(report, 'attached', (items) => attachedSection(items, report)),
    ...sharedSection(report),
  ]
  return sections.map((lines) => lines.join('\n')).join('\n\n')
}

function summary(report: InspectReport, path: string): string[] {
  const facts = [`channel ${report.channel}`, `sequence ${report.sequence}`, `issued ${report.issuedAt}`]
  const count = (kind: InspectItem['kind']): number => report.items.filter((item) => item.kind === kind).length
  const holds = [
    formatCount(count('image'), 'image'),
    formatCount(count('chart'), 'chart'),
    formatCount(count('file'), 'file'),
    `${count('attached')} attached`,
  ]
  const saved = report.sharedBytes > 0 ? [`${formatBytes(report.sharedBytes)} saved by sharing`] : []
  return [
    ...(report.verified ? [] : [NOT_VERIFIED, '']),
    printable(path),
    labelledLine('release', `${report.product} ${report.version}`),
    labelledLine('', facts.join(' · ')),
    ...(report.notAfter === null ? [] : [labelledLine('valid until', report.notAfter)]),
    ...(report.minInstalledSequence > 0
      ? [labelledLine('upgrades', `from sequence ${report.minInstalledSequence} on`)]
      : []),
    ...report.signedBy.map((key) => labelledLine('signed by', keyText(key))),
    ...report.unknownKeys.map((kid8) =>
      labelledLine(
        report.verified ? 'and by' : 'signed by',
        `${fingerprintText(kid8)}, ${report.verified ? 'which was not given with --pub' : 'NOT VERIFIED'}`,
      ),
    ),
    labelledLine('holds', holds.join(', ')),
    labelledLine('size', [formatBytes(report.bytes), formatCount(report.blobs, 'blob'), ...saved].join(' · ')),
  ]
}

const NOT_VERIFIED = 'NOT VERIFIED: without --pub, anyone may have made or changed this file.'

function itemsOf(
  { items }: InspectReport,
  kind: InspectItem['kind'],
  section: (items: readonly InspectItem[]) => string[],
): string[][] {
  const found = items.filter((item) => item.kind === kind)
  return found.length === 0 ? [] : [section(found)]
}

const SIZE: Column = { title: 'SIZE', align: 'right' }
const SHARED: Column = { title: 'SHARED', align: 'right' }
const NAME: Column = { title: 'NAME' }

function imageSection(items: readonly InspectItem[]): string[] {
  const linux = items.every(({ platforms }) => platforms.every((platform) => platform.startsWith('linux/')))
  const texts = items.map((item) => platformsText(item, linux))
  const [first = ''] = texts
  // Said once where it is the same everywhere: the names get the room.
  const same = first !== '' && texts.every((text) => text === first)
  const about = same ? `, all for ${linux ? 'linux/' : ''}${first}` : linux ? ', all for linux' : ''
  const rows = items.map((item, i) => [
    formatBytes(item.bytes),
    item.sharedBytes > 0 ? formatBytes(item.sharedBytes) : '-',
    nameText(item),
    ...(same ? [] : [texts[i] ?? '']),
  ])
  return [`Images${about}`, ...formatTable([SIZE, SHARED, NAME, ...(same ? [] : [{ title: 'PLATFORMS' }])], rows)]
}

function platformsText({ platforms, leftOut }: InspectItem, linux: boolean): string {
  const names = platforms.map((platform) => (linux ? platform.slice('linux/'.length) : platform))
  const all = platforms.length + leftOut.length
  return names.join(', ') + (leftOut.length > 0 ? ` (of ${all})` : '')
}

function nameSection(title: string, items: readonly InspectItem[]): string[] {
  return [
    title,
    ...formatTable(
      [SIZE, NAME],
      items.map((item) => [formatBytes(item.bytes), nameText(item)]),
    ),
  ]
}

function fileSection(items: readonly InspectItem[]): string[] {
  const rows = items.map((item) => {
    const [, name = item.name] = /^files\/([^:]+):/.exec(item.name) ?? []
    return [formatBytes(item.bytes), printable(name), item.platforms.join(', ') || 'any']
  })
  return ['Files', ...formatTable([SIZE, NAME, { title: 'PLATFORM' }], rows)]
}

function attachedSection(items: readonly InspectItem[], { items: all }: InspectReport): string[] {
  const rows = items.map((item) => {
    const cosign = /:sha256-([a-f0-9]{64})\.(sig|att|sbom)$/.exec(item.name)
    const subject = cosign ? `sha256:${cosign[1] ?? ''}` : item.subject
    const type = cosign ? (COSIGN_TYPES[cosign[2] ?? ''] ?? '') : (item.artifactType ?? item.mediaType)
    const to = all.find(({ kind, digest }) => kind !== 'attached' && digest === subject)
    return [formatBytes(item.bytes), printable(type.replace(/^application\//, '')), nameText(to ?? item)]
  })
  return ['Attached', ...formatTable([SIZE, { title: 'TYPE' }, { title: 'TO' }], rows)]
}

/** cosign's tag scheme: `sha256-<digest>.<suffix>` beside the image. */
const COSIGN_TYPES: Readonly<Record<string, string>> = {
  sig: 'cosign signature',
  att: 'cosign attestation',
  sbom: 'cosign SBOM',
}

function sharedSection({ items }: InspectReport): string[][] {
  const groups = sharingGroups(items.filter(({ kind }) => kind !== 'attached'))
  if (groups.length === 0) return []
  return [
    [
      'Layers are shared among',
      ...groups.flatMap((group) => group.map((name, i) => `  ${i === 0 ? '-' : ' '} ${nameText({ name })}`)),
    ],
  ]
}

/** Items that have layers in common, directly or through others; larger groups first. */
function sharingGroups(items: readonly InspectItem[]): string[][] {
  const byName = new Map(items.map((item) => [item.name, item]))
  const seen = new Set<string>()
  const groups: string[][] = []
  for (const { name: start } of items) {
    const group: string[] = []
    const pending = [start]
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const item = byName.get(name)
      if (!item || seen.has(name)) continue
      seen.add(name)
      group.push(name)
      pending.push(...item.sharesWith)
    }
    if (group.length > 1) groups.push(group.sort())
  }
  return groups.sort((a, b) => b.length - a.length)
}

function nameText({ name }: { readonly name: string }): string {
  return briefDigests(printable(name))
}
