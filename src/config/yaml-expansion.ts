import { EVENT_ID, type Event } from 'js-yaml'

/**
 * How many values a document has when every alias is followed, which is what whoever walks or prints it will meet.
 * Linear in the events whatever the aliases say; the sum may be Infinity.
 */
export function findExpansion(events: readonly Event[], source: string): number {
  const sizes = new Map<string, number>()
  const open: { anchor: string | undefined; size: number }[] = []
  let total = 0
  const add = (size: number): void => {
    const parent = open.at(-1)
    if (parent) parent.size += size
    else total += size
  }
  const anchorOf = (event: { anchorStart: number; anchorEnd: number }): string | undefined =>
    event.anchorStart < 0 ? undefined : source.slice(event.anchorStart, event.anchorEnd)
  for (const event of events) {
    if (event.type === EVENT_ID.DOCUMENT) open.push({ anchor: undefined, size: 0 })
    else if (event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING)
      open.push({ anchor: anchorOf(event), size: 1 })
    else if (event.type === EVENT_ID.SCALAR) {
      const anchor = anchorOf(event)
      if (anchor !== undefined) sizes.set(anchor, 1)
      add(1)
    } else if (event.type === EVENT_ID.ALIAS) add(sizes.get(anchorOf(event) ?? '') ?? 1)
    else {
      const closed = open.pop()
      if (!closed) continue
      if (closed.anchor !== undefined) sizes.set(closed.anchor, closed.size)
      add(closed.size)
    }
  }
  return total
}
