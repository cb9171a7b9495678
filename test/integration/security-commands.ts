import { readFile } from 'node:fs/promises'
import { delimiter } from 'node:path'
import { peersFolder, run, type RunResult } from '../peers/peer.ts'

/**
 * The ```sh blocks below a heading of docs/security.md, as they stand, in order.
 * Throws when there are none: a test of documented commands must not pass without them.
 */
export async function documentedCommands(heading: string): Promise<readonly string[]> {
  const text = await readFile(new URL('../../docs/security.md', import.meta.url), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '')
  if (blocks.length === 0) throw new Error(`docs/security.md has no commands under "${heading}"`)
  return blocks
}

/**
 * Types documented commands into one shell, in a folder, as a person would; the first that fails ends it.
 * @param first a folder of executables that come before the peers' (another cosign).
 */
export function typeCommands(blocks: readonly string[], folder: string, first?: string): Promise<RunResult> {
  const path = [first, peersFolder(), process.env['PATH']].filter((part) => part !== undefined).join(delimiter)
  // No network: nothing listens on the discard port. An empty home has no cached roots either.
  const env = { PATH: path, HOME: folder, HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' }
  return run('sh', ['-eu', '-c', blocks.join('\n')], { cwd: folder, env })
}
