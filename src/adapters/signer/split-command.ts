import { FerryError } from '../../errors.ts'

/**
 * Splits a command as a POSIX shell would split words (XCU 2.2, 2.3), and nothing more: single and double quotes and
 * the backslash mean what they mean there; `$`, `` ` ``, `*`, `~`, `|`, `;`, `#` and the like are plain characters.
 * No shell is ever involved.
 * @throws FerryError `usage` for an empty command or a quote that is not closed.
 */
export function splitCommand(text: string): { readonly command: string; readonly args: readonly string[] } {
  if (text.includes('\0')) throw new FerryError('usage', 'the signer command has a NUL character in it')
  const words: string[] = []
  let word: string | undefined
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i)
    if (char === ' ' || char === '\t' || char === '\n') {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (char === "'") {
      const end = text.indexOf("'", i + 1)
      if (end === -1) throw unclosed('single')
      word = (word ?? '') + text.slice(i + 1, end)
      i = end
    } else if (char === '"') {
      const { value, end } = readDoubleQuoted(text, i)
      word = (word ?? '') + value
      i = end
    } else if (char === '\\') {
      i++
      if (i === text.length)
        throw new FerryError('usage', 'the signer command ends with a backslash', { hint: 'Write \\\\ for one.' })
      // A backslash and a newline are a line continued.
      if (text.charAt(i) !== '\n') word = (word ?? '') + text.charAt(i)
    } else word = (word ?? '') + char
  }
  if (word !== undefined) words.push(word)
  const [command, ...args] = words
  if (command === undefined || command === '')
    throw new FerryError('usage', 'the signer command is empty', {
      hint: 'Give the program and its arguments: --signer-cmd "hsm-sign --label vendor"',
    })
  return { command, args }
}

/** Within double quotes a backslash only escapes `$`, `` ` ``, `"`, `\` and the newline (XCU 2.2.3). */
function readDoubleQuoted(text: string, start: number): { readonly value: string; readonly end: number } {
  let value = ''
  for (let i = start + 1; i < text.length; i++) {
    const char = text.charAt(i)
    if (char === '"') return { value, end: i }
    const next = text.charAt(i + 1)
    if (char === '\\' && next !== '' && '$`"\\\n'.includes(next)) {
      if (next !== '\n') value += next
      i++
    } else value += char
  }
  throw unclosed('double')
}

function unclosed(kind: string): FerryError {
  return new FerryError('usage', `the signer command has a ${kind} quote that is not closed`)
}
