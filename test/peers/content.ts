import pLimit from 'p-limit'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { MEDIA } from '../../src/oci/media-types.ts'
import { attach, attest, type Attachments } from './attachments.ts'
import { buildLayer, type Layer, type LayerOptions } from './layers.ts'
import { createPusher, type Pusher, type PusherOptions } from './pusher.ts'

/**
 * gzip, zstd: OCI indexes whose own layers are compressed so; docker: manifest list and v2 schema 2; single: one
 * OCI manifest for linux/amd64, no index; tiny: an OCI index of a few KB; attached: as gzip, with a buildx attestation in the
 * index, an SBOM as OCI referrer and a signature under cosign's tag (of the right form, but made by no key).
 */
export type ImageKind = 'attached' | 'zstd' | 'docker' | 'tiny' | 'single' | 'gzip'

export interface ContentOptions {
  /** The same options make the same digests. Default `ferry`. */
  readonly seed?: string
  /** About the bytes of all layers for linux/amd64 and linux/arm64, each counted once (linux/s390x adds a few KB). */
  readonly totalBytes: number
  /** How many images. Default 12; from 6 on every kind is there. */
  readonly images?: number
}

export interface BuiltImage {
  readonly kind: ImageKind
  readonly repository: string
  readonly tag: string
  readonly digest: Digest
  readonly mediaType: string
  /** As `linux/amd64`. */
  readonly platforms: readonly string[]
  /** Digests of all blobs (configs and layers) by platform. */
  readonly blobs: Readonly<Record<string, readonly Digest[]>>
  /** For `attached`: the manifests that belong to it. `referrersTag` is where a registry without the referrers API has the list. */
  /** For `attached`. */
  readonly attached?: Attachments
}

const KINDS: readonly ImageKind[] = [
  'attached',
  'zstd',
  'docker',
  'tiny',
  'single',
  'gzip',
  'gzip',
  'zstd',
  'docker',
  'gzip',
  'tiny',
  'gzip',
]
const NAMES = ['platform/api', 'platform/web', 'team/app/worker', 'library/pause', 'tools/cli', 'monitoring/agent']
const ARCHITECTURES = ['amd64', 'arm64', 's390x']
/** Sizes relative to each other: one image's own layers add up to 1. s390x, which nobody exports, is left small. */
const BASE = 0.5
const OWN = [0.1, 0.3, 0.6]
const SMALL = 4096
const CREATED = '2025-01-01T00:00:00Z'

/** Makes images and pushes them to the registry at `url`. Shared base layers are sent once and mounted. */
export async function buildImages(url: string, options: ContentOptions & PusherOptions): Promise<BuiltImage[]> {
  const pusher = createPusher(url, options)
  try {
    const count = options.images ?? 12
    const kinds = Array.from({ length: count }, (_, index) => KINDS[index % KINDS.length]!)
    const weight = kinds.reduce((sum, kind) => sum + (kind === 'tiny' ? 0 : kind === 'single' ? 1 : 2), 4 * BASE)
    const bakery = new Bakery(pusher, options.seed ?? 'ferry', options.totalBytes / weight)
    // Few at a time: their layers are in memory until they are sent.
    const limit = pLimit(3)
    return await Promise.all(kinds.map((kind, index) => limit(() => bakery.bake(kind, index))))
  } finally {
    await pusher.close()
  }
}

interface PlacedLayer {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly diffId: Digest
}

class Bakery {
  readonly #pusher: Pusher
  readonly #seed: string
  /** Bytes of weight 1. */
  readonly #unit: number
  /** Layers that several images have, kept so that they are built once. */
  readonly #shared = new Map<string, Promise<Layer>>()

  constructor(pusher: Pusher, seed: string, unit: number) {
    this.#pusher = pusher
    this.#seed = seed
    this.#unit = unit
  }

  async bake(kind: ImageKind, index: number): Promise<BuiltImage> {
    const repository = index < NAMES.length ? NAMES[index]! : `${NAMES[index % NAMES.length]!}-${index}`
    const tag = `v1.${index}.0`
    const architectures = kind === 'single' ? ARCHITECTURES.slice(0, 1) : ARCHITECTURES
    const manifests: Descriptor[] = []
    const blobs: Record<string, Digest[]> = {}
    for (const architecture of architectures) {
      const { manifest, digests } = await this.#bakePlatform({ kind, index, repository, architecture, tag })
      manifests.push({ ...manifest, platform: { os: 'linux', architecture } })
      blobs[`linux/${architecture}`] = digests
    }
    const image = { kind, repository, tag, platforms: Object.keys(blobs), blobs }
    if (kind === 'single') return { ...image, digest: manifests[0]!.digest, mediaType: manifests[0]!.mediaType }

    if (kind === 'attached') manifests.push(await attest(this.#pusher, repository, manifests[0]!))
    const mediaType = kind === 'docker' ? MEDIA.dockerList : MEDIA.ociIndex
    const { descriptor } = await this.#pusher.putDocument(repository, { mediaType, manifests }, tag)
    const attached = kind === 'attached' ? await attach(this.#pusher, repository, descriptor) : undefined
    return { ...image, digest: descriptor.digest, mediaType, ...(attached && { attached }) }
  }

  async #bakePlatform(wanted: {
    kind: ImageKind
    index: number
    repository: string
    architecture: string
    tag: string
  }) {
    const { kind, index, repository, architecture, tag } = wanted
    const layers: PlacedLayer[] = []
    const place = async (layer: Layer, compression: 'gzip' | 'zstd') => {
      await this.#pusher.putBlob(repository, layer.bytes, layer.digest)
      const type = kind === 'docker' ? DOCKER_LAYER : `application/vnd.oci.image.layer.v1.tar+${compression}`
      layers.push({ mediaType: type, digest: layer.digest, size: layer.bytes.length, diffId: layer.diffId })
    }
    const size = (weight: number) =>
      architecture === 's390x' ? SMALL : Math.max(SMALL, Math.round(weight * this.#unit))
    if (kind === 'tiny') {
      await place(await this.#build({ seed: `tiny ${index} ${architecture}`, size: 512, compression: 'gzip' }), 'gzip')
    } else {
      await place(
        await this.#base({ seed: `base ${index % 2} ${architecture}`, size: size(BASE), compression: 'gzip' }),
        'gzip',
      )
      const compression = kind === 'zstd' ? 'zstd' : 'gzip'
      for (const [at, weight] of OWN.entries())
        await place(
          await this.#build({ seed: `image ${index} ${architecture} ${at}`, size: size(weight), compression }),
          compression,
        )
    }
    const config = await this.#pusher.putJson(repository, {
      created: CREATED,
      architecture,
      os: 'linux',
      config: {
        Entrypoint: ['/opt/start'],
        Env: ['PATH=/usr/bin:/bin'],
        Labels: { 'org.opencontainers.image.version': tag },
      },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map((_, at) => ({ created: CREATED, created_by: `step ${at}` })),
    })
    const { descriptor } = await this.#pusher.putDocument(
      repository,
      {
        mediaType: kind === 'docker' ? MEDIA.dockerManifest : MEDIA.ociManifest,
        config: {
          mediaType: kind === 'docker' ? MEDIA.dockerConfig : MEDIA.ociConfig,
          ...config,
        },
        layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, size, digest })),
      },
      kind === 'single' ? tag : undefined,
    )
    return { manifest: descriptor, digests: [config.digest, ...layers.map(({ digest }) => digest)] }
  }

  #build(options: LayerOptions): Promise<Layer> {
    return buildLayer({ ...options, seed: `${this.#seed} ${options.seed}` })
  }

  #base(options: LayerOptions): Promise<Layer> {
    const known = this.#shared.get(options.seed)
    if (known) return known
    const layer = this.#build(options)
    this.#shared.set(options.seed, layer)
    return layer
  }
}

const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
