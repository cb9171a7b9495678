import { isDigest, type Digest } from '../oci/digest.ts'

/** Where a blob lies in a file. */
export interface Extent {
  readonly offset: number
  /** Bytes. */
  readonly size: number
}

/**
 * What an unfinished export noted. All of it is a claim: content counts only when its hash has been computed again.
 */
export interface PartialState {
  /** Digest of the statement the run was writing for, and the issue time in it. */
  readonly release?: Digest
  readonly issuedAt?: string
  /** Blobs it completed, and where. */
  readonly done: ReadonlyMap<Digest, Extent>
  /** How far others had come, in bytes from their start. */
  readonly begun: ReadonlyMap<Digest, number>
}

type Note =
  | { readonly release: Digest; readonly issuedAt: string }
  | { readonly done: Digest; readonly offset: number; readonly size: number }
  | { readonly begun: Digest; readonly bytes: number }

export function formatNote(note: Note): string {
  return JSON.stringify(note)
}

/** Reads a journal. Lines that are cut off or damaged are passed over: less is kept, nothing wrong is. */
export function parseJournal(lines: readonly string[]): PartialState {
  const done = new Map<Digest, Extent>()
  const begun = new Map<Digest, number>()
  let release: Digest | undefined
  let issuedAt: string | undefined
  for (const line of lines) {
    const note = parseLine(line)
    if (isDigest(note['release']) && typeof note['issuedAt'] === 'string') {
      release = note['release']
      issuedAt = note['issuedAt']
    } else if (isDigest(note['done']) && isCount(note['offset']) && isCount(note['size'])) {
      done.set(note['done'], { offset: note['offset'], size: note['size'] })
    } else if (isDigest(note['begun']) && isCount(note['bytes'])) {
      begun.set(note['begun'], note['bytes'])
    }
  }
  return { done, begun, ...(release !== undefined && { release }), ...(issuedAt !== undefined && { issuedAt }) }
}

function parseLine(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
