import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { freeYoungBuffers } from '../../../src/adapters/memory/free-young-buffers.ts'

const MIB = 1024 * 1024

test('buffers that a slow disk kept waiting until they were old are freed, too', async () => {
  let waiting: Buffer[] = []
  for (let i = 0; i < 192; i++) waiting.push(Buffer.alloc(MIB, 1))
  // Two rounds make whatever is still in use old.
  for (let round = 0; round < 3; round++) freeYoungBuffers()
  expect(process.memoryUsage().arrayBuffers).toBeGreaterThan(192 * MIB)
  waiting = []
  await sleep(300)
  freeYoungBuffers()
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(96 * MIB)
})
