/**
 * Adds up what vitest's JSON reporter left in the files named as arguments and prints one line, `N passed, N failed`.
 * Exits with 1 when anything failed: a test, a file that could not be loaded, a part of `scripts/test` (named in
 * FAILED_PARTS), and in CI also when a test was skipped or a part ran none.
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

interface Totals {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
}

const parts = process.argv.slice(2).map((file) => ({
  name: basename(file, '.json'),
  totals: existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Totals) : undefined,
}))
const failedParts = new Set((process.env['FAILED_PARTS'] ?? '').split(' ').filter(Boolean))
const sum = (key: keyof Totals) => parts.reduce((total, part) => total + (part.totals?.[key] ?? 0), 0)
const skipped = sum('numPendingTests') + sum('numTodoTests')

if (process.env['CI'] === 'true') {
  for (const { name, totals } of parts) if (!totals?.numPassedTests) failedParts.add(name)
  if (skipped > 0) failedParts.add('skipped-tests')
}

if (failedParts.size > 0) process.stdout.write(`\nfailed: ${[...failedParts].join(', ')}\n`)
// A part that failed although none of its tests did (lint, a build, a file that does not load) counts as one.
const counted = parts.filter(({ totals }) => totals && totals.numFailedTests > 0).map(({ name }) => name)
const failed = sum('numFailedTests') + [...failedParts].filter((name) => !counted.includes(name)).length
process.stdout.write(
  `\n${sum('numPassedTests')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
)
process.exitCode = failed > 0 ? 1 : 0
