import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '../../src/main.ts')

export interface SpawnOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Given on standard input; without it that is empty. */
  readonly input?: string
  /** Arguments for node itself. */
  readonly node?: readonly string[]
  /** Nobody reads standard output: it is closed before anything is written. */
  readonly deaf?: boolean
  /** Called with everything written so far, whenever more is. */
  readonly watch?: (text: string, child: ChildProcess) => void
}

export interface Spawned {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the real command line in a session of its own: without a terminal, even where the tests have one. */
export function spawnFerry(words: readonly string[], options: SpawnOptions): Promise<Spawned> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(options.node ?? []), MAIN, ...words], {
      cwd: options.cwd,
      env: { ...process.env, CI: undefined, FERRY_DEBUG: undefined, ...options.env },
      detached: true,
      stdio: 'pipe',
    })
    const text = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (piece: string) => {
        text[name] += piece
        options.watch?.(text.stdout + text.stderr, child)
      })
    if (options.deaf) child.stdout.destroy()
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input)
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...text }))
  })
}
