import { expect, test } from 'vitest'
import { poolBlobThreads } from '../../src/app/blob-threads.ts'
import type { BlobJob, FromThread, ToThread } from '../../src/bundle/blob-job.ts'
import type { FerryEvent } from '../../src/events.ts'
import { digestOf } from '../../src/oci/digest.ts'
import type { Thread } from '../../src/ports.ts'

/** A thread whose inside is a test's: it answers each message, now or later. */
function fakeThread(answer: (message: ToThread, tell: (message: FromThread) => void) => void) {
  const told: ToThread[] = []
  let tell: (message: unknown) => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  const thread: Thread = {
    post(message) {
      told.push(message as ToThread)
      queueMicrotask(() => answer(message as ToThread, (reply) => tell(structuredClone(reply))))
    },
    listen(onMessage, onFailure) {
      tell = onMessage
      fail = onFailure
    },
    end: () => Promise.resolve(),
  }
  return { thread, told, fail: (error: Error) => fail(error) }
}

function jobOf(size: number): BlobJob {
  const digest = digestOf(String(size))
  return {
    name: `blob of ${size}`,
    descriptor: { mediaType: 'x', digest, size },
    origin: { kind: 'local', location: '/x' },
    place: { path: digest, size, headerOffset: 0, offset: 512 },
    begun: 0,
  }
}

const live = new AbortController().signal
const done = (message: ToThread, tell: (message: FromThread) => void): void => {
  if (message.type === 'job') tell({ type: 'done', id: message.id })
}

test('this thread and the others get about the same number of bytes', () => {
  const other = fakeThread(done)
  const pool = poolBlobThreads([other.thread], { emit: () => undefined, note: () => undefined })
  let here = 0
  let there = 0
  for (const size of [100, 90, 80, 50, 40, 30, 20, 10, 5, 5]) {
    if (pool.carry(jobOf(size), live)) there += size
    else here += size
  }
  expect(Math.abs(here - there)).toBeLessThanOrEqual(20)
})

test('events and notes of a thread reach whoever listens', async () => {
  const events: FerryEvent[] = []
  const notes: string[] = []
  const other = fakeThread((message, tell) => {
    tell({ type: 'event', event: { type: 'bytes', task: 'download', bytes: 7 } })
    tell({ type: 'note', line: 'line' })
    done(message, tell)
  })
  const pool = poolBlobThreads([other.thread], {
    emit: (event) => events.push(event),
    note: (line) => notes.push(line),
  })
  expect(pool.carry(jobOf(5), live)).toBeUndefined()
  await pool.carry(jobOf(4), live)
  expect(events).toEqual([{ type: 'bytes', task: 'download', bytes: 7 }])
  expect(notes).toEqual(['line'])
})

test('a failure on a thread comes back as what it was, with its code and hint', async () => {
  const error = { code: 'io-space', message: 'no space left', hint: 'Free some.' } as const
  const other = fakeThread((message, tell) => {
    if (message.type === 'job') tell({ type: 'failed', id: message.id, error })
  })
  const pool = poolBlobThreads([other.thread], { emit: () => undefined, note: () => undefined })
  void pool.carry(jobOf(5), live)
  await expect(pool.carry(jobOf(4), live)).rejects.toMatchObject(error)
})

test('when the copy is stopped, threads are told and the reason is what is thrown', async () => {
  const other = fakeThread((message, tell) => {
    if (message.type === 'stop') tell({ type: 'failed', id: 1, error: { code: 'interrupted', message: 'interrupted' } })
  })
  const pool = poolBlobThreads([other.thread], { emit: () => undefined, note: () => undefined })
  const stop = new AbortController()
  void pool.carry(jobOf(5), stop.signal)
  const carried = pool.carry(jobOf(4), stop.signal)
  stop.abort(new Error('another blob was wrong'))
  await expect(carried).rejects.toThrow('another blob was wrong')
  expect(other.told.at(-1)).toEqual({ type: 'stop' })
})

test('a thread that breaks down fails what it had and takes nothing more', async () => {
  const other = fakeThread(() => undefined)
  const pool = poolBlobThreads([other.thread], { emit: () => undefined, note: () => undefined })
  void pool.carry(jobOf(5), live)
  const carried = pool.carry(jobOf(4), live)
  other.fail(new Error('out of memory'))
  await expect(carried).rejects.toThrow('out of memory')
  await expect(pool.carry(jobOf(100), live)).rejects.toThrow('out of memory')
})
