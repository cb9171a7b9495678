import { basename } from 'node:path'
import { FerryError, type Problem } from '../errors.ts'
import { fingerprintText, parsePublicKey, type PublicKey } from '../trust/key.ts'
import type { Ports } from './ports.ts'
import { readText } from './read-text.ts'

/**
 * The public keys of `--pub`.
 * @throws FerryError `usage` or `config-key`, with every file that is wrong.
 */
export async function readPublicKeys(paths: readonly string[], ports: Ports): Promise<PublicKey[]> {
  const keys: PublicKey[] = []
  const failures: FerryError[] = []
  for (const path of paths) {
    try {
      keys.push(parsePublicKey(await readText(path, ports), path))
    } catch (error) {
      if (!(error instanceof FerryError)) throw error
      failures.push(error)
    }
  }
  const [first, ...more] = failures
  if (first && more.length > 0)
    throw new FerryError(first.code, `${failures.length} of ${paths.length} key files cannot be used`, {
      problems: failures.map(({ message, hint }): Problem => ({ message, ...(hint !== undefined && { hint }) })),
    })
  if (first) throw first
  return keys
}

/** `vendor 3f9a 2c11 …`: a key by the name of its file and the beginning of its fingerprint. */
export function keyText({ name, kid }: Pick<PublicKey, 'name' | 'kid'>): string {
  return `${basename(name).replace(/\.(key|pub|pem)$/, '')} ${fingerprintText(kid)}`
}

/** A key for machines. */
export function keyJson({ name, kid }: PublicKey): { readonly file: string; readonly fingerprint: string } {
  return { file: name, fingerprint: kid }
}
