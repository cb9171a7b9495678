import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Thread } from '../../ports.ts'

/** Small on purpose: a thread that moves content has few objects, and its buffers should be collected often. */
const YOUNG_GENERATION_MB = 2

/** Starts `module` on a thread of its own, with `start` for it to find. */
export function startThread(module: string, start: unknown): Thread {
  const worker = new Worker(new URL(module), {
    workerData: start,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
  return {
    post: (message) => worker.postMessage(message),
    listen(onMessage, onFailure) {
      worker.on('message', onMessage)
      worker.on('error', (error) => {
        // It exits now, which is no news.
        worker.removeAllListeners('exit')
        onFailure(error instanceof Error ? error : new Error(String(error)))
      })
      worker.on('exit', (code) => onFailure(new Error(`a thread ended by itself (${code})`)))
    },
    async end() {
      worker.removeAllListeners('exit')
      await worker.terminate()
    },
  }
}

/** What this thread was started with; undefined in the main thread. */
export function threadStart(): unknown {
  return isMainThread ? undefined : (workerData as unknown)
}

/** Tells the thread that started this one. */
export function postToParent(message: unknown): void {
  parentPort?.postMessage(message)
}

export function listenToParent(onMessage: (message: unknown) => void): void {
  parentPort?.on('message', onMessage)
}
