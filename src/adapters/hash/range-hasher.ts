import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { FerryError } from '../../errors.ts'
import type { RangeHasher } from '../../ports.ts'
import type { WorkOrder, WorkReport } from './hash-worker.ts'

/** From a checkout this module is TypeScript, from a build JavaScript; the thread's is the same. */
const WORKER = new URL(`./hash-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/** Below this a second thread costs more than it saves. */
const SMALL = 32 * 1024 * 1024

/** Hashes ranges on as many threads as there are cores, the largest first. */
export const rangeHasher: RangeHasher = {
  async hash(path, ranges, { onHash, onBytes, signal }) {
    const total = ranges.reduce((sum, range) => sum + range.length, 0)
    const threads = total < SMALL ? 1 : Math.min(availableParallelism(), 8, ranges.length)
    const queue = ranges.map((range, index) => ({ ...range, index })).sort((a, b) => a.length - b.length)
    if (queue.length === 0) return
    const workers: Worker[] = []
    try {
      await Promise.all(
        Array.from({ length: threads }, () => {
          const worker = new Worker(WORKER, { workerData: { path } })
          workers.push(worker)
          return drain(worker, { queue, onHash, onBytes, signal, path })
        }),
      )
    } finally {
      await Promise.all(workers.map((worker) => worker.terminate()))
    }
  },
}

interface Drain {
  readonly queue: { index: number; position: number; length: number }[]
  readonly onHash: (index: number, hex: string) => void
  readonly onBytes: ((bytes: number) => void) | undefined
  readonly signal: AbortSignal | undefined
  readonly path: string
}

/** Feeds one thread from the queue until it is empty. */
function drain(worker: Worker, { queue, onHash, onBytes, signal, path }: Drain): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void =>
      reject(signal?.reason instanceof Error ? signal.reason : new FerryError('interrupted', 'interrupted'))
    if (signal?.aborted) {
      abort()
      return
    }
    signal?.addEventListener('abort', abort, { once: true })
    const give = (): void => {
      const order: WorkOrder = queue.pop() ?? 'end'
      worker.postMessage(order)
      if (order === 'end') {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
    }
    worker.on('message', (message: WorkReport) => {
      if (message.type === 'bytes') {
        onBytes?.(message.bytes)
      } else if (message.type === 'error') {
        reject(new FerryError('io-file', `${path}: ${message.message}`))
      } else {
        if (message.type === 'hash') onHash(message.index, message.hex)
        give()
      }
    })
    worker.on('error', reject)
  })
}
