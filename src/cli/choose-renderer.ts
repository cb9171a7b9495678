import type { Clock } from '../ports.ts'
import type { Env } from './command.ts'
import type { Renderer, Streams } from './render/renderer.ts'

/** JSON where it was asked for; bars for a person at a terminal; else plain lines. */
export async function chooseRenderer(
  streams: Streams,
  { json, env, clock }: { readonly json: boolean; readonly env: Env; readonly clock: Clock },
): Promise<Renderer> {
  if (json) return (await import('./render/json.ts')).createJsonRenderer(streams)
  if (isLively(streams, env)) return (await import('./render/terminal.ts')).createTerminalRenderer(streams, clock)
  return (await import('./render/plain.ts')).createPlainRenderer(streams, clock)
}

/** Whether progress may move the cursor and use colours: on a terminal, unless something says otherwise. */
export function isLively({ stderr }: Streams, env: Env): boolean {
  const set = (name: string): boolean => !['', '0', 'false'].includes(env[name] ?? '')
  return stderr.isTTY === true && !set('CI') && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}
