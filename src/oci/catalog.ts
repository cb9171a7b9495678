import type { Descriptor } from './descriptor.ts'
import type { Digest } from './digest.ts'

/** What a named thing in a bundle is. */
export type ContentKind = 'image' | 'chart' | 'file' | 'attached'

/** One named thing: an image, a chart, a file, or something attached to an image (signature, SBOM, attestation). */
export interface CatalogEntry {
  readonly kind: ContentKind
  /**
   * The full name as annotated: `registry.k8s.io/pause:3.10`, `quay.io/x/y@sha256:…`, `charts/podinfo:6.9.1`,
   * `files/kubeadm:linux-amd64`.
   */
  readonly name: string
  /** The path it has in a registry that Ferry fills or is: `registry.k8s.io/pause`, `127.0.0.1_5000/team/app`. */
  readonly repository: string
  /** Undefined for what is only known by digest (an image pinned without a tag, an OCI referrer). */
  readonly tag?: string
  /** Of the manifest or index. */
  readonly descriptor: Descriptor
  /** Pinned by digest in bundle.yaml: a target may not get another (filtered) index in its place. */
  readonly pinned: boolean
}

/** The content of a bundle by name, as a registry shows it. Everything in it has been verified. */
export interface Catalog {
  /** Sorted by name. */
  readonly entries: readonly CatalogEntry[]
  /** Repository path -> what can be asked of it. */
  readonly repositories: ReadonlyMap<string, CatalogRepository>
}

export interface CatalogRepository {
  /** tag -> manifest or index. */
  readonly tags: ReadonlyMap<string, Descriptor>
  /** Every manifest and index of this repository, those below an index too (a sparse index: those that are there). */
  readonly documents: ReadonlyMap<Digest, Descriptor>
  /** Every config and layer of them. */
  readonly blobs: ReadonlyMap<Digest, Descriptor>
  /** subject digest -> descriptors with artifactType and annotations (distribution-spec 1.1 "Listing Referrers"). */
  readonly referrers: ReadonlyMap<Digest, readonly Descriptor[]>
}
