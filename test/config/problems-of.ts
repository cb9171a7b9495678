import { expect } from 'vitest'
import { FerryError } from '../../src/errors.ts'

/** What a file's author is told: `line:column path: message` for each problem, in order. */
export function problemsOf(load: () => unknown): string[] {
  try {
    load()
  } catch (error) {
    if (!(error instanceof FerryError)) throw error
    expect(error.code).toBe('config-invalid')
    return error.problems.map(({ line, column, path, message }) =>
      [line === undefined ? [] : `${line}:${column}`, path === undefined ? [] : `${path}:`, message].flat().join(' '),
    )
  }
  return []
}
