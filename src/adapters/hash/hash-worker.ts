import { createHash } from 'node:crypto'
import { openSync, readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'

/**
 * Hashes ranges of one file on a thread of its own. Asks for work by announcing what it has done, so that fast and slow
 * threads end together. Reads are synchronous on purpose: the thread has nothing else to do, and the kernel reads ahead.
 */

/** What the pool sends: a range to hash, or the end. */
export type WorkOrder = { readonly index: number; readonly position: number; readonly length: number } | 'end'
/** What the thread sends back. */
export type WorkReport =
  | { readonly type: 'ready' }
  | { readonly type: 'bytes'; readonly bytes: number }
  | { readonly type: 'hash'; readonly index: number; readonly hex: string }
  | { readonly type: 'error'; readonly message: string }

/** Small enough that what was read is still in the processor's cache when it is hashed. */
const PIECE = 256 * 1024
/** Progress is told this often, not per piece: messages cost more than the hashing of a small piece. */
const REPORT_EVERY = 64 * PIECE

const port = parentPort
if (port) {
  const file = openSync((workerData as { path: string }).path, 'r')
  const buffer = Buffer.allocUnsafeSlow(PIECE)
  const report = (message: WorkReport): void => port.postMessage(message)
  const hashRange = (position: number, length: number): string => {
    const hash = createHash('sha256')
    let unreported = 0
    for (let done = 0; done < length;) {
      const read = readSync(file, buffer, 0, Math.min(PIECE, length - done), position + done)
      if (read === 0) throw new Error(`the file ends at byte ${position + done}`)
      hash.update(read === PIECE ? buffer : buffer.subarray(0, read))
      done += read
      unreported += read
      if (unreported >= REPORT_EVERY) {
        report({ type: 'bytes', bytes: unreported })
        unreported = 0
      }
    }
    report({ type: 'bytes', bytes: unreported })
    return hash.digest('hex')
  }
  port.on('message', (order: WorkOrder) => {
    if (order === 'end') {
      port.close()
      return
    }
    try {
      report({ type: 'hash', index: order.index, hex: hashRange(order.position, order.length) })
    } catch (error) {
      report({ type: 'error', message: error instanceof Error ? error.message : String(error) })
    }
  })
  report({ type: 'ready' })
}
