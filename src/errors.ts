/**
 * The one error of the project. Its message says what, where and why; its hint says what to do next.
 * Secrets never appear in either (credentials are never part of a message; `Authorization` values have no way in).
 */

/** What went wrong, for machines. The part before the first `-` decides the exit code. */
export type ErrorCode =
  // 2: wrong usage, or a file that people write is wrong
  | 'usage'
  | 'config-invalid'
  | 'config-lock-mismatch'
  | 'config-key'
  // 3: anything wrong with a bundle
  | 'bundle-format'
  | 'bundle-signature'
  | 'bundle-digest'
  | 'bundle-size'
  | 'bundle-content'
  | 'bundle-expired'
  | 'bundle-sequence'
  // 1: failed while working
  | 'io-space'
  | 'io-exists'
  | 'io-file'
  | 'io-listen'
  | 'registry-unreachable'
  | 'registry-auth'
  | 'registry-not-found'
  | 'registry-refused'
  | 'registry-protocol'
  | 'registry-digest'
  | 'content-invalid'
  | 'content-platform'
  | 'signer'
  | 'interrupted'
  | 'internal'

/** The documented exit codes: 0 done, 1 failed while working, 2 wrong usage or a wrong file, 3 a wrong bundle. */
export type ExitCode = 0 | 1 | 2 | 3

export interface FerryErrorOptions {
  /** What to do next, one sentence or a command. */
  readonly hint?: string
  readonly cause?: unknown
  /** For messages that hold several problems (a file with many mistakes): one entry each. */
  readonly problems?: readonly Problem[]
}

/** One mistake in a file that people write. */
export interface Problem {
  /** The file as the user named it. */
  readonly file?: string
  /** 1-based. */
  readonly line?: number
  /** 1-based. */
  readonly column?: number
  /** Where in the document, as `images[3].ref`. */
  readonly path?: string
  readonly message: string
  readonly hint?: string
}

export class FerryError extends Error {
  override readonly name = 'FerryError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly problems: readonly Problem[]

  constructor(code: ErrorCode, message: string, options: FerryErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.problems = options.problems ?? []
  }
}

/** The process exit code that an error stands for. Anything that is not a FerryError is a failure while working. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof FerryError)) return 1
  if (error.code === 'usage' || error.code.startsWith('config-')) return 2
  if (error.code.startsWith('bundle-')) return 3
  return 1
}

/** The text of anything thrown, for use inside a message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The `code` of a Node system error (`ENOENT`, `ENOSPC`, ...), if it is one. */
export function systemCodeOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return undefined
}
