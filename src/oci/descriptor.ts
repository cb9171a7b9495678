import { FerryError } from '../errors.ts'
import { parseDigest, type Digest } from './digest.ts'

/** OCI image-spec 1.1, image-index.md "platform". */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
}

/** OCI image-spec 1.1, descriptor.md. `urls` and `data` are never followed nor kept. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  readonly platform?: Platform
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** The largest blob Ferry believes in: 1 TiB. */
const MAX_SIZE = 2 ** 40

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
/** Media types travel in headers: printable ASCII (RFC 6838, 4.2 allows less, parameters add spaces and quotes). */
const MEDIA_TYPE = /^[\x20-\x7e]{1,255}$/

/** Checks an untrusted value and returns a descriptor with the known fields only. */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  const map = asMap(value, where)
  const digest = parseDigest(map['digest'], where)
  const mediaType = map['mediaType']
  if (typeof mediaType !== 'string' || !MEDIA_TYPE.test(mediaType))
    throw invalid(`${where}: ${digest} has no usable mediaType`)
  const size = map['size']
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || size > MAX_SIZE)
    throw invalid(`${where}: the size of ${digest} is ${JSON.stringify(size)}, not a number of bytes`)
  // Go programs write null for what they leave out.
  const platform = map['platform'] == null ? undefined : parsePlatform(map['platform'], where)
  const artifactType = optionalText(map['artifactType'], `${where}: artifactType`)
  const annotations = map['annotations'] == null ? undefined : parseAnnotations(map['annotations'], where)
  return {
    mediaType,
    digest,
    size,
    ...(platform && { platform }),
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations && { annotations }),
  }
}

/** `linux/arm64`, `linux/arm/v7`. */
export function platformText(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/')
}

/** Parses `os/architecture[/variant]`; undefined when the text is not of that form. */
export function parsePlatformText(text: string): Platform | undefined {
  const match = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9._]+))?$/.exec(text)
  const [, os, architecture, variant] = match ?? []
  if (os === undefined || architecture === undefined) return undefined
  return { os, architecture, ...(variant !== undefined && { variant }) }
}

/**
 * Whether an image for `have` is what a person means by `wanted`. A wanted variant must be the same; without one any
 * variant will do, and arm64 is arm64/v8 (containerd's and docker's normal form).
 */
export function platformMatches(wanted: Platform, have: Platform): boolean {
  if (wanted.os !== have.os || wanted.architecture !== have.architecture) return false
  if (wanted.variant === undefined) return true
  return wanted.variant === (have.variant ?? (have.architecture === 'arm64' ? 'v8' : undefined))
}

function parsePlatform(value: unknown, where: string): Platform {
  const map = asMap(value, `${where}: platform`)
  const os = optionalText(map['os'], `${where}: platform.os`) ?? 'unknown'
  const architecture = optionalText(map['architecture'], `${where}: platform.architecture`) ?? 'unknown'
  const variant = optionalText(map['variant'], `${where}: platform.variant`)
  const version = optionalText(map['os.version'], `${where}: platform.os.version`)
  const features = Array.isArray(map['os.features'])
    ? map['os.features'].filter((feature): feature is string => typeof feature === 'string')
    : undefined
  return {
    os,
    architecture,
    ...(variant !== undefined && { variant }),
    ...(version !== undefined && { 'os.version': version }),
    ...(features && { 'os.features': features }),
  }
}

function parseAnnotations(value: unknown, where: string): Record<string, string> {
  const map = asMap(value, `${where}: annotations`)
  for (const [key, text] of Object.entries(map)) {
    if (typeof text !== 'string') throw invalid(`${where}: the annotation ${JSON.stringify(key)} is not a text`)
  }
  return map as Record<string, string>
}

function optionalText(value: unknown, where: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string' || value.length > 255 || CONTROL.test(value))
    throw invalid(`${where} is not a short plain text`)
  return value
}

/** An untrusted JSON object. */
export function asMap(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${where} is not an object`)
  return value as Record<string, unknown>
}

function invalid(message: string): FerryError {
  return new FerryError('content-invalid', message)
}
