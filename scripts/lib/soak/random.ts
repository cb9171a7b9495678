import { seededBytes } from '../../../test/peers/layers.ts'

/** Chances that come out the same for the same seed. */
export interface Random {
  /** From 0 to below `limit`. */
  below(limit: number): number
  /** From `least` to `most`, both included. */
  between(least: number, most: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  bytes(length: number): Buffer
}

export function createRandom(seed: string): Random {
  const bytes = seededBytes(`soak ${seed}`)
  const fraction = (): number => bytes(6).readUIntBE(0, 6) / 2 ** 48
  const below = (limit: number): number => Math.floor(fraction() * limit)
  return {
    below,
    between: (least, most) => least + below(most - least + 1),
    chance: (probability) => fraction() < probability,
    pick: (list) => list[below(list.length)]!,
    bytes,
  }
}
