import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ALL_SERIES } from './all-series.ts'
import { runSeries, type SeriesReport } from './series.ts'
import { formatReports } from './table.ts'
import { startWorld } from './world.ts'

const MIB = 1024 * 1024

/** What the command line asks for. @throws Error with a sentence for the person. */
function readArguments() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: randomBytes(4).toString('hex') },
      rounds: { type: 'string' },
      round: { type: 'string' },
      only: { type: 'string' },
      mib: { type: 'string', default: '24' },
    },
  })
  const names = ALL_SERIES.map(({ name }) => name)
  for (const key of ['rounds', 'round', 'mib'] as const)
    if (values[key] !== undefined && !/^[1-9]\d{0,6}$/.test(values[key]))
      throw new Error(`--${key} takes a number, not ${values[key]}`)
  if (values.only !== undefined && !names.includes(values.only))
    throw new Error(`--only takes one of ${names.join(', ')}, not ${values.only}`)
  return { ...values, series: ALL_SERIES.filter(({ name }) => values.only === undefined || values.only === name) }
}

async function soak({ seed, rounds, round, mib, series }: ReturnType<typeof readArguments>): Promise<boolean> {
  const tell = (line: string): boolean => process.stderr.write(`${line}\n`)
  console.log(`soak: seed ${seed}`)
  const folder = mkdtempSync(join(tmpdir(), 'ferry-soak-'))
  const world = await startWorld({ totalBytes: Number(mib) * MIB })
  process.once('exit', () => rmSync(world.delivery.folder, { recursive: true, force: true }))
  const reports: SeriesReport[] = []
  try {
    for (const one of series) {
      const count = Number(rounds ?? one.rounds)
      const numbers = round === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(round)]
      reports.push(await runSeries(one, world, { seed, rounds: numbers, folder, tell }))
    }
  } finally {
    await world.stop()
  }
  console.log(`\n${formatReports(reports)}`)
  const violations = reports.flatMap((report) => report.violations)
  if (violations.length > 0) console.log(`\nseed ${seed}\n${violations.join('\n')}`)
  if (readdirSync(folder).length === 0) rmdirSync(folder)
  return violations.length === 0
}

// Whatever was started ends with this process.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => process.exit(1))
let asked: ReturnType<typeof readArguments> | undefined
try {
  asked = readArguments()
} catch (error) {
  console.error(`soak: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 2
}
if (asked) process.exitCode = (await soak(asked)) ? 0 : 1
