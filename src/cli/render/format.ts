/** Numbers as people say them: SI units, three digits at most, the same everywhere. */

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** `512 B`, `1.5 kB`, `871 MB`, `6.3 GB`. SI: 1 kB is 1000 bytes. */
export function formatBytes(bytes: number): string {
  const { divisor, unit } = unitFor(bytes)
  return `${scaled(bytes, divisor)} ${unit}`
}

/** `5.1 / 6.3 GB`: both in the unit of the total. */
export function formatBytesOf(done: number, total: number): string {
  const { divisor, unit } = unitFor(total)
  return `${scaled(Math.min(done, total), divisor)} / ${scaled(total, divisor)} ${unit}`
}

/** `212 MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`
}

/** `340 ms`, `4.2 s`, `41 s`, `1 m 12 s`, `3 h 5 m`, `2 d 4 h`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.max(0, Math.round(milliseconds))} ms`
  if (milliseconds < 9950) return `${(milliseconds / 1000).toFixed(1).replace(/\.0$/, '')} s`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return twoUnits(Math.floor(seconds / 60), 'm', seconds % 60, 's')
  const minutes = Math.round(seconds / 60)
  if (minutes < 48 * 60) return twoUnits(Math.floor(minutes / 60), 'h', minutes % 60, 'm')
  const hours = Math.round(minutes / 60)
  return twoUnits(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

/** `1 image`, `62 images`, `1 412 blobs`. */
export function formatCount(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatInteger(count)} ${count === 1 ? noun : plural}`
}

/** `1 412`: thousands apart, with a space that does not break. */
export function formatInteger(value: number): string {
  return String(value).replaceAll(/\B(?=(?:\d{3})+$)/g, '\u00a0')
}

function unitFor(bytes: number): { readonly divisor: number; readonly unit: string } {
  let divisor = 1
  let index = 0
  // What would be shown as 1000 belongs to the next unit.
  while (index < BYTE_UNITS.length - 1 && Math.abs(bytes) / divisor >= (index === 0 ? 1000 : 999.5)) {
    divisor *= 1000
    index++
  }
  return { divisor, unit: BYTE_UNITS[index] ?? 'B' }
}

function scaled(bytes: number, divisor: number): string {
  if (divisor === 1) return String(bytes)
  const value = bytes / divisor
  return Math.abs(value) < 99.95 ? value.toFixed(1) : value.toFixed(0)
}

function twoUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`
}
