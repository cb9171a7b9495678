/** OCI image-spec 1.1, media-types.md; Docker image manifest v2 schema 2; Helm's OCI media types; Ferry's own. */
export const MEDIA = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  helmConfig: 'application/vnd.cncf.helm.config.v1+json',
  helmChart: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
  /** The layer of a plain file. */
  octets: 'application/octet-stream',
  /** artifactType of a file that a bundle carries. */
  ferryFile: 'application/vnd.ferry.file.v1',
  /** artifactType of the nested index that keeps charts, files and attachments away from image importers. */
  ferryCharts: 'application/vnd.ferry.charts.v1',
  ferryFiles: 'application/vnd.ferry.files.v1',
  ferryAttached: 'application/vnd.ferry.attached.v1',
} as const

/** Annotation keys. */
export const ANNOTATION = {
  /** image-spec annotations.md; skopeo and oras select by it. */
  refName: 'org.opencontainers.image.ref.name',
  title: 'org.opencontainers.image.title',
  /** containerd and `ctr images import` name images by it. */
  containerdName: 'io.containerd.image.name',
  /** On a top-level image: the digest the author of bundle.yaml pinned it to. */
  pinned: 'dev.ferry.pinned',
  /** On a file's layer: its mode as octal text, `0755`. */
  mode: 'dev.ferry.mode',
  /** On a file's manifest: the platform it is for, `linux/arm64`. */
  platform: 'dev.ferry.platform',
} as const

export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA.ociIndex || mediaType === MEDIA.dockerList
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === MEDIA.ociManifest || mediaType === MEDIA.dockerManifest
}

/** Documents that are parsed and walked, as against blobs that are only carried. */
export function isDocumentType(mediaType: string): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType)
}
