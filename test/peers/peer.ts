import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The real tools that `scripts/peers` installs. `cosign-3`, `containerd-2` and `ctr-2` are a newer generation of the same. */
export type PeerName =
  | 'docker-registry'
  | 'skopeo'
  | 'oras'
  | 'crane'
  | 'cosign'
  | 'cosign-3'
  | 'helm'
  | 'containerd'
  | 'containerd-2'
  | 'ctr'
  | 'ctr-2'
  | 'openssl'
  | 'curl'
  | 'jq'
  | 'gnu-time'

/** The folder of the peers' executables (the same rule as in `scripts/peers`). */
export function peersFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return join(process.env['FERRY_PEERS'] ?? join(cache, 'ferry', 'peers'), 'bin')
}

/** The absolute path of a peer. Throws when it is not installed: a test that needs a peer fails without it. */
export function peer(name: PeerName): string {
  const path = join(peersFolder(), name)
  if (!existsSync(path)) throw new Error(`${name} is not installed (looked for ${path}): run ./scripts/peers first`)
  return path
}

export interface RunOptions {
  /** Added to this process's own environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Given on standard input; without it that is empty. */
  readonly input?: string | Uint8Array
  readonly cwd?: string
  readonly signal?: AbortSignal
}

export interface RunResult {
  /** The exit code; 128 + n for a process ended by signal n, as a shell counts. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
}

/** Runs a command to its end. A peer is named by its name, anything else by its path; never a shell. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      signal: options.signal,
      stdio: 'pipe',
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece))
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece))
    // A command that does not read its input closes it early; its exit code tells whether that was right.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input)
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({
        code: code ?? 128 + (SIGNALS[signal ?? ''] ?? 0),
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    )
  })
}

/** As `run`; rejects with the command line and its words when it does not exit with 0. Returns standard output. */
export async function runOrThrow(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options)
  if (code !== 0) throw new Error(`exit ${code} of: ${[command, ...args].join(' ')}\n${stdout}${stderr}`)
  return stdout
}
