import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ALL_SERIES } from '../../scripts/lib/soak/all-series.ts'
import { runSeries, type Series } from '../../scripts/lib/soak/series.ts'
import { formatReports } from '../../scripts/lib/soak/table.ts'
import { startWorld, type World } from '../../scripts/lib/soak/world.ts'
import { run } from '../peers/peer.ts'

let world: World
let folder: string

beforeAll(async () => {
  world = await startWorld({ totalBytes: 12 * 1024 * 1024 })
  folder = await mkdtemp(join(tmpdir(), 'ferry-soak-test-'))
})
afterAll(async () => {
  await world.stop()
  await rm(folder, { recursive: true, force: true })
})

const soak = (series: Series, rounds: readonly number[] = [1, 2]) =>
  runSeries(series, world, { seed: 'of the tests', rounds, folder, tell: () => undefined })

describe('two rounds of every long series', () => {
  test.each(ALL_SERIES)('$name finds nothing', async (series) => {
    const { violations, counts } = await soak(series)
    expect(violations).toEqual([])
    expect(Object.values(counts).some((count) => count > 0)).toBe(true)
    expect(await readdir(folder)).toEqual([])
  })
})

describe('a long series', () => {
  test('tells each violation and each throw with its round, goes on, and keeps what they left', async () => {
    const report = await soak(
      {
        name: 'broken',
        rounds: 3,
        start: () =>
          Promise.resolve({
            round({ round }) {
              if (round === 2) return Promise.reject(new Error('lost'))
              return Promise.resolve({ violations: round === 1 ? ['a wrong byte'] : [], counts: { done: 1 } })
            },
            stop: () => Promise.resolve(),
          }),
      },
      [1, 2, 3],
    )
    expect(report.violations).toEqual(['broken 1: a wrong byte', 'broken 2: Error: lost'])
    expect(report.counts).toEqual({ done: 2 })
    expect(existsSync(join(folder, 'broken-1'))).toBe(true)
    expect(existsSync(join(folder, 'broken-3'))).toBe(false)
    expect(formatReports([report])).toMatch(/^broken +3 +2 +\d+ s +2 done$/m)
  })

  test('comes out the same for the same seed', async () => {
    const kept: number[][] = []
    const chances: Series = {
      name: 'chances',
      rounds: 1,
      start: () =>
        Promise.resolve({
          round({ random }) {
            kept.push([random.below(1000), random.between(5, 6), random.bytes(1)[0]!])
            return Promise.resolve({ violations: [], counts: {} })
          },
          stop: () => Promise.resolve(),
        }),
    }
    await soak(chances)
    await soak(chances)
    expect(kept[2]).toEqual(kept[0])
    expect(kept[3]).toEqual(kept[1])
    expect(kept[1]).not.toEqual(kept[0])
  })

  test('that is not known is refused by scripts/soak with the names of those that are', async () => {
    const { code, stderr } = await run(join(import.meta.dirname, '../../scripts/soak'), ['--only', 'flop'])
    expect(code).toBe(2)
    for (const { name } of ALL_SERIES) expect(stderr).toContain(name)
  })
})
