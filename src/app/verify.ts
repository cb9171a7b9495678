import { notCanonical, sameBytes, type VerifyWith } from '../bundle/head.ts'
import { END_MARK_BYTES, encodeHeader, type PlacedEntry } from '../bundle/layout.ts'
import { openBundle, type OpenBundle } from '../bundle/open-bundle.ts'
import { FerryError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Clock, RandomAccessFile, RangeHasher } from '../ports.ts'
import type { PublicKey } from '../trust/key.ts'

export interface VerifyReport {
  readonly product: string
  readonly version: string
  readonly channel: string
  readonly sequence: number
  readonly issuedAt: string
  readonly notAfter: string | null
  readonly releaseDigest: string
  readonly signedBy: readonly PublicKey[]
  /** First eight hex digits of keys that signed too but are not trusted here. */
  readonly unknownKeys: readonly string[]
  /** Entries and bytes checked: every byte of the file. */
  readonly entries: number
  readonly bytes: number
  readonly milliseconds: number
}

export interface VerifyDeps {
  readonly hasher: RangeHasher
  readonly clock: Clock
  readonly emit: Emit
  readonly signal?: AbortSignal
}

/** How many damaged entries a message names. */
const NAMED = 5

/**
 * Verifies a bundle to its last byte: the signature over the statement, every manifest and the way they hang together,
 * every header, padding and the end mark, and the SHA-256 of every entry.
 * @throws FerryError `bundle-*` naming what is wrong.
 */
export async function verifyBundle(
  file: RandomAccessFile,
  verifyWith: Exclude<VerifyWith, 'unverified'>,
  { hasher, clock, emit, signal }: VerifyDeps,
): Promise<VerifyReport> {
  const started = clock.now()
  const bundle = await openBundle(file, verifyWith)
  emit({ type: 'task-start', task: 'verify', title: `verify ${file.name}`, totalBytes: file.size })
  let told = 0
  const tell = (bytes: number): void => {
    told += bytes
    emit({ type: 'bytes', task: 'verify', bytes })
  }
  await Promise.all([checkContents(bundle, { hasher, tell, signal }), checkGaps(bundle, signal)])
  // Headers and padding are part of the file that was checked, too.
  tell(file.size - told)
  const milliseconds = clock.now() - started
  const { predicate } = bundle.statement
  emit({ type: 'task-end', task: 'verify', summary: `${bundle.layout.entries.length} entries hold` })
  return {
    product: predicate.product,
    version: predicate.version,
    channel: predicate.channel,
    sequence: predicate.sequence,
    issuedAt: predicate.issuedAt,
    notAfter: predicate.notAfter,
    releaseDigest: bundle.releaseDigest,
    signedBy: bundle.signedBy,
    unknownKeys: bundle.unknownKeys,
    entries: bundle.layout.entries.length,
    bytes: file.size,
    milliseconds,
  }
}

interface ContentCheck {
  readonly hasher: RangeHasher
  readonly tell: (bytes: number) => void
  readonly signal: AbortSignal | undefined
}

async function checkContents(bundle: OpenBundle, { hasher, tell, signal }: ContentCheck): Promise<void> {
  const { file, layout, statement } = bundle
  const subjects = statement.subject
  const entries = layout.entries.slice(-subjects.length)
  const wrong: string[] = []
  await hasher.hash(
    file.name,
    entries.map(({ offset, size }) => ({ position: offset, length: size })),
    {
      onHash: (index, hex) => {
        const subject = subjects[index]
        if (subject?.digest.sha256 !== hex) wrong.push(subject?.name ?? '')
      },
      onBytes: tell,
      ...(signal && { signal }),
    },
  )
  if (wrong.length === 0) return
  const named = wrong.toSorted().slice(0, NAMED).join(', ')
  const more = wrong.length > NAMED ? ` and ${wrong.length - NAMED} more` : ''
  throw new FerryError(
    'bundle-digest',
    `${file.name}: ${wrong.length} of ${subjects.length} entries do not have the content that was signed: ${named}${more}`,
    { hint: 'The file was damaged or altered on its way. Copy it again from where it was written.' },
  )
}

/** Compares everything between the contents: headers, padding, the end mark. */
async function checkGaps({ file, layout, statement }: OpenBundle, signal: AbortSignal | undefined): Promise<void> {
  const mtime = Date.parse(statement.predicate.issuedAt) / 1000
  let end = 0
  let previous: PlacedEntry | undefined
  for (const entry of layout.entries) {
    signal?.throwIfAborted()
    const expected = new Uint8Array(entry.offset - end)
    expected.set(encodeHeader(entry, mtime), entry.headerOffset - end)
    const found = await file.read(end, expected.length)
    if (!sameBytes(found, expected))
      throw notCanonical(file.name, paddingDiffers(found, expected, entry, end) ? (previous ?? entry) : entry)
    end = entry.offset + entry.size
    previous = entry
  }
  const tail = await file.read(end, layout.endOffset + END_MARK_BYTES - end)
  if (tail.some((byte) => byte !== 0))
    throw new FerryError('bundle-format', `${file.name}: the end mark is not 1024 zero bytes`, {
      hint: 'The file was damaged or altered on its way. Copy it again from where it was written.',
    })
}

function paddingDiffers(found: Uint8Array, expected: Uint8Array, entry: PlacedEntry, end: number): boolean {
  const header = entry.headerOffset - end
  return !sameBytes(found.subarray(0, header), expected.subarray(0, header))
}
