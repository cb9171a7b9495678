import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { FERRY } from '../../../test/peers/ferry.ts'

/** Resolves when the time has come; earlier, when `signal` is aborted. */
export type Moment = (signal: AbortSignal) => Promise<void>

export interface KillOptions {
  readonly moment: Moment
  /** SIGKILL leaves no time for anything; SIGTERM asks. */
  readonly signal: 'SIGKILL' | 'SIGTERM'
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Runs ferry and ends it at a moment.
 * @returns whether the signal was sent before it had ended by itself, its exit code (null: ended by the signal), and its words.
 */
export async function killFerry(
  args: readonly string[],
  { moment, signal, env }: KillOptions,
): Promise<{ readonly killed: boolean; readonly code: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, [FERRY, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  const clean = (): boolean => child.kill('SIGKILL')
  process.once('exit', clean)
  let stderr = ''
  child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString()))
  const over = new AbortController()
  const ended = once(child, 'close').finally(() => over.abort())
  // Awaited below; until then a process that could not be started must not end this one.
  ended.catch(() => undefined)
  await moment(over.signal)
  const killed = child.exitCode === null && child.signalCode === null && child.kill(signal)
  await ended
  process.removeListener('exit', clean)
  return { killed, code: child.exitCode, stderr }
}

export function afterMilliseconds(milliseconds: number): Moment {
  return (signal) => sleep(milliseconds, undefined, { signal }).catch(() => undefined)
}

/** When a sparse file holds so many bytes. */
export function whenHolding(path: string, bytes: number): Moment {
  return async (signal) => {
    while (!signal.aborted) {
      const blocks = await stat(path).then(
        (found) => found.blocks,
        () => -1,
      )
      if (blocks >= 0 && blocks * 512 >= bytes) return
      await sleep(1)
    }
  }
}

/** When a file is there. */
export function whenThere(path: string): Moment {
  return whenHolding(path, 0)
}
