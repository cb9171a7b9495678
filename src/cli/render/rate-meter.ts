/** A rate averaged over the last seconds: steady enough to read, quick enough to believe. */
export interface RateMeter {
  /** `bytes` more at `now` (milliseconds). */
  add(now: number, bytes: number): void
  /** Bytes a second over the window; 0 while nothing came in it. Undefined in the first half second: too little to go by. */
  rate(now: number): number | undefined
}

const WINDOW_MS = 5000
const SLOT_MS = 250
const FIRST_MS = 500

export function createRateMeter(startedAt: number): RateMeter {
  /** Slot number -> bytes, oldest first. */
  const slots: { readonly slot: number; bytes: number }[] = []
  const oldestAt = (now: number): number => Math.floor((now - WINDOW_MS) / SLOT_MS) + 1
  const forget = (now: number): void => {
    while (slots[0] && slots[0].slot < oldestAt(now)) slots.shift()
  }
  return {
    add(now, bytes) {
      const slot = Math.floor(now / SLOT_MS)
      const last = slots.at(-1)
      if (last?.slot === slot) last.bytes += bytes
      else slots.push({ slot, bytes })
      forget(now)
    },
    rate(now) {
      forget(now)
      const span = now - Math.max(startedAt, oldestAt(now) * SLOT_MS)
      if (span < FIRST_MS) return undefined
      const bytes = slots.reduce((sum, slot) => sum + slot.bytes, 0)
      return Math.max(0, (bytes / span) * 1000)
    },
  }
}
