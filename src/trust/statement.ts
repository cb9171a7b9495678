import type { ReleaseStatement } from '../config/release.gen.ts'
import { FerryError, reasonOf } from '../errors.ts'

/**
 * ferry/release.json: an in-toto Statement v1 in one exact form (compact JSON, fields in a fixed order, a newline).
 * A statement that is not byte for byte in that form is refused, so that no two readers can understand it differently
 * (a key given twice, a number written as 1e3, an escaped letter).
 */

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const PREDICATE_TYPE = 'https://ferry.dev/release/v1'
export const MAX_STATEMENT_BYTES = 64 * 1024 * 1024
const MAX_SUBJECTS = 200_000
/** What the name field of a tar header holds (POSIX.1 ustar). */
const MAX_NAME_CHARACTERS = 100

/** One path of the bundle. */
export interface Subject {
  readonly name: string
  /** 64 lower-case hex digits. */
  readonly sha256: string
  /** Bytes. */
  readonly size: number
}

export interface StatementOptions {
  readonly product: string
  readonly channel: string
  readonly version: string
  readonly sequence: number
  readonly minInstalledSequence: number
  /** UTC, whole seconds: `2026-01-31T12:00:00Z`. */
  readonly issuedAt: string
  /** As `issuedAt`; null for never. */
  readonly notAfter: string | null
  readonly keysVersion: number
  /** In the order of the tar. */
  readonly subjects: readonly Subject[]
}

/**
 * The bytes to sign.
 * @throws FerryError `bundle-format` for what `parseStatement` would refuse.
 */
export function buildStatement(options: StatementOptions): Uint8Array {
  const { product, channel, version, sequence, minInstalledSequence, issuedAt, notAfter, keysVersion } = options
  const statement = checkStatement({
    _type: STATEMENT_TYPE,
    subject: options.subjects.map(({ name, sha256, size }) => ({ name, digest: { sha256 }, annotations: { size } })),
    predicateType: PREDICATE_TYPE,
    predicate: { product, channel, version, sequence, minInstalledSequence, issuedAt, notAfter, keysVersion },
  })
  const bytes = Buffer.concat([...piecesOf(statement)].map((piece) => Buffer.from(piece)))
  if (bytes.length > MAX_STATEMENT_BYTES) throw tooLarge(bytes.length)
  return bytes
}

/**
 * Reads a statement. Only bytes whose signature has been verified may come here.
 * @throws FerryError `bundle-format` naming the entry that is wrong.
 */
export function parseStatement(bytes: Uint8Array): ReleaseStatement {
  if (bytes.length > MAX_STATEMENT_BYTES) throw tooLarge(bytes.length)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    throw wrong(`not JSON: ${escapeRest(reasonOf(error).slice(0, 200))}`)
  }
  const statement = checkStatement(value)
  let position = 0
  for (const piece of piecesOf(statement)) {
    const expected = Buffer.from(piece)
    const found = bytes.subarray(position, position + expected.length)
    if (!expected.equals(found))
      throw wrong(
        `not written in the one accepted form, from byte ${position} on (${JSON.stringify(piece.slice(0, 80))} expected)`,
      )
    position += expected.length
  }
  if (position !== bytes.length) throw wrong(`${bytes.length - position} more bytes behind its end`)
  return statement
}

/** The accepted form in pieces, so that comparing never needs a second copy of it. */
function* piecesOf(statement: ReleaseStatement): Generator<string> {
  yield `{"_type":${JSON.stringify(statement._type)},"subject":[`
  let comma = ''
  for (const { name, digest, annotations } of statement.subject) {
    yield `${comma}{"name":"${name}","digest":{"sha256":"${digest.sha256}"},"annotations":{"size":${annotations.size}}}`
    comma = ','
  }
  const { product, channel, version, sequence, minInstalledSequence, issuedAt, notAfter, keysVersion } =
    statement.predicate
  const predicate = { product, channel, version, sequence, minInstalledSequence, issuedAt, notAfter, keysVersion }
  yield `],"predicateType":${JSON.stringify(statement.predicateType)},"predicate":${JSON.stringify(predicate)}}\n`
}

function checkStatement(value: unknown): ReleaseStatement {
  const map = asExactMap(value, ['_type', 'subject', 'predicateType', 'predicate'], 'the statement')
  if (map['_type'] !== STATEMENT_TYPE) throw wrong(`_type is ${shown(map['_type'])}, not ${STATEMENT_TYPE}`)
  if (map['predicateType'] !== PREDICATE_TYPE)
    throw wrong(`predicateType is ${shown(map['predicateType'])}, not ${PREDICATE_TYPE}`)
  const predicate = checkPredicate(map['predicate'])
  const list = map['subject']
  if (!Array.isArray(list)) throw wrong('subject is not a list')
  if (list.length < 2)
    throw wrong(`subject has ${list.length} entries; a bundle has at least oci-layout and index.json`)
  if (list.length > MAX_SUBJECTS)
    throw wrong(`subject has ${list.length} entries; at most ${MAX_SUBJECTS} are accepted`)
  const names = new Set<string>()
  const subject = list.map((entry: unknown, i) => checkSubject(entry, `subject[${i}]`, names))
  return { _type: STATEMENT_TYPE, subject, predicateType: PREDICATE_TYPE, predicate }
}

function checkSubject(value: unknown, where: string, names: Set<string>): ReleaseStatement['subject'][number] {
  const map = asExactMap(value, ['name', 'digest', 'annotations'], where)
  const name = checkName(map['name'], where)
  if (names.has(name)) throw wrong(`${where}: ${name} is there twice`)
  names.add(name)
  const { sha256 } = asExactMap(map['digest'], ['sha256'], `${where}.digest (${name})`)
  if (typeof sha256 !== 'string' || !/^[a-f0-9]{64}$/.test(sha256))
    throw wrong(`${where}: the sha256 of ${name} is ${shown(sha256)}, not 64 lower-case hex digits`)
  const { size } = asExactMap(map['annotations'], ['size'], `${where}.annotations (${name})`)
  return {
    name,
    digest: { sha256 },
    annotations: { size: checkInteger(size, 0, 2 ** 40, `${where}: size of ${name}`) },
  }
}

function checkName(name: unknown, where: string): string {
  if (typeof name !== 'string' || name === '') throw wrong(`${where}: name is ${shown(name)}, not a path`)
  if (name.length > MAX_NAME_CHARACTERS)
    throw wrong(`${where}: the name ${shown(name)} is longer than ${MAX_NAME_CHARACTERS} characters`)
  if (!/^[A-Za-z0-9._/-]+$/.test(name) || name.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw wrong(`${where}: ${shown(name)} is not a plain relative path`)
  if (name === 'ferry/release.json' || name.startsWith('ferry/release.json.') || name.startsWith('ferry/release.json/'))
    throw wrong(`${where}: ${shown(name)} is the statement itself or a signature of it`)
  return name
}

function checkPredicate(value: unknown): ReleaseStatement['predicate'] {
  const keys = [
    'product',
    'channel',
    'version',
    'sequence',
    'minInstalledSequence',
    'issuedAt',
    'notAfter',
    'keysVersion',
  ]
  const map = asExactMap(value, keys, 'predicate')
  const most = Number.MAX_SAFE_INTEGER
  const issuedAt = checkTime(map['issuedAt'], 'predicate.issuedAt')
  // Also the modification time in every tar header: eleven octal digits, from 1970 on.
  const seconds = Date.parse(issuedAt) / 1000
  if (seconds < 0 || seconds >= 8 ** 11) throw wrong(`predicate.issuedAt: ${issuedAt} is not between 1970 and 2242`)
  return {
    product: checkText(map['product'], 'predicate.product'),
    channel: checkText(map['channel'], 'predicate.channel'),
    version: checkText(map['version'], 'predicate.version'),
    sequence: checkInteger(map['sequence'], 1, most, 'predicate.sequence'),
    minInstalledSequence: checkInteger(map['minInstalledSequence'], 0, most, 'predicate.minInstalledSequence'),
    issuedAt,
    notAfter: map['notAfter'] === null ? null : checkTime(map['notAfter'], 'predicate.notAfter'),
    keysVersion: checkInteger(map['keysVersion'], 1, most, 'predicate.keysVersion'),
  }
}

/** Texts end up on terminals and in logs: letters, digits and `.+_-` only. */
function checkText(value: unknown, where: string): string {
  if (typeof value !== 'string' || !/^[0-9A-Za-z][0-9A-Za-z.+_-]{0,254}$/.test(value))
    throw wrong(`${where} is ${shown(value)}, not a plain word of at most 255 characters`)
  return value
}

function checkInteger(value: unknown, least: number, most: number, where: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most)
    throw wrong(`${where} is ${shown(value)}, not a whole number from ${least} to ${most}`)
  return value
}

function checkTime(value: unknown, where: string): string {
  const form = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/
  if (typeof value === 'string' && form.test(value)) {
    const milliseconds = Date.parse(value)
    // The way back tells 30 February from a day there is.
    if (!Number.isNaN(milliseconds) && new Date(milliseconds).toISOString() === value.replace('Z', '.000Z'))
      return value
  }
  throw wrong(`${where} is ${shown(value)}, not a time like 2026-01-31T12:00:00Z`)
}

function asExactMap(value: unknown, keys: readonly string[], where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${where} is not an object`)
  const map = value as Record<string, unknown>
  const unknownKey = Object.keys(map).find((key) => !keys.includes(key))
  if (unknownKey !== undefined) throw wrong(`${where} has an unknown field ${shown(unknownKey)}`)
  const missing = keys.find((key) => !Object.hasOwn(map, key))
  if (missing !== undefined) throw wrong(`${where} has no ${missing}`)
  return map
}

/** An untrusted value for a message: short, one line, nothing a terminal would act on. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) return 'missing'
  return text.length <= 120 ? escapeRest(text) : `${escapeRest(text.slice(0, 120))}…`
}

/** JSON escapes C0 controls only. */
function escapeRest(text: string): string {
  return text.replaceAll(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function tooLarge(bytes: number): FerryError {
  return wrong(`${bytes} bytes; at most ${MAX_STATEMENT_BYTES} are accepted`)
}

function wrong(what: string): FerryError {
  return new FerryError('bundle-format', `ferry/release.json: ${what}`, {
    hint: 'The bundle was not made by a compatible ferry. Ask its vendor for one that was.',
  })
}
