import { crc32 } from 'node:zlib'

/** RFC 1951 3.2.4: a stored block holds at most this. */
const MAX_STORED = 0xffff

/**
 * Wraps bytes as gzip (RFC 1952) without compressing them. What a compressor makes of the same input differs between
 * versions of zlib and kinds of processors; this is the same everywhere, so a digest in a lock holds on every machine.
 */
export function storedGzip(bytes: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(bytes.length / MAX_STORED))
  const out = Buffer.alloc(10 + blocks * 5 + bytes.length + 8)
  // Magic, deflate, no flags, no time, no extra flags, unknown system.
  out.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
  let at = 10
  for (let i = 0; i < blocks; i++) {
    const piece = bytes.subarray(i * MAX_STORED, (i + 1) * MAX_STORED)
    out[at] = i === blocks - 1 ? 1 : 0
    out.writeUInt16LE(piece.length, at + 1)
    out.writeUInt16LE(piece.length ^ 0xffff, at + 3)
    out.set(piece, at + 5)
    at += 5 + piece.length
  }
  out.writeUInt32LE(crc32(bytes), at)
  out.writeUInt32LE(bytes.length >>> 0, at + 4)
  return out
}
