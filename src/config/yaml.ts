import {
  constructFromEvents,
  dump,
  EVENT_ID,
  load,
  parseEvents,
  YAMLException,
  type ConstructorOptions,
  type Event,
} from 'js-yaml'
import { FerryError, reasonOf, type Problem } from '../errors.ts'
import { countProblems } from './problems.ts'
import type { TextPlace } from './text-place.ts'
import { findExpansion } from './yaml-expansion.ts'
import type { YamlDocument } from './yaml-document.ts'
import { buildPlaces, type Places } from './yaml-places.ts'

/** Files people write are refused from here on. */
const MAX_FILE_BYTES = 4 * 1024 * 1024
/** Values that aliases may add to those that are written ("billion laughs"). */
const MAX_EXPANSION = 100_000

/**
 * Parses a file that people write: one YAML 1.2 document (core schema, no merge keys).
 * @throws FerryError `config-invalid`, its problems with line, column and what the line says.
 */
export function parseYaml(
  text: string,
  file: string,
  options: { /** Default 4 MiB. */ readonly limitBytes?: number; readonly hint?: string } = {},
): YamlDocument {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text
  const fail = (problems: readonly Omit<Problem, 'file'>[]): FerryError =>
    new FerryError('config-invalid', `${file}: ${countProblems(problems.length)}`, {
      problems: problems.map((problem) => ({ file, ...problem })),
      ...(options.hint !== undefined && { hint: options.hint }),
    })
  const limit = options.limitBytes ?? MAX_FILE_BYTES
  if (Buffer.byteLength(source) > limit) throw fail([{ message: `the file is larger than ${limit} bytes` }])
  let events: Event[] = []
  let places: Places | undefined
  const placesOf = (): Places => (places ??= buildPlaces(events, source))
  try {
    events = parseEvents(source, {})
    const value = construct(events, { source })
    return {
      file,
      value,
      placeOf: (path) => placesOf().placeOf(path),
      keyPlaceOf: (path) => placesOf().keyPlaceOf(path),
      writtenAs: (path) => placesOf().writtenAs(path),
    }
  } catch (error) {
    if (!(error instanceof YAMLException)) throw fail([{ message: `not readable as YAML: ${reasonOf(error)}` }])
    const conflict = source.split('\n').findIndex((line) => line.startsWith('<<<<<<< '))
    if (conflict >= 0)
      throw fail([{ line: conflict + 1, column: 1, message: 'a merge conflict that has not been resolved' }])
    const duplicates = events.length > 0 ? placesOf().duplicates : []
    if (duplicates.length > 0)
      throw fail(
        duplicates.map(({ key, place, first }) => ({
          ...place,
          message: `the key ${JSON.stringify(key)} is there twice, first in line ${first.line}`,
        })),
      )
    throw fail([{ ...placeOfMark(error), message: `not YAML: ${error.reason}${lineOf(source, error)}` }])
  }
}

/**
 * Parses YAML that machines write (Chart.yaml, a Helm index.yaml of 20 MB), as fast as can be, without places.
 * @param where names it in messages.
 * @throws FerryError `content-invalid`
 */
export function parseYamlData(text: string, where: string, limitBytes: number): unknown {
  if (Buffer.byteLength(text) > limitBytes)
    throw new FerryError('content-invalid', `${where}: larger than ${limitBytes} bytes`)
  try {
    // JSON is YAML, and the runtime reads it many times faster.
    if (/^\s*\{/.test(text)) return JSON.parse(text)
  } catch {
    // A flow mapping that is not JSON: YAML may still read it.
  }
  try {
    // Without anchors there is nothing to expand, and the events need not be kept.
    if (!/[\s[{,]&\S/.test(text)) return load(text)
    return construct(parseEvents(text, {}), { source: text })
  } catch (error) {
    if (!(error instanceof YAMLException))
      throw new FerryError('content-invalid', `${where}: not readable as YAML: ${reasonOf(error)}`, { cause: error })
    const line = error.mark === undefined ? '' : ` in line ${error.mark.line + 1}`
    throw new FerryError('content-invalid', `${where}: not YAML: ${error.reason}${line}`, { cause: error })
  }
}

/** Writes plain data as YAML that YAML 1.1 readers understand the same way: block style, no folding, no aliases. */
export function formatYaml(value: unknown): string {
  return dump(value, { lineWidth: -1, noRefs: true })
}

function construct(events: Event[], options: ConstructorOptions): unknown {
  const documents = events.filter((event) => event.type === EVENT_ID.DOCUMENT).length
  if (documents === 0) throw new YAMLException('the file is empty')
  if (documents > 1) throw new YAMLException('more than one document; write them into a file each')
  if (findExpansion(events, options.source) - events.length > MAX_EXPANSION)
    throw new YAMLException(`its aliases expand to more than ${MAX_EXPANSION} values`)
  return constructFromEvents(events, options)[0]
}

function placeOfMark(error: YAMLException): Partial<TextPlace> {
  return error.mark === undefined ? {} : { line: error.mark.line + 1, column: error.mark.column + 1 }
}

/** What the line says, as a photo of the screen should show it. */
function lineOf(source: string, error: YAMLException): string {
  if (error.mark === undefined) return ''
  const line = source.split(/\r\n|\r|\n/, error.mark.line + 1)[error.mark.line]?.trim() ?? ''
  if (line === '') return ''
  return `: ${JSON.stringify(line.length > 80 ? `${line.slice(0, 80)}…` : line)}`
}
