import type { Emit } from '../events.ts'

/** So many bytes may pass through the process before their buffers are collected. */
const EVERY_BYTES = 16 * 1024 * 1024

/** Passes events on, and has buffers freed as content moves: memory stays flat whatever the size of the bundle. */
export function boundMemory(emit: Emit, freeBuffers: () => void): Emit {
  let moved = 0
  return (event) => {
    emit(event)
    if (event.type !== 'bytes') return
    moved += Math.abs(event.bytes)
    if (moved < EVERY_BYTES) return
    moved = 0
    freeBuffers()
  }
}
