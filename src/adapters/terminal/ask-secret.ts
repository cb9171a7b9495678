import { openSync, writeSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { FerryError } from '../../errors.ts'
import type { AskSecret } from '../../ports.ts'

/**
 * Asks on the controlling terminal, whatever standard input and output are, without showing what is typed. Undefined
 * where there is none.
 */
export const askSecret: AskSecret = (question) => {
  let input: ReadStream
  let output: number
  try {
    input = new ReadStream(openSync('/dev/tty', 'r'))
    output = openSync('/dev/tty', 'w')
  } catch {
    return Promise.resolve(undefined)
  }
  return new Promise((resolve, reject) => {
    let typed = ''
    const end = (settle: () => void): void => {
      input.setRawMode(false)
      input.destroy()
      writeSync(output, '\n')
      settle()
    }
    input.setRawMode(true)
    input.setEncoding('utf8')
    writeSync(output, question)
    input.on('error', (error) => end(() => reject(error)))
    input.on('end', () => end(() => resolve(undefined)))
    input.on('data', (text: Buffer | string) => {
      for (const character of text.toString()) {
        if (character === '\r' || character === '\n') {
          end(() => resolve(typed))
          return
        }
        if (character === ETX || character === EOT) {
          // In raw mode Ctrl-C is a character, not a signal.
          end(() => reject(new FerryError('interrupted', 'interrupted at the passphrase')))
          return
        }
        if (character === DEL || character === BS) typed = typed.replace(/.$/su, '')
        else if (character === NAK) typed = ''
        else if (character >= ' ') typed += character
      }
    })
  })
}

const ETX = '\u0003'
const EOT = '\u0004'
const BS = '\b'
const DEL = '\u007f'
/** Ctrl-U: the line so far is taken back. */
const NAK = '\u0015'
