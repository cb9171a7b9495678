import type { Problem } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Ports } from './ports.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** A flag of a command. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  /** What stands for the value in help: `FILE`, `HOST:PORT`. */
  readonly value?: string
  /** May be given several times. */
  readonly multiple?: boolean
  /** Missing, it is reported with everything else that is wrong. */
  readonly required?: boolean
  /** One sentence or two, with default and unit. Also what a person reads when it is missing. */
  readonly help: string
}

export type OptionTable = Readonly<Record<string, OptionSpec>>

/** What must stand on the command line without a flag, in this order: `BUNDLE.yaml`. */
export interface PositionalSpec {
  readonly name: string
  readonly help: string
}

/** The words of a command line after they have been checked against the command's tables. */
export interface Arguments {
  /** One for each of the command's positionals. */
  readonly positionals: readonly string[]
  /** The value of an option that is given at most once. */
  value(option: string): string | undefined
  /** The value of a required option. */
  need(option: string): string
  /** The values of an option that can be given several times. */
  values(option: string): readonly string[]
  has(option: string): boolean
}

export interface Command {
  readonly name: string
  /** What it does, in a sentence or two. */
  readonly description: string
  /** Without `ferry NAME`: `BUNDLE.yaml --key FILE --out FILE.tar [options]`. */
  readonly usage: string
  readonly positionals: readonly PositionalSpec[]
  readonly options: OptionTable
  readonly examples: readonly string[]
  /** What else is worth knowing: exit codes beyond the usual, where to read on. */
  readonly notes?: readonly string[]
  /** What a person is told when it is interrupted: what is kept, how it goes on. */
  readonly interrupted: (args: Arguments) => string
  /** What else is wrong with a command line, reported together with missing and unknown flags. */
  readonly check?: (args: Arguments, env: Env) => readonly Problem[]
  /** Everything heavy is imported in here, so that help costs nothing. */
  run(args: Arguments, context: CommandContext): Promise<CommandResult>
}

export interface CommandContext {
  readonly ports: Ports
  readonly emit: Emit
  readonly signal: AbortSignal
  readonly env: Env
}

export interface CommandResult {
  /** The fields of the final JSON line. */
  readonly json: object
  /** For people, on standard output. */
  readonly text?: string
  /** What to run next. */
  readonly next?: readonly string[]
}

/** Every command has it. */
const COMMON_OPTIONS: OptionTable = {
  json: { type: 'boolean', help: 'Print JSON lines for machines on standard output, nothing for people.' },
  help: { type: 'boolean', help: 'Show this text.' },
}

/** All flags of a command, its own first. */
export function optionsOf(command: Command): OptionTable {
  return { ...command.options, ...COMMON_OPTIONS }
}
