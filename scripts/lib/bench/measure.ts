import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { peer } from '../../../test/peers/peer.ts'

/** What one run of a command cost. */
export interface Cost {
  readonly seconds: number
  /** Processor seconds of the command and its children. */
  readonly cpuSeconds: number
  /** Peak resident memory of its largest process, bytes. */
  readonly peakBytes: number
  /** Bytes it and its children gave to the file system, as the kernel counts them (proc(5), write_bytes). */
  readonly writtenBytes: number
}

/** A command line for bash, run in `folder`. */
export interface Contestant {
  readonly name: string
  readonly command: string
  /** Run before each round, unmeasured. */
  readonly prepare?: string
}

/** Runs a shell command line to its end and measures it. Fails when the command does. */
export async function measure(command: string, folder: string): Promise<Cost> {
  const times = join(folder, 'times')
  const io = join(folder, 'io')
  // The counters of ended children are added to the shell's own when it has waited for them.
  const script = `${quote(peer('gnu-time'))} -q -f '%M %U %S' -o ${quote(times)} bash -c ${quote(command)}; code=$?; cat /proc/$$/io >${quote(io)}; exit $code`
  const started = process.hrtime.bigint()
  await runShell(script, folder)
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  const [peak = 0, user = 0, system = 0] = readFileSync(times, 'utf8').trim().split('\n').at(-1)!.split(' ').map(Number)
  const written = /^write_bytes: (\d+)$/m.exec(readFileSync(io, 'utf8'))?.[1]
  rmSync(times)
  rmSync(io)
  return { seconds, cpuSeconds: user + system, peakBytes: peak * 1024, writtenBytes: Number(written) }
}

/** Runs all contestants round by round, so that whatever else the machine does hits all alike. */
export async function compete(
  contestants: readonly Contestant[],
  { folder, rounds }: { readonly folder: string; readonly rounds: number },
): Promise<Map<string, Cost[]>> {
  const costs = new Map<string, Cost[]>(contestants.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const { name, command, prepare } of contestants) {
      if (prepare !== undefined) await runShell(prepare, folder)
      // What the last one left to write must not slow this one down.
      execFileSync('sync')
      const cost = await measure(command, folder)
      costs.get(name)?.push(cost)
      process.stderr.write(`  round ${round}  ${name.padEnd(44)} ${cost.seconds.toFixed(2)} s\n`)
    }
  }
  return costs
}

export function runShell(command: string, folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', command], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
    let words = ''
    child.stderr.on('data', (piece: Buffer) => (words = (words + piece.toString()).slice(-4000)))
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`exit ${code} of: ${command}\n${words}`))))
  })
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
