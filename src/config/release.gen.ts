// Generated from schemas/release.schema.json by: npm run types. Changes made here are lost.

/**
 * ferry/release.json: an in-toto Statement v1 whose subjects are every other path of the bundle, in the order of the tar. The signatures are over its raw bytes.
 */
export interface ReleaseStatement {
  _type: 'https://in-toto.io/Statement/v1'
  /**
   * @minItems 2
   * @maxItems 200000
   */
  subject: {
    /**
     * A plain relative path.
     */
    name: string
    digest: {
      sha256: string
    }
    annotations: {
      /**
       * Bytes.
       */
      size: number
    }
  }[]
  predicateType: 'https://ferry.dev/release/v1'
  predicate: {
    product: string
    channel: string
    version: string
    sequence: number
    minInstalledSequence: number
    /**
     * UTC, whole seconds. Also the modification time of every entry of the tar.
     */
    issuedAt: string
    notAfter: string | null
    keysVersion: number
  }
}
