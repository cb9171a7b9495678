import { readFile } from 'node:fs/promises'
import { openUnverified } from './open-unverified.ts'

/** Everything of a bundle but its signature files, whose bytes differ by nature: those are zeros. */
export async function signedBytes(path: string): Promise<Buffer> {
  const bytes = await readFile(path)
  for (const entry of (await openUnverified(path)).layout.entries)
    if (/\.(sig|sigstore\.json)$/.test(entry.path)) bytes.fill(0, entry.headerOffset, entry.offset + 512)
  return bytes
}
