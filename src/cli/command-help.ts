import { optionsOf, type Command, type OptionTable } from './command.ts'
import { EXIT_CODES } from './main-help.ts'
import { wrapText } from './render/wrap-text.ts'

const WIDTH = 80

/** `ferry X --help`. */
export function commandHelp(command: Command): string {
  const sections = [
    wrapText(command.description, { width: WIDTH }),
    `Usage: ferry ${command.name} ${command.usage}`,
    [...positionalLines(command), ...optionLines(optionsOf(command))].join('\n'),
    `${command.examples.length === 1 ? 'Example' : 'Examples'}:\n${command.examples.map((line) => `  ${line}`).join('\n')}`,
    ...(command.notes ?? []).map((note) => wrapText(note, { width: WIDTH })),
    EXIT_CODES,
  ]
  return sections.join('\n\n')
}

function positionalLines({ positionals }: Command): string[] {
  return positionals.flatMap(({ name, help }) => entry(name, help))
}

function optionLines(options: OptionTable): string[] {
  return Object.entries(options).flatMap(([name, { value, help, multiple }]) =>
    entry(value === undefined ? `--${name}` : `--${name} ${value}`, multiple ? `${help} Can be given again.` : help),
  )
}

const NAME_WIDTH = 26

function entry(name: string, help: string): string[] {
  const indent = ' '.repeat(NAME_WIDTH)
  const text = wrapText(help, { width: WIDTH, indent })
  const head = `  ${name}`
  return head.length < NAME_WIDTH - 1 ? [head.padEnd(NAME_WIDTH) + text.trimStart()] : [head, text]
}
