/**
 * What long work tells whoever watches: typed values, no terminal. `cli/render` turns them into bars, plain lines or
 * JSON lines; the JSON form is these values as they are, so renaming a field is a breaking change.
 */

/** The long tasks a person can watch. */
export type TaskName = 'lock' | 'complete' | 'download' | 'sync' | 'verify' | 'push' | 'check'

export type FerryEvent =
  /** A task begins. Totals are known before the first byte wherever a lock or a statement exists. */
  | {
      readonly type: 'task-start'
      readonly task: TaskName
      readonly title: string
      readonly totalBytes?: number
      readonly totalItems?: number
    }
  /** `bytes` more have been done since the last such event of this task (never a total). May be negative: a blob that
   *  turned out wrong is taken back. */
  | { readonly type: 'bytes'; readonly task: TaskName; readonly bytes: number }
  | { readonly type: 'item-start'; readonly task: TaskName; readonly item: string; readonly totalBytes?: number }
  | { readonly type: 'item-end'; readonly task: TaskName; readonly item: string; readonly note?: string }
  /** The task is done; `summary` is one line for people. */
  | { readonly type: 'task-end'; readonly task: TaskName; readonly summary: string }
  /** Something failed and is tried again in `delayMs`. */
  | {
      readonly type: 'retry'
      readonly task: TaskName
      readonly item: string
      readonly reason: string
      readonly delayMs: number
      /** 1-based number of the coming attempt. */
      readonly attempt: number
      readonly attempts: number
    }
  /** Worth a person's attention, not a failure. */
  | { readonly type: 'warning'; readonly message: string; readonly hint?: string }
  /** A finished fact for the transcript, shown as `label   text` ("signed   vendor 3f9a 2c11 … · sequence 42"). */
  | { readonly type: 'note'; readonly label: string; readonly text: string }

export type Emit = (event: FerryEvent) => void
