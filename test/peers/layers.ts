import { createCipheriv, createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { constants, crc32, deflateRawSync, zstdCompress } from 'node:zlib'
import { Header } from 'tar'
import { digestOf, digestOfHex, type Digest } from '../../src/oci/digest.ts'

/** A layer as a registry holds it, and what its image's config says of it. */
export interface Layer {
  readonly bytes: Buffer
  readonly digest: Digest
  /** The digest of the uncompressed tar. */
  readonly diffId: Digest
}

export interface LayerOptions {
  /** The same seed, size and compression make the same bytes. */
  readonly seed: string
  /** Wanted size in bytes when compressed; met within some percent from 100 KiB on. */
  readonly size: number
  readonly compression: 'gzip' | 'zstd'
}

const PIECE = 256 * 1024
const DATE = new Date('2025-01-01T00:00:00Z')

/** Builds a tar archive of a few files, compressed. Some hundred MB/s: what cannot be compressed is stored, texts are compressed once. */
export async function buildLayer({ seed, size, compression }: LayerOptions): Promise<Layer> {
  const random = seededBytes(seed)
  const diffHash = createHash('sha256')
  const pieces: Buffer[] = []
  let checksum = 0
  let length = 0
  const add = (raw: Buffer, deflated = () => deflate(raw, 0)) => {
    diffHash.update(raw)
    checksum = crc32(raw, checksum)
    length += raw.length
    pieces.push(compression === 'gzip' ? deflated() : raw)
  }

  const files = Math.max(1, Math.min(8, Math.floor(size / PIECE)))
  const randomBytes = Math.ceil((size * RANDOM_SHARE) / files)
  add(header({ path: 'opt/', type: 'Directory', mode: 0o755 }))
  const folder = `opt/${createHash('sha256').update(seed).digest('hex').slice(0, 8)}`
  for (let file = 0; file < files; file++) {
    add(
      header({
        path: `${folder}-${file}.bin`,
        type: 'File',
        mode: file % 2 === 0 ? 0o755 : 0o644,
        size: 2 * randomBytes,
      }),
    )
    for (let left = randomBytes; left > 0; left -= PIECE) {
      const part = Math.min(left, PIECE)
      add(random(part))
      const text = TEXTS[(file + Math.ceil(left / PIECE)) % TEXTS.length]!
      if (part === PIECE) add(text.raw, () => text.deflated)
      else add(text.raw.subarray(0, part), () => deflate(text.raw.subarray(0, part), 1))
    }
    add(Buffer.alloc((512 - ((2 * randomBytes) % 512)) % 512))
  }
  add(Buffer.alloc(1024))

  const bytes = compression === 'gzip' ? gzipOf(pieces, checksum, length) : await zstd(Buffer.concat(pieces))
  return { bytes, digest: digestOf(bytes), diffId: digestOfHex(diffHash.digest('hex')) }
}

/** An endless source of bytes: AES-CTR with the seed as its key. */
export function seededBytes(seed: string): (length: number) => Buffer {
  const cipher = createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16))
  return (length) => cipher.update(Buffer.alloc(length))
}

const WORDS =
  'the of and to in registry image layer manifest node cluster bundle ferry harbour crate anchor rope tide'.split(' ')

function textPiece(index: number): { readonly raw: Buffer; readonly deflated: Buffer } {
  const choices = seededBytes(`text ${index}`)(PIECE)
  const words: string[] = []
  for (let length = 0, at = 0; length <= PIECE; at++) {
    const choice = choices[at]!
    const word = choice < 128 ? WORDS[choice % WORDS.length]! : (choice * (at + 7919)).toString(36)
    words.push(word)
    length += word.length + 1
  }
  const raw = Buffer.from(words.join(' ')).subarray(0, PIECE)
  return { raw, deflated: deflate(raw, 1) }
}

/** Pieces of deflate that can be joined: each ends on a byte boundary and refers to nothing before it. */
function deflate(raw: Buffer, level: 0 | 1): Buffer {
  return deflateRawSync(raw, { level, finishFlush: constants.Z_FULL_FLUSH, chunkSize: 2 * PIECE })
}

const TEXTS = [0, 1, 2, 3, 4].map(textPiece)

/** As in a real image, half of a layer does not compress and half is text: of the compressed bytes, this share is the first half. */
const RANDOM_SHARE = PIECE / (PIECE + TEXTS[0]!.deflated.length)

/** RFC 1952: header, deflate blocks, an empty last block, CRC-32 and length. */
function gzipOf(pieces: readonly Buffer[], checksum: number, length: number): Buffer {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(checksum >>> 0, 0)
  trailer.writeUInt32LE(length % 2 ** 32, 4)
  const start = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
  return Buffer.concat([start, ...pieces, Buffer.from([3, 0]), trailer])
}

const compress = promisify(zstdCompress)

function zstd(raw: Buffer): Promise<Buffer> {
  return compress(raw, { params: { [constants.ZSTD_c_compressionLevel]: 1 }, chunkSize: 1024 * 1024 })
}

function header(entry: { path: string; type: 'File' | 'Directory'; mode: number; size?: number }): Buffer {
  const block = Buffer.alloc(512)
  new Header({ size: 0, uid: 0, gid: 0, uname: 'root', gname: 'root', mtime: DATE, ...entry }).encode(block)
  return block
}
