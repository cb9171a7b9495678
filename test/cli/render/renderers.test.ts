import { stripVTControlCharacters } from 'node:util'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { chooseRenderer, isLively } from '../../../src/cli/choose-renderer.ts'
import { createJsonRenderer } from '../../../src/cli/render/json.ts'
import { createPlainRenderer } from '../../../src/cli/render/plain.ts'
import { createTerminalRenderer } from '../../../src/cli/render/terminal.ts'
import { FerryError } from '../../../src/errors.ts'
import type { Emit, FerryEvent } from '../../../src/events.ts'
import type { Clock } from '../../../src/ports.ts'
import { captureStreams } from './captured-streams.ts'

const clock: Clock = { now: () => Date.now(), sleep: async (milliseconds) => wait(milliseconds) }
const problem = {
  file: 'bundle.yaml',
  line: 14,
  column: 9,
  path: 'images[3]',
  message: 'no such tag',
  hint: 'Near: v1',
}
const error = new FerryError('config-invalid', 'bundle.yaml: 1 problem', { problems: [problem], hint: 'Look there.' })

/** A download in 10 steps of 300 ms each. */
async function download(emit: Emit, pause: (milliseconds: number) => Promise<unknown>): Promise<void> {
  emit({ type: 'task-start', task: 'download', title: 'download', totalBytes: 1000, totalItems: 1 })
  emit({ type: 'item-start', task: 'download', item: 'a/b:1', totalBytes: 1000 })
  for (let step = 0; step < 10; step++) {
    await pause(300)
    emit({ type: 'bytes', task: 'download', bytes: 100 })
    if (step === 4)
      emit({ type: 'retry', task: 'download', item: 'a/b:1', reason: '429', delayMs: 300, attempt: 2, attempts: 8 })
  }
  emit({ type: 'item-end', task: 'download', item: 'a/b:1' })
  emit({ type: 'task-end', task: 'download', summary: '1 fetched' })
}

describe('the choice', () => {
  const tty = captureStreams({ isTTY: true })
  test.each([
    ['a terminal', tty, {}, true],
    ['no terminal', captureStreams(), {}, false],
    ['CI', tty, { CI: 'true' }, false],
    ['CI=false', tty, { CI: 'false' }, true],
    ['NO_COLOR', tty, { NO_COLOR: '1' }, false],
    ['TERM=dumb', tty, { TERM: 'dumb' }, false],
  ])('%s', (_, streams, env, lively) => expect(isLively(streams, env)).toBe(lively))

  test('--json wins over a terminal', async () => {
    const streams = captureStreams({ isTTY: true })
    const renderer = await chooseRenderer(streams, { json: true, env: {}, clock })
    renderer.emit({ type: 'note', label: 'a', text: 'b' })
    expect(streams.out()).toBe('{"type":"note","label":"a","text":"b"}\n')
  })
})

describe('JSON', () => {
  const events: readonly FerryEvent[] = [
    { type: 'task-start', task: 'verify', title: 'verify', totalBytes: 5 },
    { type: 'bytes', task: 'verify', bytes: 5 },
    { type: 'warning', message: 'odd\u001b[31m', hint: 'look' },
  ]

  test('is the events as they are and then the result, one object a line, nothing on standard error', async () => {
    const streams = captureStreams()
    const renderer = createJsonRenderer(streams)
    for (const event of events) renderer.emit(event)
    await renderer.finish({ type: 'result', command: 'verify', json: { verified: true }, text: 'fine', next: ['more'] })
    const lines = streams.out().trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      ...events,
      { type: 'result', command: 'verify', verified: true },
    ])
    expect(streams.err()).toBe('')
  })

  test('ends with the error, its problems and the exit code', async () => {
    const streams = captureStreams()
    await createJsonRenderer(streams).finish({ type: 'error', command: 'lock', error, debug: false })
    expect(JSON.parse(streams.out())).toEqual({
      type: 'error',
      command: 'lock',
      code: 'config-invalid',
      message: 'bundle.yaml: 1 problem',
      hint: 'Look there.',
      problems: [problem],
      exitCode: 2,
    })
  })

  test('calls an exception internal', async () => {
    const streams = captureStreams()
    await createJsonRenderer(streams).finish({
      type: 'error',
      command: 'lock',
      error: new TypeError('x'),
      debug: false,
    })
    expect(JSON.parse(streams.out())).toMatchObject({ code: 'internal', message: 'x', exitCode: 1, problems: [] })
  })
})

describe('plain lines', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('tell begin, progress, retries and end, each on a line, without escape codes', async () => {
    const streams = captureStreams()
    const renderer = createPlainRenderer(streams, clock)
    await download(renderer.emit, (milliseconds) => vi.advanceTimersByTimeAsync(milliseconds))
    renderer.emit({ type: 'note', label: 'written', text: 'a.tar · 1.0 kB' })
    renderer.emit({ type: 'warning', message: 'careful', hint: 'do this' })
    renderer.emit({ type: 'warning', message: 'again', hint: 'do this' })
    await renderer.finish({ type: 'result', command: 'export', json: {}, text: 'RESULT', next: ['ferry a', 'ferry b'] })
    expect(streams.err()).not.toContain('\u001b')
    const lines = streams.err().split('\n')
    expect(lines[0]).toBe('  download    begins · 1 item · 1.0 kB')
    expect(lines).toContain('  ! a/b:1  429, again in 1 s (2 of 8)')
    expect(lines).toContain('  downloaded  1 fetched · 1 retry · 3 s')
    expect(lines.slice(-8)).toEqual([
      '  written     a.tar · 1.0 kB',
      '  ! careful',
      '    do this',
      '  ! again',
      '',
      'Next: ferry a',
      '      ferry b',
      '',
    ])
    expect(streams.out()).toBe('RESULT\n')
  })

  test('tell once that a host is down, however many ask it at the same time', () => {
    const streams = captureStreams()
    const { emit } = createPlainRenderer(streams, clock)
    emit({ type: 'task-start', task: 'push', title: 'push', totalBytes: 1000 })
    const retry = { type: 'retry', task: 'push', item: 'r.example', reason: 'down', attempts: 3 } as const
    for (const attempt of [2, 3]) for (const delayMs of [990, 1010, 1100, 1200]) emit({ ...retry, attempt, delayMs })
    const lines = streams
      .err()
      .split('\n')
      .filter((line) => line.includes('down'))
    expect(lines).toEqual(['  ! r.example  down, again in 1 s (2 of 3)', '  ! r.example  down, again in 1 s (3 of 3)'])
  })

  test('come every five seconds while nothing moves, and more rarely after a minute', async () => {
    const streams = captureStreams()
    const renderer = createPlainRenderer(streams, clock)
    renderer.emit({ type: 'task-start', task: 'verify', title: 'verify', totalBytes: 1000 })
    await vi.advanceTimersByTimeAsync(60_000)
    const inMinute = streams.err().split('\n').length
    expect(inMinute).toBeGreaterThanOrEqual(12)
    expect(inMinute).toBeLessThanOrEqual(15)
    await vi.advanceTimersByTimeAsync(600_000)
    expect(streams.err().split('\n').length - inMinute).toBeLessThanOrEqual(22)
    await renderer.finish({ type: 'result', command: 'verify', json: {} })
    expect(vi.getTimerCount()).toBe(0)
  })

  test('come at most once a second however fast it goes', async () => {
    const streams = captureStreams()
    const renderer = createPlainRenderer(streams, clock)
    await download(renderer.emit, (milliseconds) => vi.advanceTimersByTimeAsync(milliseconds))
    expect(streams.err().match(/ %/g)?.length).toBeLessThanOrEqual(3)
    await renderer.finish({ type: 'result', command: 'export', json: {} })
  })

  test('show every mistake of a file at its line, then what to do', async () => {
    const streams = captureStreams()
    await createPlainRenderer(streams, clock).finish({ type: 'error', command: 'lock', error, debug: false })
    expect(streams.err()).toMatch(
      /^ferry: bundle\.yaml: 1 problem\nbundle\.yaml\n {2}14:9 +images\[3\]: no such tag\n +Near: v1\n {2}Look there\.\n$/,
    )
    expect(streams.out()).toBe('')
  })

  test('an exception is one line and the way to its stack; with FERRY_DEBUG the stack', async () => {
    const broken = new TypeError('x is undefined', { cause: new Error('deeper') })
    const quiet = captureStreams()
    await createPlainRenderer(quiet, clock).finish({ type: 'error', command: 'lock', error: broken, debug: false })
    expect(quiet.err()).toMatch(/^ferry: unexpected: x is undefined\n.*FERRY_DEBUG=1.*\n$/)
    const loud = captureStreams()
    await createPlainRenderer(loud, clock).finish({ type: 'error', command: 'lock', error: broken, debug: true })
    expect(loud.err()).toMatch(/TypeError: x is undefined\n {4}at [^]*caused by Error: deeper/)
  })
})

describe('on a terminal', () => {
  const show = (text: string): string => stripVTControlCharacters(text)

  test('a bar stands below while work runs; what stays is the transcript', async () => {
    const streams = captureStreams({ isTTY: true, columns: 80, rows: 24 })
    const renderer = createTerminalRenderer(streams, clock)
    renderer.emit({ type: 'task-start', task: 'download', title: 'download', totalBytes: 900 })
    renderer.emit({ type: 'item-start', task: 'download', item: 'a/b:1', totalBytes: 1000 })
    renderer.emit({ type: 'bytes', task: 'download', bytes: 500 })
    await vi.waitFor(() => expect(show(streams.err())).toMatch(/download {4}█+░+ {2}500 \/ 900 B/))
    expect(show(streams.err())).toContain('a/b:1')
    renderer.emit({ type: 'warning', message: 'careful', hint: 'do this' })
    renderer.emit({ type: 'task-end', task: 'download', summary: '1 fetched' })
    renderer.emit({ type: 'note', label: 'written', text: 'a.tar' })
    await renderer.finish({ type: 'result', command: 'export', json: {}, text: 'RESULT', next: ['ferry a'] })
    const text = show(streams.err())
    const places = [
      '  ! careful\n',
      '    do this\n',
      '  downloaded  1 fetched\n',
      '  written     a.tar\n',
      'Next: ferry a\n',
    ]
    expect(places.map((line) => text.lastIndexOf(line))).toEqual(
      places.map((line) => text.lastIndexOf(line)).toSorted((a, b) => a - b),
    )
    for (const line of places) expect(text).toContain(line)
    expect(streams.out()).toBe('RESULT\n')
    // The cursor that was hidden is shown again.
    expect(streams.err().lastIndexOf('\u001b[?25h')).toBeGreaterThan(streams.err().lastIndexOf('\u001b[?25l'))
  })

  test('work that is over at once draws no bar', async () => {
    const streams = captureStreams({ isTTY: true, columns: 80 })
    const renderer = createTerminalRenderer(streams, clock)
    renderer.emit({ type: 'task-start', task: 'lock', title: 'lock', totalItems: 1 })
    renderer.emit({ type: 'task-end', task: 'lock', summary: '1 image' })
    await renderer.finish({ type: 'result', command: 'lock', json: {} })
    expect(streams.err()).toBe('  locked      1 image\n')
  })

  test('a failure leaves what was under way with a cross, then the error', async () => {
    const streams = captureStreams({ isTTY: true, columns: 40 })
    const renderer = createTerminalRenderer(streams, clock)
    renderer.emit({ type: 'task-start', task: 'push', title: 'push', totalBytes: 900 })
    renderer.emit({ type: 'bytes', task: 'push', bytes: 250 })
    const failure = new FerryError('registry-auth', 'not allowed', {
      hint: 'Log in with docker login, then run this again.',
    })
    await renderer.finish({ type: 'error', command: 'push', error: failure, debug: false })
    expect(show(streams.err())).toBe(
      '  ✗ push        250 / 900 B\nferry: not allowed\n  Log in with docker login, then run\n  this again.\n',
    )
  })

  test('text from elsewhere cannot send escape codes', async () => {
    const streams = captureStreams({ isTTY: true, columns: 80 })
    const renderer = createTerminalRenderer(streams, clock)
    renderer.emit({ type: 'note', label: 'written', text: 'evil\u001b[2Jname' })
    await renderer.finish({
      type: 'error',
      command: 'x',
      error: new FerryError('io-file', 'a\u001b]0;b\u0007'),
      debug: false,
    })
    expect(streams.err()).not.toContain('\u001b[2J')
    expect(streams.err()).not.toContain('\u001b]0')
  })
})
