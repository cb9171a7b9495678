import { spawn, type ChildProcess } from 'node:child_process'

/** One step as the summary tells it. */
export interface DoneStep {
  readonly title: string
  readonly seconds: number
}

/** What a person sees: headings, every command line as it would be typed, its output, and how long each step took. */
export interface Transcript {
  readonly done: readonly DoneStep[]
  readonly say: (text: string) => void
  /** Runs a step under a heading and times it. */
  readonly step: <T>(title: string, work: () => Promise<T>) => Promise<T>
  /** Prints `$ name args`, then `after`, and no more. */
  readonly show: (name: string, args: readonly string[], after?: string) => void
  /** Prints a command, runs it with its output on the screen, and fails when it does. */
  readonly run: (command: ShownCommand) => Promise<void>
  /** Ends the command under way and begins no other. */
  readonly stop: () => void
}

export interface ShownCommand {
  /** As a person would type it. */
  readonly name: string
  readonly args: readonly string[]
  /** The executable. */
  readonly path: string
  readonly env?: Readonly<Record<string, string>>
}

export function startTranscript(steps: number): Transcript {
  const done: DoneStep[] = []
  let running: ChildProcess | undefined
  let stopped = false
  const say = (text: string): void => {
    process.stdout.write(`${text}\n`)
  }
  const show: Transcript['show'] = (name, args, after = '') => say(`$ ${[name, ...args].map(quoted).join(' ')}${after}`)

  return {
    done,
    say,
    show,
    async step(title, work) {
      say(`\n== ${done.length + 1} of ${steps}  ${title}\n`)
      const started = performance.now()
      const result = await work()
      const seconds = (performance.now() - started) / 1000
      done.push({ title, seconds })
      say(`   ${formatSeconds(seconds)}`)
      return result
    },
    async run({ name, args, path, env }) {
      if (stopped) throw new Error('stopped')
      show(name, args)
      const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit'] })
      running = child
      const code = await new Promise<number | null>((resolve, reject) => {
        child.on('error', reject)
        child.on('close', resolve)
      })
      running = undefined
      if (code !== 0) throw new Error(`exit ${code ?? 'by a signal'} of: ${[name, ...args].map(quoted).join(' ')}`)
    },
    stop() {
      stopped = true
      running?.kill('SIGTERM')
    },
  }
}

export function formatSeconds(seconds: number): string {
  return `${seconds.toFixed(1)} s`
}

/** As a shell needs it; most words need nothing. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
