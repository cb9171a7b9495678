import { formatProblems } from '../../config/problems.ts'
import { FerryError, reasonOf } from '../../errors.ts'
import { printableLines } from './plain-text.ts'
import type { Outcome, Streams } from './renderer.ts'

export interface OutcomeStyles {
  readonly red: (text: string) => string
  readonly bold: (text: string) => string
}

/** Prints an outcome for people: results on standard output, what to run next and errors on standard error. */
export function printOutcome(outcome: Outcome, { stdout, stderr }: Streams, { red, bold }: OutcomeStyles): void {
  if (outcome.type === 'result') {
    if (outcome.text !== undefined && outcome.text !== '') stdout.write(`${outcome.text}\n`)
    const [first, ...more] = outcome.next ?? []
    if (first !== undefined) stderr.write(`\nNext: ${[first, ...more].join('\n      ')}\n`)
    return
  }
  const { error, debug } = outcome
  stderr.write(`${errorLines(error, debug, { red, bold }).join('\n')}\n`)
}

function errorLines(error: unknown, debug: boolean, { red, bold }: OutcomeStyles): string[] {
  const stack = debug && error instanceof Error ? [error.stack ?? error.message, ...causesOf(error)] : []
  if (!(error instanceof FerryError))
    return [
      `${red('ferry:')} unexpected: ${printableLines(reasonOf(error).split('\n', 1)[0] ?? '')}`,
      ...(debug
        ? stack
        : ['  This is a mistake in Ferry. Run it again with FERRY_DEBUG=1 to see where, and report it.']),
    ]
  const lines = [`${red('ferry:')} ${bold(printableLines(error.message))}`]
  if (error.problems.length > 0) lines.push(printableLines(formatProblems(error.problems)))
  if (error.hint !== undefined) lines.push(printableLines(error.hint).replaceAll(/^/gm, '  '))
  return [...lines, ...stack]
}

function causesOf(error: Error): string[] {
  const lines: string[] = []
  for (let cause = error.cause; cause instanceof Error && lines.length < 10; cause = cause.cause)
    lines.push(`caused by ${cause.stack ?? cause.message}`)
  return lines
}
