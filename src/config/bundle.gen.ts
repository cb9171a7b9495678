// Generated from schemas/bundle.schema.json by: npm run types. Changes made here are lost.

/**
 * os/architecture[/variant], as linux/arm64.
 */
export type Platform = string

/**
 * bundle.yaml: what one delivery carries. Written by delivery engineers.
 */
export interface BundleFile {
  apiVersion: 'ferry.dev/v1'
  kind: 'Bundle'
  metadata: {
    /**
     * The product. Lower-case letters, digits, '.' and '-', at most 63.
     */
    name: string
    /**
     * The version people speak of.
     */
    version: string
    /**
     * Sequences are compared within a channel. Default: stable.
     */
    channel?: string
    /**
     * Rises with every release of a channel; a site refuses to go back. Default: the issue time in seconds.
     */
    sequence?: number
    /**
     * The oldest installed sequence that may be upgraded with this bundle. Default: 0, any.
     */
    minInstalledSequence?: number
    /**
     * RFC 3339 time after which verification fails. Default: never.
     */
    notAfter?: string
    /**
     * The version of the vendor's key set. Default: 1.
     */
    keysVersion?: number
  }
  spec: {
    /**
     * Which platforms of every multi-platform image are carried.
     *
     * @minItems 1
     */
    platforms: Platform[]
    /**
     * Settings by upstream host, as host or host:port.
     */
    registries?: {
      [k: string]: Registry
    }
    /**
     * @minItems 1
     */
    images?: (string | Image)[]
    /**
     * @minItems 1
     */
    charts?: Chart[]
    /**
     * @minItems 1
     */
    files?: File[]
  }
}
export interface Registry {
  /**
   * Speak HTTP without TLS. Default: false.
   */
  plainHttp?: boolean
  /**
   * host[:port][/prefix] asked before the upstream itself, in this order.
   */
  mirrors?: string[]
  /**
   * PEM file of certificate authorities to trust for this host, besides the system's. Relative to bundle.yaml.
   */
  caFile?: string
  /**
   * Other hosts that may issue tokens for this registry and are given its credentials.
   */
  tokenHosts?: string[]
}
export interface Image {
  /**
   * An image name with tag or digest.
   */
  ref: string
  /**
   * Instead of spec.platforms.
   *
   * @minItems 1
   */
  platforms?: Platform[]
}
/**
 * One of: name + version + repo (an index.yaml repository), ref (oci://), path (a local chart).
 */
export interface Chart {
  name?: string
  version?: string
  /**
   * http(s) URL of the folder that holds index.yaml.
   */
  repo?: string
  /**
   * oci://host/path/name:version
   */
  ref?: string
  /**
   * Folder or .tgz of a chart, relative to bundle.yaml.
   */
  path?: string
}
/**
 * One of: url, path.
 */
export interface File {
  name: string
  /**
   * http(s) URL. With sha256 it is not downloaded before export.
   */
  url?: string
  /**
   * A local file, relative to bundle.yaml.
   */
  path?: string
  sha256?: string
  platform?: Platform
  /**
   * Octal, as "0755". Default: "0644".
   */
  mode?: string
}
