import { FerryError } from '../errors.ts'
import type { ReleaseStatement } from '../config/release.gen.ts'
import { digestOf, type Digest } from '../oci/digest.ts'
import type { RandomAccessFile } from '../ports.ts'
import type { PublicKey } from '../trust/key.ts'
import { parseStatement } from '../trust/statement.ts'
import { verifyRelease, type ReleaseSignature } from '../trust/verify-release.ts'
import {
  BLOCK,
  encodeHeader,
  padded,
  placeEntries,
  RELEASE_PATH,
  signaturePaths,
  type Entry,
  type Layout,
} from './layout.ts'

const MAX_RELEASE_BYTES = 64 * 1024 * 1024
const MAX_SIGNATURE_BYTES = 4096
const MAX_SIGNATURES = 16

/** What a bundle is checked against: keys and a time; or `unverified`, for looking only. */
export type VerifyWith =
  { readonly trustedKeys: readonly PublicKey[]; /** The reference time. */ readonly now: Date } | 'unverified'

/** The statement of a bundle, its signatures, and the layout of the whole file that follows from them. */
export interface Head {
  readonly statement: ReleaseStatement
  readonly releaseBytes: Uint8Array
  readonly releaseDigest: Digest
  readonly signedBy: readonly PublicKey[]
  readonly unknownKeys: readonly string[]
  readonly layout: Layout
  /** Seconds since the epoch: the issue time, in every header. */
  readonly mtime: number
}

/**
 * Reads the statement and its signatures, verifies them over the raw bytes, and only then parses them. No header is
 * trusted: from the verified statement all headers are computed anew and compared, and the size of the file must be
 * exactly what follows.
 */
export async function readHead(file: RandomAccessFile, verifyWith: VerifyWith): Promise<Head> {
  const entries: Entry[] = []
  let position = 0
  const next = async (limit: number): Promise<Uint8Array> => {
    const entry = await peekEntry(file, position)
    if (entry.size > limit)
      throw new FerryError(
        'bundle-format',
        `${file.name}: ${entry.path} has ${entry.size} bytes; at most ${limit} are accepted`,
      )
    const bytes = await file.read(position + BLOCK, entry.size)
    position += BLOCK + padded(entry.size)
    entries.push(entry)
    return bytes
  }
  await expectRelease(file)
  const releaseBytes = await next(MAX_RELEASE_BYTES)
  const signatures = await readSignatures(file, () => peekPath(file, position), next)
  const verified = verifyAll(file, releaseBytes, signatures, verifyWith)
  const mtime = Date.parse(verified.statement.predicate.issuedAt) / 1000
  const subjects = verified.statement.subject.map(({ name, annotations }) => ({ path: name, size: annotations.size }))
  const layout = placeEntries([...entries, ...subjects])
  await compareHeaders(file, layout, entries.length, mtime)
  if (file.size !== layout.totalBytes)
    throw new FerryError(
      'bundle-size',
      file.size < layout.totalBytes
        ? `${file.name}: cut off: it has ${file.size} of ${layout.totalBytes} bytes`
        : `${file.name}: ${file.size - layout.totalBytes} bytes follow the end of the bundle`,
      { hint: 'Copy the file again from where it was written.' },
    )
  return { ...verified, releaseBytes, releaseDigest: digestOf(releaseBytes), layout, mtime }
}

async function expectRelease(file: RandomAccessFile): Promise<void> {
  const hint = 'A bundle is written by ferry export and never compressed or repacked.'
  if (file.size < BLOCK)
    throw new FerryError('bundle-size', `${file.name}: too short to be a bundle (${file.size} bytes)`, { hint })
  const entry = await peekEntry(file, 0)
  if (entry.path !== RELEASE_PATH)
    throw new FerryError(
      'bundle-format',
      `${file.name}: not a Ferry bundle: it starts with ${JSON.stringify(entry.path)} instead of ${RELEASE_PATH}`,
      { hint },
    )
}

/** Path and size of a header that is not trusted yet: just enough to find the bytes to verify. */
async function peekEntry(file: RandomAccessFile, position: number): Promise<Entry> {
  const block = await file.read(position, BLOCK)
  const text = new TextDecoder('latin1').decode(block)
  const size = /^[0-7]{11}\0$/.exec(text.slice(124, 136))
  if (text.slice(257, 263) !== 'ustar\0' || !size || text[156] !== '0')
    throw new FerryError('bundle-format', `${file.name}: no plain tar header at byte ${position}`, {
      hint: 'A bundle is written by ferry export and never compressed or repacked.',
    })
  return { path: pathOf(block), size: Number.parseInt(text.slice(124, 135), 8) }
}

/** The name alone: whether the header around it is sound is for whoever reads that entry. */
async function peekPath(file: RandomAccessFile, position: number): Promise<string> {
  return pathOf(await file.read(position, BLOCK))
}

function pathOf(block: Uint8Array): string {
  return new TextDecoder('latin1').decode(block.subarray(0, 100)).replace(/\0.*$/s, '')
}

async function readSignatures(
  file: RandomAccessFile,
  peek: () => Promise<string>,
  next: (limit: number) => Promise<Uint8Array>,
): Promise<ReleaseSignature[]> {
  const signatures: ReleaseSignature[] = []
  for (;;) {
    const path = await peek()
    const kid8 = /^ferry\/release\.json\.([0-9a-f]{8})\.sig$/.exec(path)?.[1]
    if (kid8 === undefined) break
    const previous = signatures.at(-1)?.kid8
    if (signatures.length >= MAX_SIGNATURES || (previous !== undefined && previous >= kid8))
      throw new FerryError(
        'bundle-format',
        `${file.name}: ${path} is out of order, or there are more than ${MAX_SIGNATURES} signatures`,
      )
    const der = await next(MAX_SIGNATURE_BYTES)
    if ((await peek()) !== signaturePaths(kid8).sigstore)
      throw new FerryError('bundle-format', `${file.name}: ${path} is not followed by its .sigstore.json`)
    signatures.push({ kid8, der, sigstore: await next(MAX_SIGNATURE_BYTES) })
  }
  return signatures
}

function verifyAll(
  file: RandomAccessFile,
  releaseBytes: Uint8Array,
  signatures: readonly ReleaseSignature[],
  verifyWith: VerifyWith,
): Pick<Head, 'statement' | 'signedBy' | 'unknownKeys'> {
  try {
    if (verifyWith === 'unverified')
      return {
        statement: parseStatement(releaseBytes),
        signedBy: [],
        unknownKeys: signatures.map(({ kid8 }) => kid8),
      }
    const { trustedKeys, now } = verifyWith
    const { statement, signedBy, unknown } = verifyRelease({ releaseBytes, signatures, trustedKeys, now })
    return { statement, signedBy, unknownKeys: unknown }
  } catch (error) {
    if (!(error instanceof FerryError)) throw error
    throw new FerryError(error.code, `${file.name}: ${error.message}`, {
      ...(error.hint && { hint: error.hint }),
      cause: error,
    })
  }
}

/** Compares headers and padding of the first `count` entries: the part that has been read so far. */
async function compareHeaders(file: RandomAccessFile, layout: Layout, count: number, mtime: number): Promise<void> {
  for (const entry of layout.entries.slice(0, count)) {
    const expected = encodeHeader(entry, mtime)
    const tail = entry.offset + entry.size
    const found = await file.read(entry.headerOffset, expected.length)
    const padding = await file.read(tail, padded(entry.size) - entry.size)
    if (!sameBytes(found, expected) || padding.some((byte) => byte !== 0)) throw notCanonical(file.name, entry)
  }
}

export function notCanonical(name: string, entry: Entry): FerryError {
  return new FerryError(
    'bundle-format',
    `${name}: the tar header or padding of ${entry.path} is not what a bundle has`,
    {
      hint: 'The file was damaged, altered, or repacked by another tool. Copy it again from where it was written.',
    },
  )
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
