import { gzipSync } from 'node:zlib'
import { encodeBlob } from '../../src/bundle/sources/artifact.ts'
import { fileArtifact, fileName } from '../../src/bundle/sources/file-artifact.ts'
import type { Descriptor, Platform } from '../../src/oci/descriptor.ts'
import { digestOf, type Digest } from '../../src/oci/digest.ts'
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.ts'

/** What goes into a memory bundle, gathered by the functions below. All of it may be changed by hand in between. */
export interface MemoryContent {
  /** Manifests, indexes and configs. */
  readonly head: Map<Digest, Uint8Array>
  /** Everything else. */
  readonly layers: Map<Digest, Uint8Array>
  /** The entries of index.json and of its nested indexes, each with its name in the annotations. */
  readonly images: Descriptor[]
  readonly charts: Descriptor[]
  readonly files: Descriptor[]
  readonly attached: Descriptor[]
}

export interface ManifestOptions {
  /** Media type `application/vnd.oci.image.layer.v1.tar+gzip` (Docker's, with `docker`). Default: one tiny layer. */
  readonly layers?: readonly Uint8Array[]
  /** Default linux/amd64; stands in the config. */
  readonly platform?: Platform
  /** Docker media types instead of OCI's. */
  readonly docker?: boolean
}

export function emptyContent(): MemoryContent {
  return { head: new Map(), layers: new Map(), images: [], charts: [], files: [], attached: [] }
}

/** Adds an image manifest without giving it a name: for an index. Returns its descriptor with the platform. */
export function addManifest(content: MemoryContent, options: ManifestOptions = {}): Descriptor {
  const { platform = { os: 'linux', architecture: 'amd64' }, docker = false } = options
  const layers = options.layers ?? [gzipSync('a layer')]
  const layerType = docker
    ? 'application/vnd.docker.image.rootfs.diff.tar.gzip'
    : 'application/vnd.oci.image.layer.v1.tar+gzip'
  const config = putJson(content, docker ? MEDIA.dockerConfig : MEDIA.ociConfig, {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant !== undefined && { variant: platform.variant }),
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
  })
  const mediaType = docker ? MEDIA.dockerManifest : MEDIA.ociManifest
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config,
    layers: layers.map((bytes) => putLayer(content, layerType, bytes)),
  }
  return { ...putJson(content, mediaType, manifest), platform }
}

/** Adds an index over manifests; those that are not in `content` make it sparse. */
export function addIndex(content: MemoryContent, manifests: readonly Descriptor[], docker = false): Descriptor {
  const mediaType = docker ? MEDIA.dockerList : MEDIA.ociIndex
  return putJson(content, mediaType, { schemaVersion: 2, mediaType, manifests })
}

/** Puts an image (or an index of them) under its full name: `registry.k8s.io/pause:3.10`. */
export function nameImage(content: MemoryContent, name: string, { mediaType, digest, size }: Descriptor): Descriptor {
  const annotations = { [ANNOTATION.containerdName]: name, [ANNOTATION.refName]: name }
  const descriptor = { mediaType, digest, size, annotations }
  content.images.push(descriptor)
  return descriptor
}

/** An image of one platform under its name. */
export function addImage(content: MemoryContent, name: string, options: ManifestOptions = {}): Descriptor {
  return nameImage(content, name, addManifest(content, options))
}

/** A chart archive under `charts/<name>:<version>`, or any full reference. */
export function addChart(
  content: MemoryContent,
  name: string,
  archive: Uint8Array,
  metadata: Readonly<Record<string, unknown>> = { name: 'podinfo', version: '6.9.1', apiVersion: 'v2' },
): Descriptor {
  const config = putJson(content, MEDIA.helmConfig, metadata)
  const layers = [putLayer(content, MEDIA.helmChart, archive)]
  const manifest = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers }
  return addNamed(content.charts, name, putJson(content, MEDIA.ociManifest, manifest))
}

/** A plain file, as `ferry export` makes it; without a platform it is for any. */
export function addFile(content: MemoryContent, name: string, bytes: Uint8Array, platform?: string): Descriptor {
  const facts = { name, mode: '0755', content: digestOf(bytes), size: bytes.length }
  const { manifest, config } = fileArtifact({ ...facts, ...(platform !== undefined && { platform }) })
  content.layers.set(digestOf(bytes), bytes)
  for (const { descriptor, bytes: json } of [manifest, config]) content.head.set(descriptor.digest, json)
  return addNamed(content.files, fileName(name, platform), manifest.descriptor)
}

/** Something attached to `subject` (an OCI referrer), known by digest or, given a whole name, by a tag. */
export function addAttached(
  content: MemoryContent,
  repository: string,
  options: {
    readonly subject: Descriptor
    readonly artifactType: string
    readonly bytes: Uint8Array
    readonly tag?: string
  },
): Descriptor {
  const { subject, artifactType, bytes, tag } = options
  const { mediaType, digest, size } = subject
  const descriptor = putJson(content, MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    artifactType,
    config: putJson(content, MEDIA.ociEmpty, {}),
    layers: [putLayer(content, artifactType, bytes)],
    subject: { mediaType, digest, size },
    annotations: { 'org.example.made-for': 'a test' },
  })
  const name = tag === undefined ? `${repository}@${descriptor.digest}` : `${repository}:${tag}`
  return addNamed(content.attached, name, { ...descriptor, artifactType })
}

/** Adds any JSON to the head of the bundle. */
export function putJson(content: MemoryContent, mediaType: string, value: unknown): Descriptor {
  const { descriptor, bytes } = encodeBlob(mediaType, value)
  content.head.set(descriptor.digest, bytes)
  return descriptor
}

/** Adds any bytes to the layers. */
export function putLayer(content: MemoryContent, mediaType: string, bytes: Uint8Array): Descriptor {
  const digest = digestOf(bytes)
  content.layers.set(digest, bytes)
  return { mediaType, digest, size: bytes.length }
}

function addNamed(group: Descriptor[], name: string, descriptor: Descriptor): Descriptor {
  const named = { ...descriptor, annotations: { [ANNOTATION.refName]: name } }
  group.push(named)
  return named
}
