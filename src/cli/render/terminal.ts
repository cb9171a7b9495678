import { styleText } from 'node:util'
import type { FerryEvent } from '../../events.ts'
import type { Clock } from '../../ports.ts'
import { labelledLine, padLabel, TASK_LABELS } from './labelled-line.ts'
import { openLiveRegion, type LiveRegion } from './live-region.ts'
import { printOutcome } from './outcome.ts'
import { briefDigests, printable } from './plain-text.ts'
import { detailLines, progressFacts, progressLine, retrySummary } from './progress-line.ts'
import type { Renderer, Streams } from './renderer.ts'
import { createTaskBoard } from './task-board.ts'
import { createWarnings } from './warnings.ts'
import { wrapText } from './wrap-text.ts'

/** Work that ends sooner than this draws nothing but its result. */
const PATIENCE_MS = 150

/**
 * For people at a terminal: what is done scrolls up line by line, what runs stands below with a bar. Everything but the
 * results goes to standard error.
 */
export function createTerminalRenderer(streams: Streams, clock: Clock): Renderer {
  const { stderr } = streams
  const board = createTaskBoard()
  const warnings = createWarnings()
  let region: LiveRegion | undefined
  let timer: NodeJS.Timeout | undefined
  // One thing at a time touches the screen: opening, closing and writing wait for each other here.
  let screen: Promise<void> = Promise.resolve()
  const next = (work: () => Promise<void> | void): void => {
    screen = screen.then(work)
  }
  const frame = (width: number): string[] => {
    const now = clock.now()
    return [...board.active.values()].flatMap((task) => [
      progressLine(task, now, width),
      ...detailLines(task, now, width).map((line) => (line.startsWith('!') ? yellow(line) : dim(line))),
    ])
  }
  const openRegion = async (): Promise<void> => {
    if (!region && board.active.size > 0) region = await openLiveRegion(stderr, frame)
  }
  const closeRegion = async (): Promise<void> => {
    await region?.close()
    region = undefined
  }
  const write = (...lines: readonly string[]): void =>
    next(async () => {
      await closeRegion()
      stderr.write(lines.map((line) => `${line}\n`).join(''))
      if (timer === undefined) await openRegion()
    })

  const fact = (label: string, text: string): string => {
    const indent = ' '.repeat(labelledLine('', '').length)
    const wrapped = wrapText(printable(text), { width: stderr.columns || 80, indent })
    return labelledLine(label, wrapped.trimStart())
  }

  const emit = (event: FerryEvent): void => {
    const ended = board.take(event, clock.now())
    if (event.type === 'task-start' && timer === undefined && !region) {
      timer = setTimeout(() => {
        timer = undefined
        next(openRegion)
      }, PATIENCE_MS)
    } else if (event.type === 'task-end') {
      const label = TASK_LABELS[event.task].done
      if (label !== undefined) write(fact(label, event.summary + retrySummary(ended)))
      else next(board.active.size === 0 ? closeRegion : () => undefined)
    } else if (event.type === 'note') {
      write(fact(event.label, event.text))
    } else if (event.type === 'warning') {
      const [first = '', ...more] = warnings.linesOf({ ...event, message: briefDigests(event.message) }, stderr.columns)
      write(yellow(first), ...more)
    }
  }
  return {
    emit,
    async finish(outcome) {
      clearTimeout(timer)
      await screen
      await closeRegion()
      if (outcome.type === 'error')
        for (const task of board.active.values()) {
          const facts = progressFacts(task, clock.now()).slice(0, 1)
          stderr.write(`  ${red('✗')} ${padLabel(TASK_LABELS[task.task].live)}${facts.join('')}\n`)
        }
      printOutcome(outcome, streams, { red, bold })
    },
  }
}

// Whoever chose this renderer has looked at the terminal already.
const style = (format: Parameters<typeof styleText>[0]) => (text: string) =>
  styleText(format, text, { validateStream: false })
const yellow = style('yellow')
const red = style('red')
const bold = style('bold')
const dim = style('dim')
