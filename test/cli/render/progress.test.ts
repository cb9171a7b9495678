import { describe, expect, test } from 'vitest'
import { detailLines, progressLine, retryText } from '../../../src/cli/render/progress-line.ts'
import { createRateMeter } from '../../../src/cli/render/rate-meter.ts'
import { createTaskBoard, type ActiveTask, type TaskBoard } from '../../../src/cli/render/task-board.ts'

const MB = 1_000_000

function downloading(
  seconds: number,
  bytesPerSecond: number,
  totalBytes = 6300 * MB,
): { board: TaskBoard; task: ActiveTask } {
  const board = createTaskBoard()
  board.take({ type: 'task-start', task: 'download', title: 'download', totalBytes }, 0)
  for (let at = 100; at <= seconds * 1000; at += 100)
    for (let piece = 0; piece < 10; piece++)
      board.take({ type: 'bytes', task: 'download', bytes: bytesPerSecond / 100 }, at)
  return { board, task: board.active.get('download')! }
}

describe('the rate', () => {
  test('is an average over the last five seconds', () => {
    const meter = createRateMeter(0)
    for (let at = 0; at < 20_000; at += 100) meter.add(at, at < 10_000 ? 100 : 10)
    expect(meter.rate(20_000)).toBeCloseTo(100, -1)
  })

  test('is unknown in the first half second, and falls to 0 when nothing comes', () => {
    const meter = createRateMeter(0)
    meter.add(10, 5000)
    expect(meter.rate(100)).toBeUndefined()
    expect(meter.rate(1000)).toBe(5000)
    expect(meter.rate(30_000)).toBe(0)
  })

  test('does not count what was there already', () => {
    const { board, task } = downloading(2, 10 * MB)
    board.take({ type: 'bytes', task: 'download', bytes: 900 * MB }, 2000)
    expect(task.bytes).toBe(920 * MB)
    expect(task.meter.rate(2000)! / MB).toBeCloseTo(10, 0)
  })
})

describe('the line of a task', () => {
  test('has bar, bytes of total, rate, time left and the number running', () => {
    const { board, task } = downloading(10, 100 * MB)
    for (const item of ['a', 'b']) board.take({ type: 'item-start', task: 'download', item }, 10_000)
    expect(progressLine(task, 10_000, 100)).toBe(
      'download    ███░░░░░░░░░░░░░░░░░░░░░  1.0 / 6.3 GB · 101 MB/s · 53 s left · 2 running',
    )
  })

  test.each([20, 30, 40, 60, 76, 100, 200])('fits %i columns', (width) => {
    const { board, task } = downloading(3, 123 * MB)
    board.take({ type: 'item-start', task: 'download', item: 'registry.example/a/b:c'.repeat(9), totalBytes: MB }, 3000)
    const retry = { reason: 'r'.repeat(300), delayMs: 4000, attempt: 2, attempts: 8 }
    board.take({ type: 'retry', task: 'download', item: 'i'.repeat(100), ...retry }, 3000)
    for (const line of [progressLine(task, 3000, width), ...detailLines(task, 3000, Math.max(60, width))])
      expect(line.length).toBeLessThanOrEqual(line.startsWith('download') ? width : Math.max(60, width))
  })

  test('without a total it counts', () => {
    const board = createTaskBoard()
    board.take({ type: 'task-start', task: 'lock', title: 'Resolving', totalItems: 4 }, 0)
    board.take({ type: 'item-start', task: 'lock', item: 'a' }, 0)
    board.take({ type: 'item-end', task: 'lock', item: 'a' }, 10)
    expect(progressLine(board.active.get('lock')!, 20, 76)).toMatch(/^lock {8}█+░+ {2}1 of 4$/)
  })

  test('says when nothing comes any more', () => {
    expect(progressLine(downloading(2, 10 * MB).task, 30_000, 76)).toContain('stalled')
  })
})

describe('below it stand', () => {
  test('at most three names, and how many more there are', () => {
    const { board, task } = downloading(1, MB)
    for (const item of ['a', 'b', 'c', 'd', 'e'])
      board.take({ type: 'item-start', task: 'download', item, totalBytes: MB }, 0)
    expect(detailLines(task, 0, 76).map((line) => line.trim())).toEqual([
      'a  1.0 MB',
      'b  1.0 MB',
      'c  1.0 MB',
      'and 2 more',
    ])
  })

  test('what is tried again, until its time has come', () => {
    const { board, task } = downloading(1, MB)
    const item = 'docker.io/grafana/grafana'
    board.take({ type: 'retry', task: 'download', item, reason: '429', delayMs: 4000, attempt: 2, attempts: 8 }, 1000)
    expect(detailLines(task, 1000, 76)).toEqual([`! ${item}  429, again in 4 s (2 of 8)`])
    expect(detailLines(task, 5001, 76)).toEqual([])
  })

  test('a reason without host and digest, which the line has already', () => {
    const retry = { until: 4000, attempt: 2, attempts: 8 }
    const reason = `r.example: 429, too many requests (blob sha256:${'a'.repeat(64)} of r.example/x)`
    expect(retryText('r.example/x:1', { ...retry, reason }, 0)).toBe(
      '! r.example/x:1  429, too many requests, again in 4 s (2 of 8)',
    )
  })
})
