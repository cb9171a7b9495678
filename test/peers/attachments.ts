import type { Descriptor } from '../../src/oci/descriptor.ts'
import { hexOf, type Digest } from '../../src/oci/digest.ts'
import { MEDIA } from '../../src/oci/media-types.ts'
import type { Pusher } from './pusher.ts'

/** The manifests that belong to an image without being in its index. */
export interface Attachments {
  /** An OCI referrer: a manifest whose `subject` is the image. */
  readonly sbom: Digest
  /** Under cosign's tag scheme. */
  readonly signature: Digest
  readonly signatureTag: string
  /** Where a registry without the referrers API has the list of referrers. */
  readonly referrersTag: string
}

const SBOM = 'application/spdx+json'

/** Puts the manifest that `docker buildx build --provenance` adds to an index; returns its entry there. */
export async function attest(pusher: Pusher, repository: string, subject: Descriptor): Promise<Descriptor> {
  const layer = await pusher.putJson(repository, {
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType: 'https://slsa.dev/provenance/v0.2',
    subject: [{ name: repository, digest: { sha256: hexOf(subject.digest) } }],
    predicate: {},
  })
  const { descriptor } = await pusher.putDocument(repository, {
    mediaType: MEDIA.ociManifest,
    config: { mediaType: MEDIA.ociConfig, ...(await putConfig(pusher, repository, layer.digest)) },
    layers: [{ mediaType: 'application/vnd.in-toto+json', ...layer }],
  })
  return {
    ...descriptor,
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': subject.digest,
    },
  }
}

/** Attaches an SBOM (OCI 1.1) and a signature of cosign's form that no key has made. */
export async function attach(pusher: Pusher, repository: string, subject: Descriptor): Promise<Attachments> {
  const referrersTag = subject.digest.replace(':', '-')
  const signatureTag = `${referrersTag}.sig`
  const sbom = await putSbom(pusher, repository, subject)
  // distribution-spec 1.1, "Pushing Manifests with Subject": where the registry does not keep the list, the client does.
  if (!sbom.subjectKept) {
    const manifests = [{ ...sbom.descriptor, artifactType: SBOM }]
    await pusher.putDocument(repository, { mediaType: MEDIA.ociIndex, manifests }, referrersTag)
  }
  const signature = await putSignature(pusher, repository, { subject, signatureTag })
  return { sbom: sbom.descriptor.digest, signature, signatureTag, referrersTag }
}

async function putSbom(pusher: Pusher, repository: string, subject: Descriptor) {
  const packages = [{ name: 'openssl', versionInfo: '3.0.19' }]
  const layer = await pusher.putJson(repository, { spdxVersion: 'SPDX-2.3', name: repository, packages })
  return pusher.putDocument(repository, {
    mediaType: MEDIA.ociManifest,
    artifactType: SBOM,
    config: { mediaType: MEDIA.ociEmpty, ...(await pusher.putJson(repository, {})) },
    layers: [{ mediaType: SBOM, ...layer }],
    subject,
  })
}

async function putSignature(
  pusher: Pusher,
  repository: string,
  { subject, signatureTag }: { readonly subject: Descriptor; readonly signatureTag: string },
): Promise<Digest> {
  const payload = await pusher.putJson(repository, {
    critical: {
      identity: { 'docker-reference': repository },
      image: { 'docker-manifest-digest': subject.digest },
      type: 'cosign container image signature',
    },
    optional: null,
  })
  const layer = {
    mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
    ...payload,
    annotations: { 'dev.cosignproject.cosign/signature': 'bm90IG1hZGUgYnkgYSBrZXk=' },
  }
  const config = { mediaType: MEDIA.ociConfig, ...(await putConfig(pusher, repository, payload.digest)) }
  const document = { mediaType: MEDIA.ociManifest, config, layers: [layer] }
  return (await pusher.putDocument(repository, document, signatureTag)).descriptor.digest
}

function putConfig(pusher: Pusher, repository: string, diffId: Digest) {
  const rootfs = { type: 'layers', diff_ids: [diffId] }
  return pusher.putJson(repository, { architecture: 'unknown', os: 'unknown', config: {}, rootfs })
}
