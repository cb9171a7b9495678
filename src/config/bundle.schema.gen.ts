// Generated from schemas/bundle.schema.json by: npm run types. Changes made here are lost.

export const bundleSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'https://ferry.dev/schemas/bundle.schema.json',
  title: 'BundleFile',
  description: 'bundle.yaml: what one delivery carries. Written by delivery engineers.',
  type: 'object',
  required: ['apiVersion', 'kind', 'metadata', 'spec'],
  additionalProperties: false,
  properties: {
    apiVersion: { const: 'ferry.dev/v1' },
    kind: { const: 'Bundle' },
    metadata: {
      type: 'object',
      required: ['name', 'version'],
      additionalProperties: false,
      properties: {
        name: {
          type: 'string',
          pattern: '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$',
          patternErrorMessage:
            "Not a name. Expected lower-case letters, digits, '.' and '-', at most 63, a letter or digit at both ends.",
          description: "The product. Lower-case letters, digits, '.' and '-', at most 63.",
        },
        version: {
          type: 'string',
          pattern: '^[0-9A-Za-z][0-9A-Za-z.+_-]{0,127}$',
          patternErrorMessage: "Not a version. Expected letters, digits, '.', '+', '_' and '-', at most 128, as 1.4.0.",
          description: 'The version people speak of.',
        },
        channel: {
          type: 'string',
          pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
          patternErrorMessage: "Not a channel. Expected lower-case letters, digits and '-', at most 63, as stable.",
          description: 'Sequences are compared within a channel. Default: stable.',
        },
        sequence: {
          type: 'integer',
          minimum: 1,
          maximum: 9007199254740991,
          description:
            'Rises with every release of a channel; a site refuses to go back. Default: the issue time in seconds.',
        },
        minInstalledSequence: {
          type: 'integer',
          minimum: 0,
          maximum: 9007199254740991,
          description: 'The oldest installed sequence that may be upgraded with this bundle. Default: 0, any.',
        },
        notAfter: {
          type: 'string',
          description: 'RFC 3339 time after which verification fails. Default: never.',
        },
        keysVersion: {
          type: 'integer',
          minimum: 1,
          maximum: 9007199254740991,
          description: "The version of the vendor's key set. Default: 1.",
        },
      },
    },
    spec: {
      type: 'object',
      required: ['platforms'],
      additionalProperties: false,
      properties: {
        platforms: {
          type: 'array',
          minItems: 1,
          uniqueItems: true,
          items: { $ref: '#/definitions/platform' },
          description: 'Which platforms of every multi-platform image are carried.',
        },
        registries: {
          type: 'object',
          description: 'Settings by upstream host, as host or host:port.',
          additionalProperties: { $ref: '#/definitions/registry' },
        },
        images: {
          type: 'array',
          minItems: 1,
          items: { anyOf: [{ type: 'string' }, { $ref: '#/definitions/image' }] },
        },
        charts: { type: 'array', minItems: 1, items: { $ref: '#/definitions/chart' } },
        files: { type: 'array', minItems: 1, items: { $ref: '#/definitions/file' } },
      },
    },
  },
  definitions: {
    platform: {
      type: 'string',
      pattern: '^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9._]+)?$',
      patternErrorMessage: 'Not a platform. Expected os/architecture[/variant], as linux/arm64.',
      description: 'os/architecture[/variant], as linux/arm64.',
    },
    registry: {
      type: 'object',
      additionalProperties: false,
      properties: {
        plainHttp: { type: 'boolean', description: 'Speak HTTP without TLS. Default: false.' },
        mirrors: {
          type: 'array',
          items: { type: 'string' },
          description: 'host[:port][/prefix] asked before the upstream itself, in this order.',
        },
        caFile: {
          type: 'string',
          description:
            "PEM file of certificate authorities to trust for this host, besides the system's. Relative to bundle.yaml.",
        },
        tokenHosts: {
          type: 'array',
          items: { type: 'string' },
          description: 'Other hosts that may issue tokens for this registry and are given its credentials.',
        },
      },
    },
    image: {
      type: 'object',
      required: ['ref'],
      additionalProperties: false,
      properties: {
        ref: { type: 'string', description: 'An image name with tag or digest.' },
        platforms: {
          type: 'array',
          minItems: 1,
          uniqueItems: true,
          items: { $ref: '#/definitions/platform' },
          description: 'Instead of spec.platforms.',
        },
      },
    },
    chart: {
      type: 'object',
      additionalProperties: false,
      description: 'One of: name + version + repo (an index.yaml repository), ref (oci://), path (a local chart).',
      properties: {
        name: {
          type: 'string',
          pattern: '^[a-z0-9]([a-z0-9._-]{0,127})$',
          patternErrorMessage: "Not a chart name. Expected lower-case letters, digits, '.', '_' and '-', at most 128.",
        },
        version: {
          type: 'string',
          pattern: '^v?[0-9][0-9A-Za-z.+_-]{0,127}$',
          patternErrorMessage: 'Not an exact version. Expected one like 6.9.1; ranges are not followed.',
        },
        repo: { type: 'string', description: 'http(s) URL of the folder that holds index.yaml.' },
        ref: {
          type: 'string',
          pattern: '^oci://',
          patternErrorMessage: 'Not an OCI chart. Expected oci://host/path/name:version.',
          description: 'oci://host/path/name:version',
        },
        path: { type: 'string', description: 'Folder or .tgz of a chart, relative to bundle.yaml.' },
      },
    },
    file: {
      type: 'object',
      required: ['name'],
      additionalProperties: false,
      description: 'One of: url, path.',
      properties: {
        name: {
          type: 'string',
          pattern: '^[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?$',
          patternErrorMessage:
            "Not a file name. Expected lower-case letters, digits, '.', '_' and '-', at most 128, a letter or digit at both ends.",
        },
        url: { type: 'string', description: 'http(s) URL. With sha256 it is not downloaded before export.' },
        path: { type: 'string', description: 'A local file, relative to bundle.yaml.' },
        sha256: {
          type: 'string',
          pattern: '^[a-f0-9]{64}$',
          patternErrorMessage: 'Not a SHA-256. Expected 64 lower-case hex digits.',
        },
        platform: { $ref: '#/definitions/platform' },
        mode: {
          type: 'string',
          pattern: '^0[0-7]{3}$',
          patternErrorMessage: 'Not a file mode. Expected four octal digits in quotes, as "0755".',
          description: 'Octal, as "0755". Default: "0644".',
        },
      },
    },
  },
}
