import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitCommand } from '../../../src/adapters/signer/split-command.ts'

const wordsOf = (text: string): readonly string[] => {
  const { command, args } = splitCommand(text)
  return [command, ...args]
}

describe('the signer command', () => {
  it.each([
    ['hsm-sign', ['hsm-sign']],
    ['  hsm-sign \t --label\n vendor ', ['hsm-sign', '--label', 'vendor']],
    [`'/opt/my tools/sign' "--label=the vendor"`, ['/opt/my tools/sign', '--label=the vendor']],
    [`a'b'"c"d`, ['abcd']],
    [`a '' ""`, ['a', '', '']],
    ['a\\ b c', ['a b', 'c']],
    ['a \\"b\\" \\\\', ['a', '"b"', '\\']],
    [`a "x\\"y" "\\$HOME" "\\n"`, ['a', 'x"y', '$HOME', '\\n']],
    [`a '\\'`, ['a', '\\']],
    ['a b\\\nc', ['a', 'bc']],
    ['a ünï', ['a', 'ünï']],
  ])('%j is these words', (text, words) => {
    expect(wordsOf(text)).toEqual(words)
  })

  it('has no expansion: what a shell would act on stays as it is', () => {
    const text = 'sign $HOME `id` $(id) *.key ~ {a,b} | tee x > y & ; # z !'
    expect(wordsOf(text)).toEqual(text.split(' '))
  })

  it.each(['', '  \n', "''", '""'])('%j is refused as empty', (text) => {
    expect(() => splitCommand(text)).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  it.each([
    [`a 'b`, /single quote/],
    [`a "b`, /double quote/],
    [`a "b\\"`, /double quote/],
    ['a \\', /backslash/],
    ['a\0b', /NUL/],
  ])('%j is refused', (text, message) => {
    expect(() => splitCommand(text)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) as string }),
    )
  })

  it('is split as sh splits it', () => {
    // Nothing that sh would expand: words, quotes, backslashes and blanks.
    const piece = fc.constantFrom('a', 'B', '-', '=', '/', ' ', '  ', '\t', '\n', '\\', "'", '"', '\\"', "\\'", 'é')
    const samples = fc.sample(fc.array(piece, { maxLength: 14 }), 400).map((pieces) => pieces.join(''))
    let compared = 0
    for (const sample of samples) {
      const text = `x ${sample}`
      let words: readonly string[]
      try {
        words = wordsOf(text)
      } catch {
        continue
      }
      // An unquoted newline ends a command in sh; here it is a blank.
      if (text.includes('\n')) continue
      if (++compared > 60) break
      const printed = execFileSync('sh', ['-c', `set -- ${text}\nprintf '%s\\0' "$@"`], { encoding: 'utf8' })
      expect(words, JSON.stringify(text)).toEqual(printed.split('\0').slice(0, -1))
    }
    expect(compared).toBeGreaterThan(30)
  })
})
