import type { TaskName } from '../../events.ts'

const LABEL_WIDTH = 12

/** `  written     platform-1.4.0.tar · 6.3 GB`: one fact of the transcript. */
export function labelledLine(label: string, text: string): string {
  return `  ${padLabel(label)}${text}`
}

/** A label with the space after it; one that is too long keeps one space. */
export function padLabel(label: string): string {
  return label.length < LABEL_WIDTH ? label.padEnd(LABEL_WIDTH) : `${label} `
}

/** How a task is called while it runs, and when it is done; undefined where its end is not worth a line. */
export const TASK_LABELS: Readonly<Record<TaskName, { readonly live: string; readonly done: string | undefined }>> = {
  lock: { live: 'lock', done: 'locked' },
  complete: { live: 'complete', done: 'complete' },
  download: { live: 'download', done: 'downloaded' },
  // What was written is said by whoever asked for it.
  sync: { live: 'sync', done: undefined },
  verify: { live: 'verify', done: 'verified' },
  push: { live: 'push', done: 'pushed' },
  check: { live: 'check', done: 'checked' },
}
