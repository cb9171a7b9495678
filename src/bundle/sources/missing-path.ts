import { FerryError, systemCodeOf } from '../../errors.ts'

/** Runs work on a path of bundle.yaml. Where there is nothing at it, the file names what is not there: a mistake in the file. */
export async function explainMissing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = error instanceof FerryError && error.code === 'io-file' ? systemCodeOf(error.cause) : undefined
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    throw new FerryError('config-invalid', `${path}: there is no such file or folder`, {
      hint: 'Paths count from the folder of bundle.yaml.',
      cause: error,
    })
  }
}
