import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options: { readonly type: 'minor' }) => void

let collect: Collect | undefined

/**
 * Collects the young generation, and with it the network's and files' buffers that have passed through. Node counts such
 * buffers hardly as memory: left alone it collects them by the hundred megabytes, which is what a process would be seen
 * to hold.
 */
export function freeYoungBuffers(): void {
  collect ??= prepare()
  collect({ type: 'minor' })
}

function prepare(): Collect {
  // What is collected here is a few hundred buffers: waking other threads for it takes longer than the work.
  setFlagsFromString('--no-parallel-scavenge')
  setFlagsFromString('--no-concurrent-array-buffer-sweeping')
  // The documented way to the collector without a flag on Node's own command line.
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}
