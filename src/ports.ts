/** The effects as small interfaces. Implementations live in `adapters/`; only `main.ts` joins the two. */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after `milliseconds`, rejects with the signal's reason when aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

/** A file read at offsets: a bundle is never unpacked, its blobs are read where they lie. */
export interface RandomAccessFile {
  /** How the user named it, for messages. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Reads exactly `length` bytes at `position`; fails with `bundle-size` when the file ends before. */
  read(position: number, length: number): Promise<Uint8Array>
  /** Streams `length` bytes from `position` in pieces of at most 1 MiB; each piece belongs to the consumer. */
  stream(position: number, length: number): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

/** A piece of a file and the SHA-256 it must have. */
export interface HashRange {
  readonly position: number
  readonly length: number
}

/** SHA-256 of ranges of a local file, on several cores. */
export interface RangeHasher {
  /**
   * Hashes every range and calls `onHash` with its index and lower-case hex digest, in no particular order.
   * `onBytes` is called with each amount of bytes hashed. Rejects when the file cannot be read to the end.
   */
  hash(
    path: string,
    ranges: readonly HashRange[],
    options: {
      readonly onHash: (index: number, hex: string) => void
      readonly onBytes?: (bytes: number) => void
      readonly signal?: AbortSignal
    },
  ): Promise<void>
}

/** A prompt for a secret on the controlling terminal. Resolves undefined where there is no terminal. */
export type AskSecret = (question: string) => Promise<string | undefined>
