import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commandHelp } from '../../src/cli/command-help.ts'
import { COMMANDS } from '../../src/cli/command-list.ts'
import { optionsOf } from '../../src/cli/command.ts'
import { mainHelp } from '../../src/cli/main-help.ts'
import { parseArguments } from '../../src/cli/parse-arguments.ts'

const DOCS = readFileSync(join(import.meta.dirname, '../../docs/cli.md'), 'utf8')
const commands = await Promise.all(COMMANDS.map(({ load }) => load()))

/** The contract: these command lines are what people have in their scripts. */
const CONTRACT: readonly string[] = [
  'keygen --out DIR/vendor',
  'keygen --out DIR/vendor --passphrase-file F',
  'keygen --out DIR/vendor --no-passphrase',
  'lock BUNDLE.yaml',
  'lock BUNDLE.yaml --update',
  'lock BUNDLE.yaml --update --json',
  'export BUNDLE.yaml --key K --out FILE.tar',
  'export BUNDLE.yaml --key K --out FILE.tar --frozen --force --concurrency 4 --json',
  'export BUNDLE.yaml --key K --key K2 --passphrase-file F --out FILE.tar --no-fsync',
  'export BUNDLE.yaml --signer-cmd hsm --signer-pub P --out FILE.tar',
  'verify FILE.tar --pub P --pub P2 --json',
  'inspect FILE.tar',
  'inspect FILE.tar --pub P --json',
  'diff OLD NEW',
  'diff OLD NEW --json',
  'serve FILE.tar --pub P --listen 127.0.0.1:5000',
  'serve FILE.tar --pub P --listen [::1]:5000 --cert C --cert-key K --json',
  'push FILE.tar --pub P --to registry.example',
  'push FILE.tar --pub P --to registry.example/prefix --plain-http --ca F --concurrency 64 --json',
]

test.each(CONTRACT)('ferry %s is accepted', (line) => {
  const [name, ...words] = line.split(' ')
  const command = commands.find((candidate) => candidate.name === name)!
  expect(() => parseArguments(command, words, {})).not.toThrow()
})

test('every command of the contract is there, and no other', () => {
  expect(commands.map(({ name }) => name)).toEqual([...new Set(CONTRACT.map((line) => line.split(' ')[0]))])
})

test('every flag is exercised by the contract', () => {
  for (const command of commands)
    for (const option of Object.keys(command.options))
      expect(
        CONTRACT.some((line) => line.startsWith(`${command.name} `) && line.split(' ').includes(`--${option}`)),
        `${command.name} --${option}`,
      ).toBe(true)
})

describe.each(commands.map((command) => [command.name, command] as const))('ferry %s', (name, command) => {
  const help = commandHelp(command)
  const section = /^### ferry NAME\n([^]*?)(?=^##)/m
  const [, docs = ''] = new RegExp(section.source.replace('NAME', name), 'm').exec(DOCS) ?? []
  const everyCommand = DOCS.slice(DOCS.indexOf('### Every command'))

  test('help fits 80 columns and has usage, an example and the exit codes', () => {
    for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
    expect(help).toContain(`Usage: ferry ${name} ${command.usage}`)
    expect(help).toMatch(/^Examples?:\n {2}ferry /m)
    expect(help).toContain('Exit codes: 0 done')
  })

  test('every flag stands in its help and in docs/cli.md, with the same value', () => {
    for (const [option, { value }] of Object.entries(optionsOf(command))) {
      const flag = value === undefined ? `--${option}` : `--${option} ${value}`
      expect(help).toMatch(new RegExp(`^ {2}${escapeRegExp(flag)}( |$)`, 'm'))
      expect(Object.hasOwn(command.options, option) ? docs : everyCommand).toContain(`\`${flag}\``)
    }
  })

  test('docs/cli.md has the same usage, and names no flag that does not exist', () => {
    expect(docs).toContain(`    ferry ${name} ${command.usage}\n`)
    const known = new Set(Object.keys(optionsOf(command)))
    const named = [...docs.matchAll(/--([a-z][a-z-]*)/g)].map(([, flag]) => flag!)
    expect(named.filter((flag) => !known.has(flag))).toEqual([])
  })

  test('it is in the list of commands, with the same words in the docs', () => {
    const { summary } = COMMANDS.find((listed) => listed.name === name)!
    expect(mainHelp(COMMANDS, '1.0.0')).toMatch(new RegExp(`^ {2}${name} +${escapeRegExp(summary)}$`, 'm'))
    expect(DOCS).toMatch(new RegExp(`^ {4}ferry ${name} +${escapeRegExp(summary)}$`, 'm'))
  })
})

function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
