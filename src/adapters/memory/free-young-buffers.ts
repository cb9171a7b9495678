import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options: { readonly type: 'minor' | 'major' }) => void

let collect: Collect | undefined

/** Buffers of more bytes than this left after a collection: some are old. */
const OLD_BYTES = 48 * 1024 * 1024
/** A full collection takes some 10 ms; where so much is really in use, it must not become the work. */
const FULL_EVERY_MS = 250
let lastFull = Number.NEGATIVE_INFINITY

/**
 * Collects the young generation, and with it the network's and files' buffers that have passed through. Node counts such
 * buffers hardly as memory: left alone it collects them by the hundred megabytes, which is what a process would be seen
 * to hold. Buffers that waited long, for a slow disk or a busy processor, are old by then: when they pile up, all is collected.
 */
export function freeYoungBuffers(): void {
  collect ??= prepare()
  collect({ type: 'minor' })
  if (process.memoryUsage().arrayBuffers < OLD_BYTES || performance.now() - lastFull < FULL_EVERY_MS) return
  collect({ type: 'major' })
  lastFull = performance.now()
}

function prepare(): Collect {
  // What is collected here is a few hundred buffers: waking other threads for it takes longer than the work.
  setFlagsFromString('--no-parallel-scavenge')
  setFlagsFromString('--no-concurrent-array-buffer-sweeping')
  // The documented way to the collector without a flag on Node's own command line.
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}
