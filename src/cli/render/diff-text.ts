import type { DiffItem, DiffReport } from '../../app/diff.ts'
import { formatBytes, formatCount } from './format.ts'
import { printable } from './plain-text.ts'

const SIGNS = { came: '+', went: '-', changed: '~' } as const

/** What `ferry diff` prints for people. */
export function diffText(report: DiffReport): string {
  const { items, unchanged, newBytes, newBlobs, goneBytes, goneBlobs, totalBytes } = report
  const width = Math.max(0, ...items.map(({ kind }) => kind.length)) + 2
  const count = (change: DiffItem['change']): number => items.filter((item) => item.change === change).length
  return [
    `${printable(report.old)} -> ${printable(report.new)}`,
    ...items.map((item) => `  ${SIGNS[item.change]} ${item.kind.padEnd(width)}${printable(item.name)}${digests(item)}`),
    `  ${count('came')} came, ${count('went')} went, ${count('changed')} changed, ${unchanged} stayed the same`,
    '',
    `${formatBytes(newBytes)} of ${formatBytes(totalBytes)} are new (${formatCount(newBlobs, 'blob')}); ${formatBytes(goneBytes)} are gone (${formatCount(goneBlobs, 'blob')}).`,
  ].join('\n')
}

function digests({ from, to }: DiffItem): string {
  const brief = (digest: string): string => digest.slice('sha256:'.length, 'sha256:'.length + 12)
  return from !== undefined && to !== undefined ? `  ${brief(from)} -> ${brief(to)}` : ''
}
