import { FerryError } from '../../errors.ts'

/** What Helm accepts at most: one file, all files (helm.sh/helm, pkg/chart/loader/archive). */
export const MAX_FILE_BYTES = 5 * 1024 * 1024
export const MAX_UNPACKED_BYTES = 100 * 1024 * 1024
/** Ferry's own. */
const MAX_FILES = 10_000
const MAX_PATH = 1024

/**
 * Checks the path of an archive entry and splits it at the top folder. Directories may end in a slash.
 * @throws FerryError `content-invalid` for anything that could mean another place to another reader.
 */
export function splitEntryPath(path: string, where: string): { readonly folder: string; readonly rest: string } {
  const fail = (why: string): never => {
    throw new FerryError(
      'content-invalid',
      `${where}: the archive's entry ${JSON.stringify(path.slice(0, 200))} ${why}`,
    )
  }
  if (path.length > MAX_PATH) return fail('has too long a path')
  if (/[\u0000-\u001f\u007f]/.test(path)) return fail('has control characters in its path')
  if (path.includes('\\')) return fail('has a backslash in its path')
  if (path.startsWith('/')) return fail('has an absolute path')
  const segments = path.replace(/\/$/, '').split('/')
  if (segments.includes('..')) return fail('leads outside the chart')
  if (segments.includes('.') || segments.includes('')) return fail('does not have a plain relative path')
  // Go's tar reader takes another name and other content for these than most.
  if (segments.some((segment) => /^GNUSparseFile\./.test(segment))) return fail('is a sparse file')
  const [folder = '', ...rest] = segments
  // Helm: mixed path styles can come to c:/foo.
  if (segments.some((segment) => /^[A-Za-z]:$/.test(segment))) return fail('names a drive')
  return { folder, rest: rest.join('/') }
}

/** Counts files and bytes against the limits. */
export function countWithinLimits(where: string): (path: string, size: number) => void {
  let files = 0
  let bytes = 0
  return (path, size) => {
    files++
    bytes += size
    if (size > MAX_FILE_BYTES)
      throw new FerryError(
        'content-invalid',
        `${where}: ${path} has ${size} bytes; Helm accepts ${MAX_FILE_BYTES} a file`,
        {
          hint: 'Large files do not belong in a chart. Put it under files, or keep it out with .helmignore.',
        },
      )
    if (bytes > MAX_UNPACKED_BYTES)
      throw new FerryError(
        'content-invalid',
        `${where}: more than ${MAX_UNPACKED_BYTES} bytes unpacked; Helm refuses that`,
      )
    if (files > MAX_FILES) throw new FerryError('content-invalid', `${where}: more than ${MAX_FILES} files and folders`)
  }
}
