import { FerryError } from '../../errors.ts'
import { parsePlatformText, platformText, type Platform } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { ANNOTATION, MEDIA } from '../../oci/media-types.ts'
import { isRepository, isTag } from '../../oci/reference.ts'
import { buildArtifact, encodeBlob, type Artifact } from './artifact.ts'

export interface FileFacts {
  readonly name: string
  /** `linux/arm64`; undefined: for any. */
  readonly platform?: string
  /** Octal, `0755`. */
  readonly mode: string
  /** Of the file's bytes. */
  readonly content: Digest
  /** Of the file, in bytes. */
  readonly size: number
}

/**
 * A plain file as an OCI artifact: artifactType application/vnd.ferry.file.v1, the empty config (image-spec 1.1,
 * manifest.md "Guidelines for Artifact Usage"), the file as its one layer. The same facts give the same bytes.
 */
export function fileArtifact({ name, platform, mode, content, size }: FileFacts): Artifact {
  return buildArtifact(
    encodeBlob(MEDIA.ociEmpty, {}),
    {
      mediaType: MEDIA.octets,
      digest: content,
      size,
      annotations: { [ANNOTATION.mode]: mode, [ANNOTATION.title]: name },
    },
    {
      artifactType: MEDIA.ferryFile,
      annotations: {
        ...(platform !== undefined && { [ANNOTATION.platform]: platform }),
        [ANNOTATION.title]: name,
      },
    },
  )
}

/**
 * The name of a file in a bundle: `files/kubeadm:linux-amd64`, `files/x:linux-arm-v7`, `files/handbook:any`.
 * @throws FerryError `config-invalid` when a registry could not hold that name.
 */
export function fileName(name: string, platform: string | undefined): string {
  const repository = `files/${name}`
  const tag = platform === undefined ? 'any' : platformText(parsePlatform(platform)).replaceAll('/', '-')
  if (!isRepository(repository) || !isTag(tag))
    throw new FerryError('config-invalid', `${JSON.stringify(name)} cannot be the name of a file in a registry`, {
      hint: 'Lower-case letters and digits, joined by single ".", "_" or "-".',
    })
  return `${repository}:${tag}`
}

function parsePlatform(text: string): Platform {
  const platform = parsePlatformText(text)
  if (!platform) throw new FerryError('config-invalid', `${JSON.stringify(text)} is not os/architecture[/variant]`)
  return platform
}
