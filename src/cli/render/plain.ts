import type { FerryEvent, TaskName } from '../../events.ts'
import type { Clock } from '../../ports.ts'
import { formatBytes, formatCount, formatDuration } from './format.ts'
import { labelledLine, TASK_LABELS } from './labelled-line.ts'
import { printOutcome } from './outcome.ts'
import { printable } from './plain-text.ts'
import { doneShare, progressFacts, retrySummary, retryText } from './progress-line.ts'
import type { Renderer, Streams } from './renderer.ts'
import { createTaskBoard } from './task-board.ts'
import { createWarnings } from './warnings.ts'

const STEP_MS = 5000
const STEP_SHARE = 0.1
/** Steps by share come no faster than this. */
const LEAST_MS = 1000
/** After a minute of a task its steps come more rarely: a log of an hour has 120 of them. */
const LONG_MS = 60_000
const LONG_STEP_MS = 30_000

/** For logs: one line for each thing that happened, without escape codes, on standard error; results on standard output. */
export function createPlainRenderer(streams: Streams, clock: Clock): Renderer {
  const board = createTaskBoard()
  const warnings = createWarnings()
  const steps = new Map<TaskName, { at: number; share: number }>()
  /** Retries that have been told, and until when they hold. */
  const told = new Map<string, number>()
  const line = (text: string): void => {
    streams.stderr.write(`${text}\n`)
  }
  const step = (): void => {
    const now = clock.now()
    for (const task of board.active.values()) {
      const last = steps.get(task.task) ?? { at: task.startedAt, share: 0 }
      const share = doneShare(task) ?? 0
      const waited = now - last.at
      const due = waited >= (now - task.startedAt > LONG_MS ? LONG_STEP_MS : STEP_MS)
      if (!due && (share - last.share < STEP_SHARE || waited < LEAST_MS)) continue
      steps.set(task.task, { at: now, share })
      const percent = doneShare(task) === undefined ? [] : [`${Math.floor(share * 100)} %`]
      line(labelledLine(TASK_LABELS[task.task].live, [...percent, ...progressFacts(task, now)].join(' · ')))
    }
  }
  const timer = setInterval(step, LEAST_MS)
  timer.unref()

  const emit = (event: FerryEvent): void => {
    const now = clock.now()
    const ended = board.take(event, now)
    switch (event.type) {
      case 'task-start': {
        steps.delete(event.task)
        const size = [
          ...(event.totalItems === undefined ? [] : [formatCount(event.totalItems, 'item')]),
          ...(event.totalBytes === undefined ? [] : [formatBytes(event.totalBytes)]),
        ]
        const { live } = TASK_LABELS[event.task]
        const title = event.title === live ? 'begins' : printable(event.title)
        line(labelledLine(live, [title, ...size].join(' · ')))
        break
      }
      case 'task-end': {
        const label = TASK_LABELS[event.task].done
        const took = ended ? ` · ${formatDuration(now - ended.startedAt)}` : ''
        if (label !== undefined) line(labelledLine(label, printable(event.summary) + retrySummary(ended) + took))
        break
      }
      case 'retry': {
        // Many requests to one host that is down fail alike: told once for each round of attempts.
        const key = `${event.item} ${event.attempt} ${event.reason}`
        const until = now + event.delayMs
        if ((told.get(key) ?? 0) <= now) {
          told.set(key, until)
          line(`  ${retryText(event.item, { ...event, until }, now)}`)
        }
        break
      }
      case 'warning':
        for (const text of warnings.linesOf(event)) line(text)
        break
      case 'note':
        line(labelledLine(event.label, printable(event.text)))
        break
      case 'bytes':
      case 'item-start':
      case 'item-end':
        step()
    }
  }
  return {
    emit,
    finish(outcome) {
      clearInterval(timer)
      const plain = (text: string): string => text
      printOutcome(outcome, streams, { red: plain, bold: plain })
      return Promise.resolve()
    },
  }
}
