import { spawn } from 'node:child_process'
import { FerryError, systemCodeOf } from '../../errors.ts'

export interface CommandSignerOptions<Key> {
  /** A program: a path, or a name found on PATH. Started without a shell. */
  readonly command: string
  readonly args: readonly string[]
  /** The key the command is declared to sign with; whoever uses the result checks it. */
  readonly publicKey: Key
  /** Milliseconds until the command is ended. Default two minutes: somebody may have to touch a token. */
  readonly timeoutMs?: number
  /** Ends the command. */
  readonly signal?: AbortSignal
}

/** More output than this is no signature. */
const MAX_OUTPUT_BYTES = 1024
/** What is kept of standard error, from its end. */
const KEPT_ERROR_CHARACTERS = 4096
const DEFAULT_TIMEOUT_MS = 120_000
/** Between asking a command to end and ending it. */
const GRACE_MS = 1000

/**
 * A signer that is another program, such as one in front of an HSM: the bytes on its standard input, the signature
 * (DER, or 64 bytes r||s) on its standard output, exit code 0. It inherits the environment and the terminal, so it can
 * ask for a PIN on /dev/tty.
 * The result is as the program gave it: `signAndCheck` is what makes a checked signature of it.
 * `sign` fails with `signer` when the program cannot be started, fails, writes nothing or too much, or takes too long.
 */
export function createCommandSigner<Key>(options: CommandSignerOptions<Key>): {
  readonly publicKey: Key
  sign(bytes: Uint8Array): Promise<Uint8Array>
} {
  return { publicKey: options.publicKey, sign: (bytes) => runSigner(options, bytes) }
}

function runSigner(options: CommandSignerOptions<unknown>, bytes: Uint8Array): Promise<Uint8Array> {
  const { command, args, signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(interrupted())
      return
    }
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], shell: false, windowsHide: true })
    const output: Uint8Array[] = []
    let outputBytes = 0
    let errorText = ''
    let settled = false

    const settle = (result: Uint8Array | FerryError): void => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      if (result instanceof FerryError) {
        // A child of the command may still hold the pipes; nobody waits for it.
        for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy()
        endProcess()
        reject(result)
      } else resolve(result)
    }
    const endProcess = (): void => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
      child.once('exit', () => clearTimeout(killer))
    }
    const fail = (what: string, hint?: string): void => {
      const said = lastLine(errorText)
      const message = `the signer command ${shownName(command)} ${what}${said === '' ? '' : `: ${said}`}`
      settle(new FerryError('signer', message, hint === undefined ? {} : { hint }))
    }
    const onAbort = (): void => settle(interrupted())
    const timer = setTimeout(() => fail(`gave no signature within ${timeoutMs / 1000} s`), timeoutMs)
    signal?.addEventListener('abort', onAbort)

    child.on('error', (error) => {
      const code = systemCodeOf(error)
      const why = code === 'ENOENT' ? 'no such program' : code === 'EACCES' ? 'not executable' : error.message
      fail(
        `cannot be started (${why})`,
        'Give its full path, and try it by hand: it reads bytes and writes a signature.',
      )
    })
    child.stdout.on('data', (chunk: Uint8Array) => {
      output.push(chunk)
      outputBytes += chunk.length
      if (outputBytes > MAX_OUTPUT_BYTES)
        fail(
          `wrote more than ${MAX_OUTPUT_BYTES} bytes, which is no signature`,
          'It must write the binary signature, and nothing else, to its standard output.',
        )
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errorText = (errorText + text).slice(-KEPT_ERROR_CHARACTERS)
    })
    child.on('close', (code, killedBy) => {
      if (killedBy !== null) fail(`was ended by ${killedBy}`)
      else if (code !== 0) fail(`failed with exit code ${code ?? 'unknown'}`)
      else if (outputBytes === 0)
        fail('wrote no signature', 'It must write the binary signature to its standard output.')
      else settle(Buffer.concat(output))
    })
    // A command may end without reading everything (EPIPE); its exit code and its result say what that was worth.
    child.stdin.on('error', () => undefined)
    child.stdin.end(bytes)
  })
}

/** The end of what a program said, in one line that is safe to print. */
function lastLine(text: string): string {
  const lines = text
    .replaceAll(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '')
    .split(/[\r\n]+/)
    .map((line) => line.replaceAll(/\p{C}/gu, '').trim())
  return (lines.findLast((line) => line !== '') ?? '').slice(0, 300)
}

/** The program only: its arguments may hold a PIN. */
function shownName(command: string): string {
  return JSON.stringify(command.slice(0, 200))
}

function interrupted(): FerryError {
  return new FerryError('interrupted', 'stopped while the signer command was running')
}
