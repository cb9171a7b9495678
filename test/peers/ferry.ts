import { join } from 'node:path'
import { run, runOrThrow, type RunOptions, type RunResult } from './peer.ts'

/** The command line under test, from this checkout. */
export const FERRY = join(import.meta.dirname, '../../src/main.ts')

/** Runs ferry as a person would, without a terminal. */
export function ferry(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return run(process.execPath, [FERRY, ...args], options)
}

/** As `ferry`; rejects with its words when it does not exit with 0. Returns standard output. */
export function ferryOrThrow(args: readonly string[], options: RunOptions = {}): Promise<string> {
  return runOrThrow(process.execPath, [FERRY, ...args], options)
}
