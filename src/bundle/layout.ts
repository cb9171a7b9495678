/**
 * The bundle's tar, as arithmetic: from the names and sizes of its entries to the offset of each and the bytes of its
 * headers. Plain POSIX.1-1988 ustar, one pax extended header in front of a file of 8 GiB or more, no directories.
 * Every field has exactly one legal value, so a reader recomputes headers, padding and end mark and compares.
 */

export const BLOCK = 512
/** Two zero blocks end an archive (POSIX.1 pax, "ustar Interchange Format"). */
export const END_MARK_BYTES = 2 * BLOCK
/** The largest size eleven octal digits hold, plus one: from here on the size stands in a pax header. */
export const PAX_FROM = 8 * 1024 ** 3

/** The first entry of every bundle. */
export const RELEASE_PATH = 'ferry/release.json'
export const LAYOUT_PATH = 'oci-layout'
export const INDEX_PATH = 'index.json'
/** OCI image-spec 1.1, image-layout.md "oci-layout file". */
export const LAYOUT_BYTES = new TextEncoder().encode('{"imageLayoutVersion":"1.0.0"}')

export interface Entry {
  readonly path: string
  /** Bytes. */
  readonly size: number
}

/** An entry with its place in the file. */
export interface PlacedEntry extends Entry {
  /** Of the first header block. */
  readonly headerOffset: number
  /** Of the content. */
  readonly offset: number
}

export interface Layout {
  readonly entries: readonly PlacedEntry[]
  /** Where the end mark stands. */
  readonly endOffset: number
  /** Of the whole file. */
  readonly totalBytes: number
}

/** `ferry/release.json.<kid8>.sig` and `.sigstore.json`. */
export function signaturePaths(kid8: string): { readonly sig: string; readonly sigstore: string } {
  return { sig: `${RELEASE_PATH}.${kid8}.sig`, sigstore: `${RELEASE_PATH}.${kid8}.sigstore.json` }
}

/** `blobs/sha256/<hex>` (OCI image-spec 1.1, image-layout.md "Blobs"). */
export function blobPath(hex: string): string {
  return `blobs/sha256/${hex}`
}

/** Computes every offset. `start` places the first entry (default 0). */
export function placeEntries(entries: readonly Entry[], start = 0): Layout {
  let position = start
  const placed = entries.map((entry) => {
    const headerOffset = position
    const offset = headerOffset + headerBytes(entry.size)
    position = offset + padded(entry.size)
    return { path: entry.path, size: entry.size, headerOffset, offset }
  })
  return { entries: placed, endOffset: position, totalBytes: position + END_MARK_BYTES }
}

/** Bytes of the header(s) in front of a file of this size. */
export function headerBytes(size: number): number {
  return size < PAX_FROM ? BLOCK : 3 * BLOCK
}

/** `size` rounded up to whole blocks. */
export function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

/**
 * The header block(s) of an entry.
 * @param mtime seconds since the epoch; the statement's issue time.
 */
export function encodeHeader(entry: Entry, mtime: number): Uint8Array {
  if (entry.size < PAX_FROM) return encodeUstar(entry.path, entry.size, mtime, '0')
  const record = paxRecord('size', String(entry.size))
  const out = new Uint8Array(3 * BLOCK)
  out.set(encodeUstar('PaxHeaders/size', record.length, mtime, 'x'), 0)
  out.set(record, BLOCK)
  // With a pax size the ustar field is not read; zero keeps readers without pax from trusting a wrapped number.
  out.set(encodeUstar(entry.path, 0, mtime, '0'), 2 * BLOCK)
  return out
}

function encodeUstar(path: string, size: number, mtime: number, type: '0' | 'x'): Uint8Array {
  const block = new Uint8Array(BLOCK)
  const put = (offset: number, text: string): void => {
    for (let i = 0; i < text.length; i++) block[offset + i] = text.charCodeAt(i)
  }
  if (path.length > 100) throw new RangeError(`tar path longer than 100 characters: ${path}`)
  put(0, path)
  put(100, '0000644\0')
  put(108, '0000000\0')
  put(116, '0000000\0')
  put(124, `${octal(size, 11)}\0`)
  put(136, `${octal(mtime, 11)}\0`)
  put(148, '        ')
  put(156, type)
  put(257, 'ustar\0')
  put(263, '00')
  put(329, '0000000\0')
  put(337, '0000000\0')
  let sum = 0
  for (const byte of block) sum += byte
  put(148, `${octal(sum, 6)}\0 `)
  return block
}

function octal(value: number, digits: number): string {
  const text = value.toString(8).padStart(digits, '0')
  if (text.length > digits) throw new RangeError(`${value} does not fit in ${digits} octal digits`)
  return text
}

/** `<length> <key>=<value>\n`, the length counting itself (POSIX.1 pax, "pax Extended Header"). */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return new TextEncoder().encode(`${length}${rest}`)
}
