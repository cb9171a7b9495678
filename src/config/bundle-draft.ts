import { resolve } from 'node:path'
import { FerryError } from '../errors.ts'
import { normalHost, parseReference, type Reference } from '../oci/reference.ts'
import type { BundleFile, Chart, File, Image } from './bundle.gen.ts'
import type { Finding } from './problems.ts'
import type { Path } from './text-place.ts'

/** An entry of a list with its place in the document. */
export interface Placed<T> {
  readonly path: Path
  readonly value: T
}

/** A name that was read, or why it could not be. */
export type Parsed = { readonly reference: Reference } | { readonly error: FerryError }

export interface ImageDraft extends Placed<Image> {
  /** Where the name itself stands. */
  readonly refPath: Path
  readonly parsed: Parsed
}

export interface ChartDraft extends Placed<Chart> {
  /** Of `ref` without its `oci://`. */
  readonly parsed?: Parsed
  /** `path`, absolute. */
  readonly location?: string
}

/**
 * What of a bundle.yaml has the right shape. The rules that look across fields work on this, so that they can say what
 * they have to say although something else in the file is wrong.
 */
export interface BundleDraft {
  readonly metadata: Partial<BundleFile['metadata']>
  readonly spec: Partial<BundleFile['spec']>
  /** False when spec is there and has none of images, charts and files. */
  readonly namesContent: boolean
  readonly images: readonly ImageDraft[]
  readonly charts: readonly ChartDraft[]
  readonly files: readonly Placed<File>[]
  /** By host as written. */
  readonly registries: readonly (Placed<NonNullable<BundleFile['spec']['registries']>[string]> & { host: string })[]
}

/** Takes out of `value` whatever has the type it should have. */
export function draftBundle(value: unknown, mismatches: readonly Finding[], folder: string): BundleDraft {
  const untyped = mismatches.filter((mismatch) => mismatch.typed !== true)
  const isSound = (path: Path): boolean => !untyped.some((mismatch) => isPrefix(path, mismatch.path))
  const root = mapOf(value)
  const soundPart = (key: string): Record<string, unknown> =>
    Object.fromEntries(Object.entries(mapOf(root[key])).filter(([name]) => isSound([key, name])))
  const spec = mapOf(root['spec'])
  const listOf = <T>(key: string): Placed<T>[] =>
    (Array.isArray(spec[key]) ? (spec[key] as T[]) : [])
      .map((entry, i) => ({ path: ['spec', key, i], value: entry }))
      .filter(({ path }) => isSound(path))
  return {
    metadata: soundPart('metadata'),
    spec: soundPart('spec'),
    namesContent: !isMap(root['spec']) || ['images', 'charts', 'files'].some((key) => Object.hasOwn(spec, key)),
    images: listOf<string | Image>('images').map(({ path, value: entry }) => {
      const image = typeof entry === 'string' ? { ref: entry } : entry
      const refPath = typeof entry === 'string' ? path : [...path, 'ref']
      return { path, refPath, value: image, parsed: tryParse(image.ref) }
    }),
    charts: listOf<Chart>('charts').map((chart) => ({
      ...chart,
      ...(chart.value.ref !== undefined && { parsed: tryParse(ociName(chart.value.ref)) }),
      ...(chart.value.path !== undefined && { location: resolve(folder, chart.value.path) }),
    })),
    files: listOf<File>('files'),
    registries: Object.entries(mapOf(spec['registries']))
      .map(([host, settings]) => ({ path: ['spec', 'registries', host], host, value: mapOf(settings) }))
      .filter(({ path }) => isSound(path)),
  }
}

/** `oci://host/path/name:1.0.0+build` as the name a registry knows: Helm writes `_` for the `+` that tags cannot have. */
function ociName(ref: string): string {
  const name = ref.replace(/^oci:\/\//, '')
  const colon = name.lastIndexOf(':')
  return colon > name.lastIndexOf('/') && !name.includes('@')
    ? name.slice(0, colon) + name.slice(colon).replaceAll('+', '_')
    : name
}

/** The host of a chart's `ref` as written, in its normal form. */
export function ociHost(ref: string): string {
  return normalHost(ref.replace(/^oci:\/\//, '').split('/', 1)[0] ?? '')
}

function tryParse(text: string): Parsed {
  try {
    return { reference: parseReference(text) }
  } catch (error) {
    if (error instanceof FerryError) return { error }
    throw error
  }
}

function isPrefix(prefix: Path, path: Path): boolean {
  return prefix.every((part, i) => String(path[i]) === String(part))
}

function mapOf(value: unknown): Record<string, unknown> {
  return isMap(value) ? value : {}
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
