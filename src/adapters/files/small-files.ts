import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FerryError, reasonOf, systemCodeOf } from '../../errors.ts'

const DEFAULT_LIMIT = 1024 * 1024

/**
 * The whole content of a file that a person named; pipes and `/dev/fd/N` too. `-` is standard input.
 * @throws FerryError `usage` when it cannot be read or has more than `limit` bytes (default 1 MiB).
 */
export async function readSmallFile(path: string, options: { readonly limit?: number } = {}): Promise<Uint8Array> {
  const { limit = DEFAULT_LIMIT } = options
  const shown = path === '-' ? 'standard input' : path
  let handle: FileHandle | undefined
  try {
    handle = path === '-' ? undefined : await open(path, 'r')
    const source: AsyncIterable<Uint8Array> = handle ? handle.createReadStream({ autoClose: false }) : process.stdin
    const pieces: Uint8Array[] = []
    let total = 0
    for await (const piece of source) {
      pieces.push(piece)
      total += piece.length
      if (total > limit)
        throw new FerryError('usage', `${shown}: more than ${limit} bytes, which is not what is expected here`)
    }
    return Buffer.concat(pieces)
  } catch (error) {
    if (error instanceof FerryError) throw error
    throw new FerryError('usage', `${shown}: ${whyNot(error)}`, { cause: error })
  } finally {
    await handle?.close()
  }
}

/** Replaces a text file as a whole: whoever reads it sees the old content or the new. Not for secrets. */
export async function replaceTextFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.new`
  try {
    const handle = await open(temporary, 'w', 0o644)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    const folder = await open(dirname(path), 'r')
    await folder.sync().finally(() => folder.close())
  } catch (error) {
    await rm(temporary, { force: true })
    const full = ['ENOSPC', 'EDQUOT'].includes(systemCodeOf(error) ?? '')
    throw new FerryError(full ? 'io-space' : 'io-file', `${path}: cannot be written: ${whyNot(error)}`, {
      cause: error,
    })
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EISDIR: 'is a folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the quota of the disk is used up',
  ENOTDIR: 'a part of the path is not a folder',
}

function whyNot(error: unknown): string {
  return REASONS[systemCodeOf(error) ?? ''] ?? reasonOf(error)
}
