import { parseArgs } from 'node:util'
import { suggest } from '../config/suggest.ts'
import { FerryError, type Problem } from '../errors.ts'
import { optionsOf, type Arguments, type Command, type Env, type OptionSpec, type OptionTable } from './command.ts'

/**
 * Checks the words after the command's name against its tables.
 * @throws FerryError `usage` with everything that is wrong with them.
 */
export function parseArguments(command: Command, words: readonly string[], env: Env): Arguments {
  const options = optionsOf(command)
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }])),
    // Strict mode stops at the first mistake; people are told all of them at once.
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const problems: Problem[] = []
  const given = new Map<string, string[]>()
  const positionals: string[] = []
  let unknown = false
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    else if (token.kind === 'option') {
      const problem = takeOption(token, options, given)
      unknown ||= !specOf(token, options)
      if (problem) problems.push(problem)
    }
  }
  const args: Arguments = {
    positionals,
    value: (option) => given.get(option)?.at(-1),
    need: (option) => {
      const value = given.get(option)?.at(-1)
      if (value === undefined)
        throw new FerryError('internal', `--${option} is not required, but was taken for granted`)
      return value
    },
    values: (option) => given.get(option) ?? [],
    has: (option) => given.has(option),
  }
  problems.push(
    ...missingOptions(options, given),
    ...(command.check?.(args, env) ?? []),
    ...missingPositionals(command, positionals),
    // After an unknown option it is most likely that option's value.
    ...(unknown ? [] : extraPositionals(command, positionals)),
  )
  if (problems.length > 0) throw usageError(command, problems)
  return args
}

/** One problem stands in the message, several below it. */
function usageError(command: Command, problems: readonly Problem[]): FerryError {
  const hint = `Usage: ferry ${command.name} ${command.usage}\nMore: ferry ${command.name} --help`
  const [first, ...more] = problems
  if (first && more.length === 0) {
    const text = first.hint === undefined ? first.message : `${first.message}. ${first.hint}`
    return new FerryError('usage', `${command.name}: ${text}`, { hint })
  }
  return new FerryError('usage', `${command.name}: ${problems.length} problems with the command line`, {
    problems,
    hint,
  })
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

function specOf({ name, rawName }: OptionToken, options: OptionTable): OptionSpec | undefined {
  return rawName.startsWith('--') && Object.hasOwn(options, name) ? options[name] : undefined
}

function takeOption(token: OptionToken, options: OptionTable, given: Map<string, string[]>): Problem | undefined {
  const { name, rawName, value, inlineValue } = token
  const spec = specOf(token, options)
  if (!spec) return unknownOption(rawName, Object.keys(options))
  if (spec.type === 'boolean') {
    if (inlineValue) return { message: `--${name} takes no value` }
    given.set(name, [''])
    return undefined
  }
  const earlier = given.get(name)
  // Known to be there, so that it is not reported as missing besides.
  given.set(name, [...(earlier ?? []), value ?? ''])
  if (value === undefined || value === '') return { message: `--${name} needs a value: --${name} ${spec.value ?? ''}` }
  if (value.startsWith('-') && value !== '-' && !inlineValue)
    return {
      message: `--${name} needs a value; ${value} follows it`,
      hint: `If that is the value, write --${name}=${value}`,
    }
  if (earlier && !spec.multiple) return { message: `--${name} is given twice` }
  return undefined
}

function unknownOption(rawName: string, names: readonly string[]): Problem {
  const near = rawName.startsWith('--')
    ? suggest(rawName.slice(2), names)
    : names.find((name) => rawName === `-${name}`)
  return {
    message: `unknown option ${rawName}`,
    ...(near !== undefined && { hint: `Did you mean --${near}?` }),
  }
}

function missingOptions(options: OptionTable, given: ReadonlyMap<string, unknown>): Problem[] {
  return Object.entries(options)
    .filter(([name, { required }]) => required === true && !given.has(name))
    .map(([name, { value, help }]) => ({ message: `--${name} ${value ?? ''} is missing`, hint: help }))
}

function missingPositionals({ positionals }: Command, found: readonly string[]): Problem[] {
  return positionals.slice(found.length).map(({ name, help }) => ({ message: `${name} is missing`, hint: help }))
}

function extraPositionals({ positionals }: Command, found: readonly string[]): Problem[] {
  return found.slice(positionals.length).map((word) => ({ message: `${JSON.stringify(word)} is one word too many` }))
}
