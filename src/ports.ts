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
  /**
   * Streams `length` bytes from `position` in pieces of at most 1 MiB. Each belongs to the consumer; with `recycle` only
   * until the second piece after it is asked for, then its memory is used again (default false). Gigabytes that are only
   * passed on would otherwise be gigabytes of garbage.
   */
  stream(position: number, length: number, options?: { readonly recycle?: boolean }): AsyncIterable<Uint8Array>
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

/** What a chart archive (.tgz) holds. Paths start below the chart's own folder: `Chart.yaml`, `templates/a.yaml`. */
export interface ChartContents {
  /** The one folder at the top of the archive. */
  readonly folder: string
  /** Every regular file with its unpacked size in bytes, in the order of the archive. */
  readonly files: ReadonlyMap<string, number>
  /** The files that were asked for. */
  readonly kept: ReadonlyMap<string, Uint8Array>
}

/** Reads and packs Helm chart archives. Nothing is ever unpacked to disk. */
export interface ChartArchive {
  /**
   * Lists an archive and keeps the content of the files `keep` names. Refuses what Helm refuses and what could hurt:
   * paths that lead outside, links, devices, a path given twice, more than one top folder, more than 100 MiB unpacked.
   * @param where names the chart in messages.
   * @throws FerryError `content-invalid` naming the entry.
   */
  read(
    bytes: Uint8Array,
    options: { readonly where: string; readonly keep: (path: string) => boolean },
  ): Promise<ChartContents>
  /**
   * The archive of a local chart: a .tgz as it is, a folder packed as `helm package` would, the same bytes for the same
   * files on every machine. `nameOf` tells the chart's name from the bytes of its Chart.yaml.
   * @throws FerryError `io-file`, `content-invalid`
   */
  load(
    path: string,
    options: { readonly where: string; readonly nameOf: (chartYaml: Uint8Array) => string },
  ): Promise<Uint8Array>
}

/** A prompt for a secret on the controlling terminal. Resolves undefined where there is no terminal. */
export type AskSecret = (question: string) => Promise<string | undefined>

/**
 * The file an export writes: at first `<path>.partial` beside a small journal, renamed into place when it is whole.
 * Positions are final from the start: every byte is written once.
 */
export interface OutputFile extends RandomAccessFile {
  /** The lines an earlier, unfinished run noted; empty for a fresh file. The last may be cut off. */
  readonly journal: readonly string[]
  /** Throws away what an earlier run left, and gives the file its final size without writing it (a sparse file). */
  reset(totalBytes: number): Promise<void>
  /** Appends a line to the journal. Not synced: whatever it claims is hashed again before it is believed. */
  note(line: string): Promise<void>
  /** Writes the pieces one after another from `position`. Full disk: `io-space`. */
  write(position: number, pieces: readonly Uint8Array[]): Promise<void>
  /** Syncs (unless `sync` is false), renames into place, syncs the folder, removes the journal. */
  commit(options: { readonly sync: boolean }): Promise<void>
}

/** What a thread that brings in blobs needs of the output: places to write to, and what was written before. */
export type BlobOutput = Pick<OutputFile, 'write' | 'stream' | 'note'>

export interface OutputFiles {
  /** Refuses what `open` would refuse (`io-exists`), before anything is done for it. */
  check(path: string, options: { readonly force: boolean }): Promise<void>
  /**
   * Opens `<path>.partial`, fresh or as left by an earlier run. Refuses when `path` exists (`io-exists`, unless `force`),
   * when its folder cannot be written, and when another live process works on it.
   */
  open(path: string, options: { readonly force: boolean }): Promise<OutputFile>
  /** Bytes free for this user where `path` will be, and what `<path>.partial` holds of them already. */
  space(path: string): Promise<{ readonly free: number; readonly held: number }>
}

/** Local files, as named in bundle.yaml. */
export interface LocalFiles {
  open(path: string): Promise<RandomAccessFile>
}

/** Another thread of this process. Messages are plain data. */
export interface Thread {
  post(message: unknown): void
  /** Called with each message; `onFailure` once if the thread breaks down. Set before the first `post`. */
  listen(onMessage: (message: unknown) => void, onFailure: (error: Error) => void): void
  end(): Promise<void>
}
