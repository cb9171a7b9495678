import { formatBytes, formatBytesOf, formatDuration, formatInteger, formatRate } from './format.ts'
import { padLabel, TASK_LABELS } from './labelled-line.ts'
import { printable, shorten } from './plain-text.ts'
import type { ActiveTask, Retry } from './task-board.ts'

const MOST_BAR = 24
const LEAST_BAR = 8
/** How many of the things under way are named. */
const NAMED = 3

/** What is known of a task's progress, most telling first: `5.1 / 6.3 GB`, `212 MB/s`, `6 s left`, `12 running`. */
export function progressFacts(task: ActiveTask, now: number): string[] {
  const facts: string[] = []
  const { totalBytes, totalItems, bytes, items } = task
  const rate = bytes === 0 && totalBytes === undefined ? undefined : task.meter.rate(now)
  if (totalBytes !== undefined && totalBytes > 0) facts.push(formatBytesOf(Math.max(0, bytes), totalBytes))
  else if (totalItems !== undefined) facts.push(`${items} of ${totalItems}`)
  else if (bytes > 0) facts.push(formatBytes(bytes))
  if (rate !== undefined && bytes > 0) facts.push(rate === 0 ? 'stalled' : formatRate(rate))
  if (totalBytes !== undefined && rate !== undefined && rate > 0 && bytes < totalBytes)
    facts.push(`${formatDuration(Math.ceil((totalBytes - bytes) / rate) * 1000)} left`)
  if (task.running.size > 0) facts.push(`${task.running.size} running`)
  return facts
}

/** Done of the total, 0 to 1; undefined where no total is known. */
export function doneShare(task: ActiveTask): number | undefined {
  const { totalBytes, totalItems, bytes, items } = task
  if (totalBytes !== undefined && totalBytes > 0) return clamp(bytes / totalBytes, 0, 1)
  if (totalItems !== undefined && totalItems > 0) return clamp(items / totalItems, 0, 1)
  return undefined
}

/** `download    ████████████░░░░  5.1 / 6.3 GB · 212 MB/s · 6 s left · 12 running`, in at most `width` characters. */
export function progressLine(task: ActiveTask, now: number, width: number): string {
  const label = padLabel(TASK_LABELS[task.task].live)
  const facts = progressFacts(task, now)
  const share = doneShare(task)
  if (share === undefined) return shorten(label + (facts.length > 0 ? facts.join(' · ') : printable(task.title)), width)
  // The bar gives way first, then the facts, least telling first.
  while (facts.length > 1 && label.length + LEAST_BAR + 2 + facts.join(' · ').length > width) facts.pop()
  const text = facts.join(' · ')
  const room = width - label.length - 2 - text.length
  if (room < LEAST_BAR) return shorten(label + text, width)
  return `${label}${bar(share, Math.min(MOST_BAR, room))}  ${text}`
}

/** What stands below a task's line: the names of what runs, what is tried again. */
export function detailLines(task: ActiveTask, now: number, width: number): string[] {
  const waiting = [...task.retries].filter(([, { until }]) => until > now)
  const indent = ' '.repeat(padLabel('').length)
  const running = [...task.running].filter(([item]) => !waiting.some(([name]) => name === item))
  const named = running.slice(0, NAMED)
  const lines = named.map(([item, { totalBytes }]) => {
    const size = totalBytes === undefined ? '' : `  ${formatBytes(totalBytes)}`
    return indent + shorten(printable(item), width - indent.length - size.length) + size
  })
  const more = running.length - named.length
  if (more > 0) lines.push(`${indent}and ${more} more`)
  for (const [item, retry] of waiting.slice(0, NAMED)) lines.push(retryText(item, retry, now, width))
  if (waiting.length > NAMED) lines.push(`! and ${waiting.length - NAMED} more to be tried again`)
  return lines
}

/** `! docker.io/grafana/grafana  429, again in 4 s (2 of 8)`, in at most `width` characters. */
export function retryText(item: string, retry: Retry, now: number, width = Number.POSITIVE_INFINITY): string {
  const seconds = Math.max(1, Math.ceil((retry.until - now) / 1000))
  const when = `, again in ${formatDuration(seconds * 1000)} (${retry.attempt} of ${retry.attempts})`
  const reason = briefReason(item, printable(retry.reason))
  const room = Math.max(0, width - when.length - '!   '.length)
  // Of a short reason every word is told; a long one leaves the name the half.
  const name = shorten(printable(item), Math.max(room - reason.length, Math.floor(room / 2)))
  const left = room - name.length
  return `! ${name}  ${reason.length <= left ? reason : `${reason.slice(0, Math.max(0, left - 1))}…`}${when}`
}

/** The reason without what the line says anyway: the host in front, the blob behind. --json has it whole. */
function briefReason(item: string, reason: string): string {
  const [host = ''] = item.split('/', 1)
  const rest = reason.startsWith(`${host}: `) ? reason.slice(host.length + 2) : reason
  return rest.replace(/ \([^()]*sha256:[^()]*\)$/, '')
}

/** ` · 3 retries`, or nothing. */
export function retrySummary(task: ActiveTask | undefined): string {
  if (!task || task.retryCount === 0) return ''
  return task.retryCount === 1 ? ' · 1 retry' : ` · ${formatInteger(task.retryCount)} retries`
}

function bar(share: number, width: number): string {
  const full = Math.floor(share * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}
