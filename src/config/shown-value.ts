/** Characters that would move a terminal's cursor or turn its writing direction round. */
const INVISIBLE = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/**
 * A wrong value as a message may show it: short, on one line, credentials and queries in URLs masked. Lists and mappings are only
 * named for what they are.
 */
export function showValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return `a ${typeof value}`
  const masked = value.replace(/\/\/[^/]*@/g, '//***@').replace(/(:\/\/[^?]*\?).+/s, '$1…')
  const short = masked.length > 80 ? `${masked.slice(0, 80)}…` : masked
  return JSON.stringify(short).replace(INVISIBLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
