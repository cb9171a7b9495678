import type { Streams, TextStream } from '../../../src/cli/render/renderer.ts'

/** Streams that keep what was written. */
export interface CapturedStreams extends Streams {
  readonly out: () => string
  readonly err: () => string
}

export function captureStreams(stderr: Omit<Partial<TextStream>, 'write'> = {}): CapturedStreams {
  let out = ''
  let err = ''
  return {
    stdout: { write: (text) => (out += text) },
    stderr: { ...stderr, write: (text) => (err += text) },
    out: () => out,
    err: () => err,
  }
}
