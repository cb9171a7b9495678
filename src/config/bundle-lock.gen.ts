// Generated from schemas/bundle-lock.schema.json by: npm run types. Changes made here are lost.

export type Platform = string
/**
 * @minItems 1
 */
export type Platforms = Platform[]
export type Digest = `sha256:${string}`
export type Size = number
/**
 * Everything that belongs to it, its own manifest included; the sizes stand in documents and layers.
 */
export type Contents = Digest[]

/**
 * bundle.lock.yaml: every tag, version and URL of bundle.yaml as digest and size. Written by ferry lock; kept in version control.
 */
export interface LockFile {
  apiVersion: 'ferry.dev/v1'
  kind: 'BundleLock'
  images: Image[]
  charts: Chart[]
  files: File[]
  documents: Sizes
  layers: Sizes1
}
export interface Image {
  /**
   * The full normal form, as docker.io/library/nginx:1.29.
   */
  ref: string
  platforms: Platforms
  digest: Digest
  size: Size
  mediaType: string
  attached?: Attached[]
  contents: Contents
}
/**
 * A signature, SBOM or attestation of an image: found as an OCI referrer, or by cosign's tags (then with tag).
 */
export interface Attached {
  digest: Digest
  size: Size
  mediaType: string
  artifactType?: string
  tag?: string
}
export interface Chart {
  name: string
  version: string
  repo?: string
  /**
   * Where the repository's index says the archive lies.
   */
  url?: string
  /**
   * oci://host/path/name:version
   */
  ref?: string
  path?: string
  /**
   * Of the chart's OCI manifest.
   */
  digest: `sha256:${string}`
  size: Size
  mediaType: string
  /**
   * Of the chart archive (.tgz).
   */
  content: `sha256:${string}`
  attached?: Attached[]
  contents: Contents
}
export interface File {
  name: string
  url?: string
  path?: string
  platform?: Platform
  mode: string
  /**
   * Of the file's OCI manifest.
   */
  digest: `sha256:${string}`
  size: Size
  /**
   * Of the file itself.
   */
  content: `sha256:${string}`
}
/**
 * Every manifest, index and config: digest to bytes.
 */
export interface Sizes {
  [k: string]: Size
}
/**
 * Every other blob: digest to bytes.
 */
export interface Sizes1 {
  [k: string]: Size
}
