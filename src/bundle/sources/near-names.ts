const LONGEST = 128
const COLLATOR = new Intl.Collator('en', { numeric: true })

/**
 * The names nearest to one that is not there, best first: fewest letters changed, then the newest version.
 * Empty when nothing is near.
 * @param count default 3
 */
export function nearNames(wanted: string, names: Iterable<string>, count = 3): string[] {
  if (wanted.length > LONGEST) return []
  const tolerance = Math.max(2, Math.floor(wanted.length / 3))
  return [...names]
    .filter((name) => name !== wanted && Math.abs(name.length - wanted.length) <= tolerance)
    .map((name) => ({ name, distance: editDistance(wanted, name) }))
    .filter(({ distance }) => distance <= tolerance)
    .toSorted((a, b) => a.distance - b.distance || COLLATOR.compare(b.name, a.name))
    .slice(0, count)
    .map(({ name }) => name)
}

/** `. Near: v3.31.2, v3.31.1`, or the newest where nothing is near, or nothing at all. */
export function nearText(wanted: string, names: readonly string[]): string {
  const near = nearNames(wanted, names)
  if (near.length > 0) return `. Near: ${near.join(', ')}`
  const newest = names.toSorted((a, b) => COLLATOR.compare(b, a)).slice(0, 3)
  return newest.length > 0 ? `. There are: ${newest.join(', ')}${names.length > 3 ? ', …' : ''}` : ''
}

/** Levenshtein's: letters inserted, removed or changed. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(changed, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
