import type { Layout } from '../../../src/bundle/layout.ts'
import type { Random } from './random.ts'

export interface Damage {
  readonly bytes: Buffer
  /** Where and how, enough to do it again by hand. */
  readonly what: string
}

type Damaging = (bytes: Buffer, at: number, random: Random) => Damage

/** Damages a copy of a bundle at random; never comes back with the same bytes. */
export function damage(whole: Buffer, layout: Layout, random: Random): Damage {
  for (;;) {
    const kind = random.pick([
      flipBit,
      flipBit,
      flipBit,
      setByte,
      cutOff,
      insert,
      remove,
      swapBlocks,
      zeroBlock,
      append,
    ])
    const result = kind(whole, choosePlace(layout, random), random)
    if (!result.bytes.equals(whole)) return result
  }
}

/** Anywhere; as often in headers, in what is small (statement, signatures, manifests), in padding, and in the end mark. */
function choosePlace(layout: Layout, random: Random): number {
  const entry = random.pick(layout.entries)
  const small = random.pick(layout.entries.slice(0, Math.ceil(layout.entries.length / 2)))
  const afterContent = entry.offset + entry.size
  switch (random.below(6)) {
    case 0:
      return random.between(entry.headerOffset, entry.offset - 1)
    case 1:
      return random.between(small.offset, small.offset + small.size - 1)
    case 2:
      // The last byte of the content when there is no padding.
      return random.between(afterContent - 1, Math.ceil(afterContent / 512) * 512 - 1)
    case 3:
      return random.between(layout.endOffset, layout.totalBytes - 1)
    default:
      return random.below(layout.totalBytes)
  }
}

const flipBit: Damaging = (whole, at, random) => {
  const bytes = Buffer.from(whole)
  const bit = random.below(8)
  bytes[at] = bytes[at]! ^ (1 << bit)
  return { bytes, what: `bit ${bit} of byte ${at} flipped` }
}

const setByte: Damaging = (whole, at, random) => {
  const bytes = Buffer.from(whole)
  const value = random.pick([0, 0x20, 0x30, 0x31, 0x2f, 0xff, random.below(256)])
  bytes[at] = value
  return { bytes, what: `byte ${at} set to ${value}` }
}

const cutOff: Damaging = (whole, at, random) => {
  const end = random.chance(0.5) ? at : Math.floor(at / 512) * 512
  return { bytes: whole.subarray(0, end), what: `cut off at ${end}` }
}

const insert: Damaging = (whole, at, random) => {
  const length = random.pick([1, 512, random.between(1, 5000)])
  const added = random.chance(0.5) ? Buffer.alloc(length) : random.bytes(length)
  const bytes = Buffer.concat([whole.subarray(0, at), added, whole.subarray(at)])
  return { bytes, what: `${length} bytes inserted at ${at}` }
}

const remove: Damaging = (whole, at, random) => {
  const length = random.pick([1, 512, random.between(1, 5000)])
  return {
    bytes: Buffer.concat([whole.subarray(0, at), whole.subarray(at + length)]),
    what: `${length} bytes removed at ${at}`,
  }
}

const swapBlocks: Damaging = (whole, at, random) => {
  const length = 512 * random.pick([1, 1, 8, 128])
  const blocks = Math.floor(whole.length / length)
  const from = Math.min(Math.floor(at / length), blocks - 1) * length
  const to = random.below(blocks) * length
  const bytes = Buffer.from(whole)
  bytes.set(whole.subarray(to, to + length), from)
  bytes.set(whole.subarray(from, from + length), to)
  return { bytes, what: `${length} bytes at ${from} and ${to} swapped` }
}

const zeroBlock: Damaging = (whole, at) => {
  const start = Math.floor(at / 512) * 512
  return { bytes: Buffer.from(whole).fill(0, start, start + 512), what: `block at ${start} zeroed` }
}

const append: Damaging = (whole, _, random) => {
  const added = random.chance(0.5) ? Buffer.alloc(512 * random.between(1, 20)) : random.bytes(random.between(1, 2000))
  return { bytes: Buffer.concat([whole, added]), what: `${added.length} bytes appended` }
}
