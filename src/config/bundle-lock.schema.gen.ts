// Generated from schemas/bundle-lock.schema.json by: npm run types. Changes made here are lost.

export const bundleLockSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'https://ferry.dev/schemas/bundle-lock.schema.json',
  title: 'LockFile',
  description:
    'bundle.lock.yaml: every tag, version and URL of bundle.yaml as digest and size. Written by ferry lock; kept in version control.',
  type: 'object',
  required: ['apiVersion', 'kind', 'images', 'charts', 'files', 'documents', 'layers'],
  additionalProperties: false,
  properties: {
    apiVersion: { const: 'ferry.dev/v1' },
    kind: { const: 'BundleLock' },
    images: { type: 'array', items: { $ref: '#/definitions/image' } },
    charts: { type: 'array', items: { $ref: '#/definitions/chart' } },
    files: { type: 'array', items: { $ref: '#/definitions/file' } },
    documents: { $ref: '#/definitions/sizes', description: 'Every manifest, index and config: digest to bytes.' },
    layers: { $ref: '#/definitions/sizes', description: 'Every other blob: digest to bytes.' },
  },
  definitions: {
    digest: {
      type: 'string',
      tsType: '`sha256:${string}`',
      pattern: '^sha256:[a-f0-9]{64}$',
      patternErrorMessage: 'Not a digest. Expected sha256: and 64 lower-case hex digits.',
    },
    size: { type: 'integer', minimum: 0, maximum: 1099511627776 },
    sizes: {
      type: 'object',
      propertyNames: {
        pattern: '^sha256:[a-f0-9]{64}$',
        patternErrorMessage: 'Not a digest. Expected sha256: and 64 lower-case hex digits.',
      },
      additionalProperties: { $ref: '#/definitions/size' },
    },
    platform: {
      type: 'string',
      pattern: '^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9._]+)?$',
      patternErrorMessage: 'Not a platform. Expected os/architecture[/variant], as linux/arm64.',
    },
    platforms: {
      type: 'array',
      minItems: 1,
      items: { $ref: '#/definitions/platform' },
    },
    attached: {
      type: 'object',
      description:
        "A signature, SBOM or attestation of an image: found as an OCI referrer, or by cosign's tags (then with tag).",
      required: ['digest', 'size', 'mediaType'],
      additionalProperties: false,
      properties: {
        digest: { $ref: '#/definitions/digest' },
        size: { $ref: '#/definitions/size' },
        mediaType: { type: 'string' },
        artifactType: { type: 'string' },
        tag: { type: 'string' },
      },
    },
    image: {
      type: 'object',
      required: ['ref', 'platforms', 'digest', 'size', 'mediaType'],
      additionalProperties: false,
      properties: {
        ref: { type: 'string', description: 'The full normal form, as docker.io/library/nginx:1.29.' },
        platforms: { $ref: '#/definitions/platforms' },
        digest: { $ref: '#/definitions/digest' },
        size: { $ref: '#/definitions/size' },
        mediaType: { type: 'string' },
        attached: { type: 'array', items: { $ref: '#/definitions/attached' } },
      },
    },
    chart: {
      type: 'object',
      required: ['name', 'version', 'digest', 'size', 'mediaType', 'content'],
      additionalProperties: false,
      properties: {
        name: { type: 'string' },
        version: { type: 'string' },
        repo: { type: 'string' },
        url: { type: 'string', description: "Where the repository's index says the archive lies." },
        ref: { type: 'string', description: 'oci://host/path/name:version' },
        path: { type: 'string' },
        digest: { $ref: '#/definitions/digest', description: "Of the chart's OCI manifest." },
        size: { $ref: '#/definitions/size' },
        mediaType: { type: 'string' },
        content: { $ref: '#/definitions/digest', description: 'Of the chart archive (.tgz).' },
        attached: { type: 'array', items: { $ref: '#/definitions/attached' } },
      },
    },
    file: {
      type: 'object',
      required: ['name', 'mode', 'digest', 'size', 'content'],
      additionalProperties: false,
      properties: {
        name: { type: 'string' },
        url: { type: 'string' },
        path: { type: 'string' },
        platform: { $ref: '#/definitions/platform' },
        mode: { type: 'string', pattern: '^0[0-7]{3}$' },
        digest: { $ref: '#/definitions/digest', description: "Of the file's OCI manifest." },
        size: { $ref: '#/definitions/size' },
        content: { $ref: '#/definitions/digest', description: 'Of the file itself.' },
      },
    },
  },
}
