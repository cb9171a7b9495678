import { FerryError } from '../errors.ts'
import type { Ports } from './ports.ts'
import { readText } from './read-text.ts'

const TRIES = 3

/** The passphrase in a file: its content without the newline at the end. */
export async function readPassphraseFile(path: string, ports: Ports): Promise<string> {
  const text = (await readText(path, ports, { limit: 64 * 1024 })).replace(/\r?\n$/, '')
  if (text === '') throw new FerryError('usage', `--passphrase-file ${path}: the file is empty`)
  if (/[\r\n]/.test(text))
    throw new FerryError('usage', `--passphrase-file ${path}: several lines, where one passphrase is expected`)
  return text
}

/**
 * Asks for a new passphrase, twice, until both are the same.
 * @throws FerryError `usage` without a terminal, and after three tries.
 */
export async function askNewPassphrase(path: string, ports: Ports, say: (text: string) => void): Promise<string> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const passphrase = await ports.askSecret(`Passphrase for ${path}: `)
    if (passphrase === undefined)
      throw new FerryError('usage', 'there is no terminal to ask for a passphrase', {
        hint: 'Give --passphrase-file FILE, or --no-passphrase for a key that is not encrypted.',
      })
    if (passphrase === '') say('The passphrase is empty. For a key that is not encrypted: --no-passphrase.')
    else if ((await ports.askSecret('The same again: ')) === passphrase) return passphrase
    else say('The two are not the same.')
  }
  throw new FerryError('usage', `no passphrase after ${TRIES} tries`, { hint: 'Nothing was written.' })
}

export interface WithPassphrase<T> {
  /** `--passphrase-file`. */
  readonly file: string | undefined
  readonly ports: Ports
  /** Tells the person at the terminal what was wrong. */
  readonly say: (text: string) => void
  /** Throws `config-key` for a wrong passphrase. */
  readonly use: (passphrase: string) => T
}

/**
 * Calls `use` with the passphrase of a key: from the file that was given, else asked for, again when it was wrong.
 * @throws FerryError `usage` without a terminal, or what `use` threw last.
 */
export async function withPassphrase<T>(keyPath: string, { file, ports, say, use }: WithPassphrase<T>): Promise<T> {
  if (file !== undefined) return use(await readPassphraseFile(file, ports))
  for (let attempt = 1; ; attempt++) {
    const passphrase = await ports.askSecret(`Passphrase for ${keyPath}: `)
    if (passphrase === undefined)
      throw new FerryError('usage', `${keyPath} is encrypted, and there is no terminal to ask for its passphrase`, {
        hint: 'Give --passphrase-file FILE.',
      })
    try {
      return use(passphrase)
    } catch (error) {
      if (!(error instanceof FerryError) || error.code !== 'config-key' || attempt >= TRIES) throw error
      say(error.message)
    }
  }
}
