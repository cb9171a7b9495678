import { Ajv, type ErrorObject, type SchemaObject, type ValidateFunction } from 'ajv'
import { bundleLockSchema } from './bundle-lock.schema.gen.ts'
import { bundleSchema } from './bundle.schema.gen.ts'
import type { Finding } from './problems.ts'
import { releaseSchema } from './release.schema.gen.ts'
import { showValue } from './shown-value.ts'
import { suggest } from './suggest.ts'
import type { Path } from './text-place.ts'

const SCHEMAS = { bundle: bundleSchema, 'bundle-lock': bundleLockSchema, release: releaseSchema } as const
export type SchemaName = keyof typeof SCHEMAS

/** Compiled when first asked for: most commands need one schema or none. */
const compiled = new Map<SchemaName, ValidateFunction>()

/**
 * Every way in which a value is not what its schema says, in words for people. Empty: the value has the schema's type.
 * @param writtenAs how a scalar was written, for values that YAML read as something else (`1.10` is the number 1.1).
 */
export function findMismatches(
  name: SchemaName,
  value: unknown,
  writtenAs?: (path: Path) => string | undefined,
): Finding[] {
  const validate = compiled.get(name) ?? compile(name)
  compiled.set(name, validate)
  if (validate(value)) return []
  const mismatches = (validate.errors ?? []).map((error) => ({ error, path: pathOf(error.instancePath, value) }))
  return withoutEchoes(mismatches).map((mismatch) => describe(mismatch, writtenAs))
}

interface Mismatch {
  readonly error: ErrorObject
  readonly path: Path
}

function compile(name: SchemaName): ValidateFunction {
  const ajv = new Ajv({ allErrors: true, verbose: true, allowUnionTypes: true })
  // For editors, and for the messages here.
  ajv.addKeyword('patternErrorMessage')
  // For json-schema-to-typescript.
  ajv.addKeyword('tsType')
  return ajv.compile(SCHEMAS[name])
}

/** A JSON pointer as keys and indexes of the value. */
function pathOf(pointer: string, root: unknown): Path {
  let value = root
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
      const index = Array.isArray(value) ? Number(key) : key
      value = (value as Record<string, unknown>)[key]
      return index
    })
}

/** Leaves one mismatch for each mistake. */
function withoutEchoes(mismatches: readonly Mismatch[]): Mismatch[] {
  const unions = new Set(mismatches.filter(({ error }) => error.keyword === 'anyOf').map(({ path }) => path.join('/')))
  const misspelt = new Set<string>()
  for (const { error, path } of mismatches) {
    const meant = error.keyword === 'additionalProperties' ? meantKey(error) : undefined
    if (meant !== undefined) misspelt.add([...path, meant].join('/'))
  }
  return mismatches.filter(({ error, path }) => {
    if (error.keyword === 'propertyNames') return false
    // A branch of string | mapping that the value was not meant for says only that it is not that.
    if (unions.has(path.join('/'))) {
      const isMapping = typeof error.data === 'object' && error.data !== null && !Array.isArray(error.data)
      if (error.keyword === 'anyOf') return !isMapping
      if (error.keyword === 'type') return false
    }
    if (error.keyword === 'required') return !misspelt.has([...path, missingKey(error)].join('/'))
    return true
  })
}

function describe({ error, path }: Mismatch, writtenAs?: (path: Path) => string | undefined): Finding {
  const params = error.params as Record<string, unknown>
  const found = showValue(error.data)
  switch (error.keyword) {
    case 'additionalProperties':
      return describeUnknownKey(error, path)
    case 'required':
      return { path, message: `${missingKey(error)} is missing${expectedAs(error, missingKey(error))}` }
    case 'type': {
      const expected = [params['type']].flat().map(typeName).join(' or ')
      const written = writtenAs?.(path)
      if (params['type'] === 'string' && (typeof error.data === 'number' || typeof error.data === 'boolean')) {
        const shown = written ?? found
        const kind = typeof error.data === 'number' ? 'the number ' : ''
        return { path, message: `expected text, found ${kind}${shown}`, hint: quotingHint(error, shown) }
      }
      return { path, message: `expected ${expected}, found ${found}` }
    }
    case 'anyOf':
      return { path, message: `expected text or a mapping, found ${found}` }
    case 'const':
      return { path, message: `expected ${showValue(params['allowedValue'])}, found ${found}` }
    case 'pattern': {
      // Patterns of keys name the key; the data is the mapping then.
      const key = error.propertyName
      const reason = String(
        error.parentSchema?.['patternErrorMessage'] ?? `does not match ${String(params['pattern'])}`,
      )
      const shown = showValue(key ?? error.data)
      return {
        path: key === undefined ? path : [...path, key],
        ...(key !== undefined && { at: 'key' }),
        message: `${shown}: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`,
        typed: true,
      }
    }
    case 'minItems':
      if (Array.isArray(error.data) && error.data.length === 0)
        return { path, message: 'the list is empty', hint: 'Add an entry, or leave the key out where it is optional.' }
      return { path, message: `expected at least ${Number(params['limit'])} entries` }
    case 'uniqueItems': {
      const index = Math.max(Number(params['i']), Number(params['j']))
      const twice = (error.data as readonly unknown[])[index]
      return { path: [...path, index], message: `${showValue(twice)} is there twice` }
    }
    case 'minimum':
      return { path, message: `expected at least ${Number(params['limit'])}, found ${found}` }
    case 'maximum':
      return { path, message: `expected at most ${Number(params['limit'])}, found ${found}` }
    default:
      return { path, message: `${error.message ?? error.keyword}, found ${found}` }
  }
}

/** Quotes are the remedy only where what stands in them is right then. */
function quotingHint({ parentSchema }: ErrorObject, written: string): string {
  const pattern: unknown = parentSchema?.['pattern']
  const reason: unknown = parentSchema?.['patternErrorMessage']
  if (typeof pattern === 'string' && typeof reason === 'string' && !new RegExp(pattern).test(written)) return reason
  return `Write it in quotes: "${written}"`
}

function describeUnknownKey(error: ErrorObject, path: Path): Finding {
  const key = unknownKey(error)
  const meant = meantKey(error)
  const others = freeKeys(error)
  const advice =
    meant !== undefined
      ? ` Did you mean ${meant}?`
      : others.length > 0
        ? ` Not given here yet: ${others.join(', ')}.`
        : ' Remove it.'
  return { path: [...path, key], at: 'key', message: `unknown key.${advice}` }
}

function meantKey(error: ErrorObject): string | undefined {
  return suggest(unknownKey(error), freeKeys(error))
}

/** The keys that the mapping may have and has not. */
function freeKeys(error: ErrorObject): string[] {
  const given = error.data as Record<string, unknown>
  return Object.keys(propertiesOf(error)).filter((key) => !Object.hasOwn(given, key))
}

function unknownKey(error: ErrorObject): string {
  return String((error.params as { additionalProperty: unknown }).additionalProperty)
}

function missingKey(error: ErrorObject): string {
  return String((error.params as { missingProperty: unknown }).missingProperty)
}

/** What the schema says of a missing key: its constant, or its description. */
function expectedAs(error: ErrorObject, key: string): string {
  const property = propertiesOf(error)[key]
  if (property?.['const'] !== undefined) return `. Expected: ${key}: ${String(property['const'])}`
  const description: unknown = property?.['description']
  return typeof description === 'string' ? `. ${description}` : ''
}

function propertiesOf(error: ErrorObject): Record<string, SchemaObject> {
  return (error.parentSchema?.['properties'] ?? {}) as Record<string, SchemaObject>
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  object: 'a mapping',
  array: 'a list',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'nothing',
}

function typeName(type: unknown): string {
  return TYPE_NAMES[String(type)] ?? String(type)
}
