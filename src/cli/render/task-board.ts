import type { FerryEvent, TaskName } from '../../events.ts'
import { createRateMeter, type RateMeter } from './rate-meter.ts'

/** A task under way, as far as events have told. */
export interface ActiveTask {
  readonly task: TaskName
  readonly title: string
  readonly startedAt: number
  readonly totalBytes: number | undefined
  readonly totalItems: number | undefined
  readonly bytes: number
  readonly items: number
  /** What runs now, longest first. */
  readonly running: ReadonlyMap<string, { readonly totalBytes: number | undefined }>
  /** What waits for another attempt. */
  readonly retries: ReadonlyMap<string, Retry>
  /** How often anything was tried again. */
  readonly retryCount: number
  readonly meter: RateMeter
}

export interface Retry {
  readonly reason: string
  /** When the next attempt begins, in milliseconds since the epoch. */
  readonly until: number
  readonly attempt: number
  readonly attempts: number
}

/** The tasks under way: what the renderers for people show of a stream of events. */
export interface TaskBoard {
  /** Takes an event in; returns the task it ended, if it did. */
  take(event: FerryEvent, now: number): ActiveTask | undefined
  /** In the order they began. */
  readonly active: ReadonlyMap<TaskName, ActiveTask>
}

interface MutableTask extends ActiveTask {
  bytes: number
  items: number
  retryCount: number
  readonly running: Map<string, { readonly totalBytes: number | undefined }>
  readonly retries: Map<string, Retry>
}

/** Network pieces are smaller: more at once was there already and would make the rate a dream. */
const LEAP_BYTES = 2 * 1024 * 1024

function isLeap({ task, bytes }: { readonly task: TaskName; readonly bytes: number }): boolean {
  return (task === 'download' || task === 'push') && Math.abs(bytes) > LEAP_BYTES
}

export function createTaskBoard(): TaskBoard {
  const active = new Map<TaskName, MutableTask>()
  const take = (event: FerryEvent, now: number): ActiveTask | undefined => {
    if (event.type === 'warning' || event.type === 'note') return undefined
    if (event.type === 'task-start') {
      active.set(event.task, {
        task: event.task,
        title: event.title,
        startedAt: now,
        totalBytes: event.totalBytes,
        totalItems: event.totalItems,
        bytes: 0,
        items: 0,
        running: new Map(),
        retries: new Map(),
        retryCount: 0,
        meter: createRateMeter(now),
      })
      return undefined
    }
    const task = active.get(event.task)
    if (!task) return undefined
    switch (event.type) {
      case 'bytes':
        task.bytes += event.bytes
        if (!isLeap(event)) task.meter.add(now, event.bytes)
        return undefined
      case 'item-start':
        task.running.set(event.item, { totalBytes: event.totalBytes })
        return undefined
      case 'item-end':
        task.running.delete(event.item)
        task.retries.delete(event.item)
        task.items++
        return undefined
      case 'retry': {
        const { reason, delayMs, attempt, attempts } = event
        task.retries.set(event.item, { reason, until: now + delayMs, attempt, attempts })
        task.retryCount++
        return undefined
      }
      case 'task-end':
        active.delete(event.task)
        return task
    }
  }
  return { take, active }
}
