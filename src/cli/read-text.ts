import { FerryError } from '../errors.ts'
import type { Ports } from './ports.ts'

/** A small text file that a person named. @throws FerryError `usage` when it cannot be read or is no UTF-8. */
export async function readText(
  path: string,
  ports: Pick<Ports, 'readSmallFile'>,
  options: { readonly limit?: number } = {},
): Promise<string> {
  const bytes = await ports.readSmallFile(path, options)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new FerryError('usage', `${path}: not a text file (UTF-8)`, { cause: error })
  }
}
