import type { Platform } from '../oci/descriptor.ts'
import type { Reference } from '../oci/reference.ts'

/** bundle.yaml after validation and normalisation: every default filled in, every name in its full form. */
export interface BundleDefinition {
  /** The file as the user named it, for messages. */
  readonly file: string
  /** Folder that relative paths start from, absolute. */
  readonly folder: string
  readonly name: string
  readonly version: string
  readonly channel: string
  /** Undefined: the issue time in seconds. */
  readonly sequence?: number
  readonly minInstalledSequence: number
  /** RFC 3339, UTC, whole seconds, or null for never. */
  readonly notAfter: string | null
  readonly keysVersion: number
  readonly platforms: readonly Platform[]
  /** By host as in references, `registry.example:5000`. */
  readonly registries: Readonly<Record<string, RegistrySettings>>
  readonly images: readonly ImageEntry[]
  readonly charts: readonly ChartEntry[]
  readonly files: readonly FileEntry[]
}

export interface RegistrySettings {
  /** Default false. */
  readonly plainHttp?: boolean
  /** `host[:port][/prefix]`, asked in order before the upstream itself. */
  readonly mirrors?: readonly string[]
  /** Absolute path of a PEM file. */
  readonly caFile?: string
  readonly tokenHosts?: readonly string[]
}

/** Where an entry stands, for messages: `14:9 images[3]`. */
export interface Place {
  readonly line: number
  readonly column: number
  readonly path: string
}

export interface ImageEntry {
  readonly place: Place
  readonly reference: Reference
  readonly platforms: readonly Platform[]
}

export type ChartEntry = { readonly place: Place } & (
  | { readonly kind: 'repository'; readonly name: string; readonly version: string; readonly repo: string }
  | { readonly kind: 'oci'; readonly reference: Reference }
  | { readonly kind: 'local'; /** As written. */ readonly path: string; /** Absolute. */ readonly location: string }
)

export type FileEntry = {
  readonly place: Place
  readonly name: string
  readonly platform?: Platform
  /** `0755`; default `0644`. */
  readonly mode: string
  /** 64 hex digits the author expects. */
  readonly sha256?: string
} & (
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'local'; readonly path: string; readonly location: string }
)
