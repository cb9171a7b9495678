import { createHash, type Hash } from 'node:crypto'
import { FerryError } from '../errors.ts'

/**
 * A content digest, `sha256:` and 64 lower-case hex digits. OCI image-spec 1.1, descriptor.md "Digests" allows other
 * algorithms; Ferry takes exactly this one (CVE-2024-3727: digests become paths).
 */
export type Digest = `sha256:${string}`

const PATTERN = /^sha256:[a-f0-9]{64}$/

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && PATTERN.test(value)
}

/** @param where what names the digest, for the message: `the manifest of registry.k8s.io/pause:3.10`. */
export function parseDigest(value: unknown, where: string): Digest {
  if (isDigest(value)) return value
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : typeof value
  throw new FerryError('content-invalid', `${where}: not a digest: ${shown}. Expected sha256: and 64 hex digits.`)
}

/** The 64 hex digits of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice(7)
}

export function digestOfHex(hex: string): Digest {
  return `sha256:${hex}`
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** A running SHA-256. */
export function newHash(): Hash {
  return createHash('sha256')
}
