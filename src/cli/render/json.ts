import { exitCodeOf, FerryError, reasonOf } from '../../errors.ts'
import type { FerryEvent } from '../../events.ts'
import type { Outcome, Renderer, Streams } from './renderer.ts'

/**
 * For machines: one JSON object a line on standard output. First the events as they are, then exactly one of
 * `{"type":"result","command":…,…}` and `{"type":"error","command":…,"code":…,"message":…,"hint":…,"problems":[…],"exitCode":…}`.
 */
export function createJsonRenderer({ stdout, stderr }: Streams): Renderer {
  const emit = (value: FerryEvent | object): void => {
    stdout.write(`${JSON.stringify(value)}\n`)
  }
  return {
    emit,
    finish(outcome) {
      emit(lastLine(outcome))
      if (outcome.type === 'error' && outcome.debug && outcome.error instanceof Error)
        stderr.write(`${outcome.error.stack ?? outcome.error.message}\n`)
      return Promise.resolve()
    },
  }
}

function lastLine(outcome: Outcome): object {
  if (outcome.type === 'result') return { type: 'result', command: outcome.command, ...outcome.json }
  const { command, error } = outcome
  const known = error instanceof FerryError
  return {
    type: 'error',
    command,
    code: known ? error.code : 'internal',
    message: reasonOf(error),
    ...(known && error.hint !== undefined && { hint: error.hint }),
    problems: known ? error.problems : [],
    exitCode: exitCodeOf(error),
  }
}
