import { formatProblems } from '../../config/problems.ts'
import { FerryError, reasonOf } from '../../errors.ts'
import { printableLines } from './plain-text.ts'
import type { Outcome, Streams } from './renderer.ts'
import { wrapText } from './wrap-text.ts'

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
  const width = stderr.columns || Number.POSITIVE_INFINITY
  stderr.write(`${errorLines(error, { debug, width, red, bold }).join('\n')}\n`)
}

interface ErrorLook extends OutcomeStyles {
  readonly debug: boolean
  readonly width: number
}

function errorLines(error: unknown, { debug, width, red, bold }: ErrorLook): string[] {
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
  if (error.hint !== undefined) lines.push(wrapText(printableLines(error.hint), { width, indent: '  ' }))
  return [...lines, ...stack]
}

function causesOf(error: Error): string[] {
  const lines: string[] = []
  for (let cause = error.cause; cause instanceof Error && lines.length < 10; cause = cause.cause)
    lines.push(`caused by ${cause.stack ?? cause.message}`)
  return lines
}
