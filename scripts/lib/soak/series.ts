import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createRandom, type Random } from './random.ts'
import type { World } from './world.ts'

/** One kind of long test. */
export interface Series {
  readonly name: string
  /** Rounds when nobody says how many. */
  readonly rounds: number
  /** Prepares what all rounds share. */
  start(world: World): Promise<RunningSeries>
}

export interface RunningSeries {
  round(context: RoundContext): Promise<RoundResult>
  stop(): Promise<void>
}

export interface RoundContext {
  readonly random: Random
  /** Identifies the round; for chances that must not depend on an order. */
  readonly seed: string
  /** From 1. */
  readonly round: number
  /** An empty folder. Kept when the round finds a violation, else removed. */
  readonly folder: string
}

export interface RoundResult {
  /** What should not have happened, one sentence each. */
  readonly violations: readonly string[]
  /** What was done, as `{kills: 3}`: added up over all rounds. A count that stays 0 shows a series that tests nothing. */
  readonly counts: Readonly<Record<string, number>>
}

export interface SeriesReport {
  readonly name: string
  readonly rounds: number
  readonly violations: readonly string[]
  readonly counts: Readonly<Record<string, number>>
  readonly seconds: number
}

export interface RunOptions {
  readonly seed: string
  /** The numbers of the rounds to run. */
  readonly rounds: readonly number[]
  /** Where rounds have their folders. */
  readonly folder: string
  /** Hears of each round that has ended. */
  readonly tell: (line: string) => void
}

/** Runs rounds of a series one after another. A violation, also anything thrown, ends only its round. */
export async function runSeries(series: Series, world: World, options: RunOptions): Promise<SeriesReport> {
  const started = Date.now()
  const running = await series.start(world)
  const violations: string[] = []
  const counts: Record<string, number> = {}
  try {
    for (const round of options.rounds) {
      const begun = Date.now()
      const seed = `${options.seed} ${series.name} ${round}`
      const folder = join(options.folder, `${series.name}-${round}`)
      await mkdir(folder, { recursive: true })
      const result = await running
        .round({ random: createRandom(seed), seed, round, folder })
        .catch((error: unknown) => ({ violations: [String(error)], counts: {} }))
      for (const [name, count] of Object.entries(result.counts)) counts[name] = (counts[name] ?? 0) + count
      const took = `${((Date.now() - begun) / 1000).toFixed(1)} s`
      options.tell(`${series.name} ${round}: ${result.violations.length === 0 ? 'holds' : 'VIOLATED'}, ${took}`)
      if (result.violations.length === 0) {
        await rm(folder, { recursive: true })
        continue
      }
      const again = `scripts/soak --only ${series.name} --seed ${options.seed} --round ${round}`
      for (const violation of result.violations) {
        violations.push(`${series.name} ${round}: ${violation}`)
        options.tell(`  ${violation}`)
      }
      options.tell(`  again: ${again}   what it left: ${folder}`)
    }
  } finally {
    await running.stop()
  }
  const seconds = (Date.now() - started) / 1000
  return { name: series.name, rounds: options.rounds.length, violations, counts, seconds }
}
