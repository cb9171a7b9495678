import type { Emit } from '../../events.ts'

/** What a command came to. */
export type Outcome =
  | {
      readonly type: 'result'
      readonly command: string
      /** For machines: the fields of the final JSON line. */
      readonly json: object
      /** For people, on standard output. No newline at the end; empty or left out: nothing is printed. */
      readonly text?: string | undefined
      /** What to run next, for people, on standard error. */
      readonly next?: readonly string[] | undefined
    }
  | { readonly type: 'error'; readonly command: string; readonly error: unknown; readonly debug: boolean }

/** Shows events while they come and the outcome in the end: on a terminal, as plain lines or as JSON lines. */
export interface Renderer {
  readonly emit: Emit
  /** Shows the outcome after everything that was emitted. Called once; nothing is emitted after it. */
  finish(outcome: Outcome): Promise<void>
}

/** A place to write text to, such as process.stdout. */
export interface TextStream {
  write(text: string): unknown
  /** Whether a person looks at it. */
  readonly isTTY?: boolean
  /** Characters in a line. */
  readonly columns?: number
  readonly rows?: number
}

export interface Streams {
  readonly stdout: TextStream
  readonly stderr: TextStream
}
