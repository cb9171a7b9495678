import { optionsOf, type Command, type OptionTable } from './command.ts'

const WIDTH = 80

/** `ferry --help`. */
export function mainHelp(commands: readonly Command[], version: string): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 3
  return [
    `ferry ${version}: carries a whole platform across an air gap, in one signed file.`,
    '',
    'Usage: ferry COMMAND [arguments]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    '',
    'ferry COMMAND --help tells what a command does and takes; --json, everywhere,',
    'prints JSON lines for machines; --version prints the version.',
    '',
    'The usual way:',
    '  ferry keygen  --out keys/vendor',
    '  ferry export  bundle.yaml --key keys/vendor.key --out platform-1.4.0.tar',
    '  ferry verify  platform-1.4.0.tar --pub vendor.pub',
    '  ferry push    platform-1.4.0.tar --pub vendor.pub --to registry.site.example',
    '',
    EXIT_CODES,
  ].join('\n')
}

/** `ferry X --help`. */
export function commandHelp(command: Command): string {
  const sections = [
    wrap(command.description, WIDTH, '').join('\n'),
    `Usage: ferry ${command.name} ${command.usage}`,
    [...positionalLines(command), ...optionLines(optionsOf(command))].join('\n'),
    `${command.examples.length === 1 ? 'Example' : 'Examples'}:\n${command.examples.map((line) => `  ${line}`).join('\n')}`,
    ...(command.notes ?? []).map((note) => wrap(note, WIDTH, '').join('\n')),
    EXIT_CODES,
  ]
  return sections.join('\n\n')
}

const EXIT_CODES =
  'Exit codes: 0 done; 1 failed while working; 2 wrong usage, or a file that people\nwrite is wrong; 3 something is wrong with a bundle. More: docs/cli.md'

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
  const [first = '', ...rest] = wrap(help, WIDTH, indent)
  const head = `  ${name}`
  return head.length < NAME_WIDTH - 1 ? [head.padEnd(NAME_WIDTH) + first.trimStart(), ...rest] : [head, first, ...rest]
}

/** Breaks a text into lines of at most `width` characters, each after `indent`. */
function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(' ')) {
    if (line !== indent && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent
    }
    line += line === indent ? word : ` ${word}`
  }
  return [...lines, line]
}
