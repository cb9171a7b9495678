const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/

/**
 * An RFC 3339 time as `2027-01-31T12:00:00Z`: UTC, whole seconds, fractions cut off. Undefined for what is no such
 * time: days that do not exist, leap seconds, times that leave the years 0000 to 9999.
 */
export function toUtcSeconds(text: string): string | undefined {
  const [, day = '', hours = '', minutes = '', seconds = '', sign, offsetHours = '0', offsetMinutes = '0'] =
    RFC3339.exec(text) ?? []
  if (day === '' || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined
  const midnight = Date.parse(`${day}T00:00:00Z`)
  // Some days that do not exist are read as days of the next month.
  if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(day)) return undefined
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === '-' ? -1 : 1)
  const time = midnight + ((Number(hours) * 60 + Number(minutes) - offset) * 60 + Number(seconds)) * 1000
  const utc = new Date(time).toISOString()
  return utc.length === 24 ? `${utc.slice(0, 19)}Z` : undefined
}
