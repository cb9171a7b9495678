// Generated from schemas/release.schema.json by: npm run types. Changes made here are lost.

export const releaseSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'https://ferry.dev/schemas/release.schema.json',
  title: 'ReleaseStatement',
  description:
    'ferry/release.json: an in-toto Statement v1 whose subjects are every other path of the bundle, in the order of the tar. The signatures are over its raw bytes.',
  type: 'object',
  required: ['_type', 'subject', 'predicateType', 'predicate'],
  additionalProperties: false,
  properties: {
    _type: { const: 'https://in-toto.io/Statement/v1' },
    subject: {
      type: 'array',
      minItems: 2,
      maxItems: 200000,
      items: {
        type: 'object',
        required: ['name', 'digest', 'annotations'],
        additionalProperties: false,
        properties: {
          name: {
            type: 'string',
            minLength: 1,
            maxLength: 100,
            pattern: '^(?!.*(^|/)\\.{1,2}(/|$))[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$',
            description: 'A plain relative path.',
          },
          digest: {
            type: 'object',
            required: ['sha256'],
            additionalProperties: false,
            properties: { sha256: { type: 'string', pattern: '^[a-f0-9]{64}$' } },
          },
          annotations: {
            type: 'object',
            required: ['size'],
            additionalProperties: false,
            properties: {
              size: { type: 'integer', minimum: 0, maximum: 1099511627776, description: 'Bytes.' },
            },
          },
        },
      },
    },
    predicateType: { const: 'https://ferry.dev/release/v1' },
    predicate: {
      type: 'object',
      required: [
        'product',
        'channel',
        'version',
        'sequence',
        'minInstalledSequence',
        'issuedAt',
        'notAfter',
        'keysVersion',
      ],
      additionalProperties: false,
      properties: {
        product: { type: 'string', pattern: '^[0-9A-Za-z][0-9A-Za-z.+_-]{0,254}$' },
        channel: { type: 'string', pattern: '^[0-9A-Za-z][0-9A-Za-z.+_-]{0,254}$' },
        version: { type: 'string', pattern: '^[0-9A-Za-z][0-9A-Za-z.+_-]{0,254}$' },
        sequence: { type: 'integer', minimum: 1, maximum: 9007199254740991 },
        minInstalledSequence: { type: 'integer', minimum: 0, maximum: 9007199254740991 },
        issuedAt: {
          type: 'string',
          pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$',
          description: 'UTC, whole seconds. Also the modification time of every entry of the tar.',
        },
        notAfter: {
          type: ['string', 'null'],
          pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$',
        },
        keysVersion: { type: 'integer', minimum: 1, maximum: 9007199254740991 },
      },
    },
  },
}
