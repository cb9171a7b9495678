import type { Descriptor } from '../../oci/descriptor.ts'
import { digestOf } from '../../oci/digest.ts'
import { MEDIA } from '../../oci/media-types.ts'
import type { Contents } from './contents.ts'

/** A blob small enough to be held. */
export interface SmallBlob {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

/** An OCI artifact that Ferry makes out of something that was none: a manifest, its config and one layer. */
export interface Artifact {
  readonly manifest: SmallBlob
  readonly config: SmallBlob
  readonly layer: Descriptor
}

/** Everything of an artifact, for the lock. */
export function contentsOfArtifact({ manifest, config, layer }: Artifact): Contents {
  const documents = new Map([
    [manifest.descriptor.digest, manifest.descriptor.size],
    [config.descriptor.digest, config.descriptor.size],
  ])
  // The file `{}` is its own config.
  return { documents, layers: new Map(documents.has(layer.digest) ? [] : [[layer.digest, layer.size]]) }
}

/** Writes JSON the one way: no white space, keys in the order given. `escape` may write its letters differently. */
export function encodeBlob(mediaType: string, value: unknown, escape = (json: string) => json): SmallBlob {
  const bytes = new TextEncoder().encode(escape(JSON.stringify(value)))
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes }
}

/** Go's encoding/json writes `<`, `>`, `&` and two line separators as \u escapes; they stand in texts only. */
export function escapeLikeGo(json: string): string {
  return json.replaceAll(/[<>&\u2028\u2029]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** An OCI image manifest (image-spec 1.1, manifest.md) around a config and one layer. */
export function buildArtifact(
  config: SmallBlob,
  layer: Descriptor,
  options: { readonly artifactType?: string; readonly annotations?: Readonly<Record<string, string>> },
): Artifact {
  const manifest = encodeBlob(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    ...(options.artifactType !== undefined && { artifactType: options.artifactType }),
    config: config.descriptor,
    layers: [layer],
    ...(options.annotations && { annotations: options.annotations }),
  })
  return { manifest, config, layer }
}
