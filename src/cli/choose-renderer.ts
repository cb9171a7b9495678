import type { Clock } from '../ports.ts'
import { createJsonRenderer } from './render/json.ts'
import { createPlainRenderer } from './render/plain.ts'
import type { Renderer, Streams } from './render/renderer.ts'
import { createTerminalRenderer } from './render/terminal.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** JSON where it was asked for; bars for a person at a terminal; else plain lines. */
export function chooseRenderer(
  streams: Streams,
  { json, env, clock }: { readonly json: boolean; readonly env: Env; readonly clock: Clock },
): Renderer {
  if (json) return createJsonRenderer(streams)
  return isLively(streams, env) ? createTerminalRenderer(streams, clock) : createPlainRenderer(streams, clock)
}

/** Whether progress may move the cursor and use colours: on a terminal, unless something says otherwise. */
export function isLively({ stderr }: Streams, env: Env): boolean {
  const set = (name: string): boolean => !['', '0', 'false'].includes(env[name] ?? '')
  return stderr.isTTY === true && !set('CI') && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}
