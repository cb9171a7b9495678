import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A peer that runs until it is stopped, with its output in a file. */
export interface Service {
  readonly pid: number
  /** What it has written so far. */
  readonly log: () => string
  /** Resolves when it has ended; SIGKILL after ten seconds of SIGTERM without effect. */
  readonly stop: () => Promise<void>
}

export interface ServiceOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly logFile: string
  /** Asked until it returns something other than undefined; that is the service's readiness. */
  readonly ready: (log: string) => Promise<string | undefined> | string | undefined
}

const PATIENCE_MS = 30_000

/** Starts a process and waits until it is ready. It never outlives this process. */
export async function startService(
  command: string,
  args: readonly string[],
  options: ServiceOptions,
): Promise<{ readonly service: Service; readonly answer: string }> {
  const file = openSync(options.logFile, 'a')
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', file, file],
  })
  closeSync(file)
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.removeListener('exit', kill))
  const log = () => readFileSync(options.logFile, 'utf8')
  let failure: Error | undefined
  child.once('error', (error) => {
    failure = error
  })

  for (const end = Date.now() + PATIENCE_MS; ;) {
    const answer = await options.ready(log())
    if (answer !== undefined) {
      const service = { pid: child.pid ?? -1, log, stop: () => stop(child) }
      return { service, answer }
    }
    if (failure !== undefined || child.exitCode !== null || Date.now() > end) {
      await stop(child)
      throw new Error(`${command} did not start: ${failure?.message ?? log().slice(-2000)}`)
    }
    await sleep(20)
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(timer)
}
