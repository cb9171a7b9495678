import { describe, expect, test } from 'vitest'
import { exportCommand } from '../../src/cli/commands/export.ts'
import { keygenCommand } from '../../src/cli/commands/keygen.ts'
import { serveCommand } from '../../src/cli/commands/serve.ts'
import { verifyCommand } from '../../src/cli/commands/verify.ts'
import type { Command, Env } from '../../src/cli/command.ts'
import { parseArguments } from '../../src/cli/parse-arguments.ts'
import { parseConcurrency, parseEpoch, parseListen } from '../../src/cli/parse-values.ts'
import { FerryError } from '../../src/errors.ts'

function refusal(command: Command, line: string, env: Env = {}): FerryError {
  try {
    parseArguments(command, line === '' ? [] : line.split(' '), env)
  } catch (error) {
    if (error instanceof FerryError) return error
    throw error
  }
  throw new Error(`accepted: ${line}`)
}
const told = (error: FerryError): string =>
  [error.message, ...error.problems.flatMap(({ message, hint }) => [message, hint ?? ''])].join('\n')

test('values, repeated values and flags come as they were given', () => {
  const args = parseArguments(exportCommand, ['b.yaml', '--key', 'a', '--key=b', '--out=-x.tar', '--force'], {})
  expect(args.positionals).toEqual(['b.yaml'])
  expect(args.values('key')).toEqual(['a', 'b'])
  expect(args.need('out')).toBe('-x.tar')
  expect(args.has('force')).toBe(true)
  expect(args.has('frozen')).toBe(false)
  expect(args.value('concurrency')).toBeUndefined()
})

test('words after -- are never flags', () => {
  expect(parseArguments(verifyCommand, ['--pub', 'p', '--', '--odd.tar'], {}).positionals).toEqual(['--odd.tar'])
})

test('everything that is wrong is told at once', () => {
  const error = refusal(exportCommand, '--concurency 3 --concurrency 65 --frozen=yes --signer-pub p', {
    SOURCE_DATE_EPOCH: 'soon',
  })
  expect(error.code).toBe('usage')
  const text = told(error)
  expect(text).toContain('unknown option --concurency\nDid you mean --concurrency?')
  expect(text).toContain('--frozen takes no value')
  expect(text).toContain('--out FILE.tar is missing')
  expect(text).toContain('--key FILE is missing')
  expect(text).toContain('--signer-pub is given without --signer-cmd')
  expect(text).toContain('--concurrency 65: not a whole number from 1 to 64')
  expect(text).toContain('SOURCE_DATE_EPOCH')
  expect(error.hint).toContain('Usage: ferry export')
})

test('a single mistake stands in the message itself', () => {
  const error = refusal(verifyCommand, 'a.tar --pubb p --pub p')
  expect(error.problems).toEqual([])
  expect(error.message).toContain('Did you mean --pub?')
})

test.each([
  [verifyCommand, 'a.tar b.tar --pub p', '"b.tar" is one word too many'],
  [verifyCommand, '--pub p', 'FILE.tar is missing'],
  [verifyCommand, 'a.tar', '--pub FILE is missing'],
  [verifyCommand, 'a.tar --pub', '--pub needs a value'],
  [verifyCommand, 'a.tar --pub=', '--pub needs a value'],
  [verifyCommand, 'a.tar --pub --json', '--json follows it'],
  [verifyCommand, 'a.tar --pub p -x', 'unknown option -x'],
  [verifyCommand, 'a.tar --pub p --constructor', 'unknown option --constructor'],
  [exportCommand, 'b.yaml --key k --out a --out b', '--out is given twice'],
  [exportCommand, 'b.yaml --signer-cmd c --out a', '--signer-pub FILE is missing'],
  [keygenCommand, '--out a --no-passphrase --passphrase-file f', 'exclude each other'],
  [serveCommand, 'a.tar --pub p --listen 5000', 'not HOST:PORT'],
  [serveCommand, 'a.tar --pub p --listen a:1 --cert c', '--cert-key FILE is missing'],
  [serveCommand, 'a.tar --pub p --listen a:1 --cert-key c', '--cert FILE is missing'],
])('$name: %s', (command, line, expected) => {
  expect(told(refusal(command, line))).toContain(expected)
})

describe('values', () => {
  test.each([
    ['127.0.0.1:5000', { host: '127.0.0.1', port: 5000 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:5000', { host: '::1', port: 5000 }],
    ['[::]:443', { host: '::', port: 443 }],
    [':5000', undefined],
    ['::1:5000', undefined],
    ['5000', undefined],
    ['host', undefined],
    ['host:', undefined],
    ['host:65536', undefined],
    ['http://host:80', undefined],
    ['[]:80', undefined],
  ])('--listen %s', (text, expected) => expect(parseListen(text)).toEqual(expected))

  test.each([
    ['1', 1],
    ['64', 64],
    ['0', Number.NaN],
    ['65', Number.NaN],
    ['-1', Number.NaN],
    ['1.5', Number.NaN],
    ['1e1', Number.NaN],
    ['many', Number.NaN],
    [undefined, undefined],
  ])('--concurrency %s', (text, expected) => expect(parseConcurrency(text)).toEqual(expected))

  test.each([
    ['0', 0],
    ['1700000000', 1_700_000_000],
    ['', undefined],
    ['1.5', Number.NaN],
    ['2026-01-01', Number.NaN],
  ])('SOURCE_DATE_EPOCH=%s', (text, expected) => expect(parseEpoch(text)).toEqual(expected))
})
