import { FerryError, reasonOf, systemCodeOf } from '../../errors.ts'

/** What the system said of a file that is written, in words that say what to do. */
export function describeFailure(error: unknown, path: string): Error {
  if (error instanceof FerryError) return error
  const code = systemCodeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new FerryError('io-space', `${path}: no space left on the disk`, {
      hint: 'Free some space and run the same command again: what is complete is kept.',
      cause: error,
    })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new FerryError('io-file', `${path}: cannot be written: ${reasonOf(error)}`, {
      hint: 'Give another --out, in a folder you may write to.',
      cause: error,
    })
  return new FerryError('io-file', `${path}: ${reasonOf(error)}`, { cause: error })
}
