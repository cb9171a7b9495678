import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startThread } from '../../../src/adapters/threads/threads.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-threads-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Runs a module on a thread and tells every failure that is heard of. */
async function failuresOf(text: string, { endAfterMs }: { readonly endAfterMs?: number } = {}): Promise<string[]> {
  const module = join(folder, 'thread.mjs')
  await writeFile(module, text)
  const failures: string[] = []
  const thread = startThread(pathToFileURL(module).href, {})
  thread.listen(
    () => undefined,
    (error) => failures.push(error.message),
  )
  if (endAfterMs === undefined) {
    await expect.poll(() => failures.length, { timeout: 5000 }).toBeGreaterThan(0)
    // Time for whatever Node has to say of the same end.
    await setTimeout(100)
  } else await setTimeout(endAfterMs)
  await thread.end()
  return failures
}

test('a thread that breaks down is told once, with its own reason', async () => {
  expect(await failuresOf(`throw new Error('the disk is gone')`)).toEqual(['the disk is gone'])
})

test('a thread that just ends is a failure, too', async () => {
  expect(await failuresOf('process.exit(3)')).toEqual(['a thread ended by itself (3)'])
})

test('a thread that is ended is none', async () => {
  expect(await failuresOf('setInterval(() => undefined, 1000)', { endAfterMs: 200 })).toEqual([])
})
