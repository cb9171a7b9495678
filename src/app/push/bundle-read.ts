import { FerryError } from '../../errors.ts'
import type { OpenVerified } from '../../oci/store.ts'
import { WrongDigestError } from '../../oci/verified-read.ts'

/**
 * Tells failures of the bundle from failures of the registry it is sent to: whatever the registry's client makes of a
 * request whose body broke off, `failure` is what was wrong with the bundle.
 * @param file the bundle as the user named it.
 */
export function watchBundleRead(
  open: OpenVerified,
  file: string,
): { readonly open: OpenVerified; readonly failure: () => unknown } {
  let failure: unknown
  return {
    open: async function* (offset) {
      try {
        yield* open(offset)
      } catch (error) {
        failure = error instanceof WrongDigestError ? damaged(file, error) : error
        throw error
      }
    },
    failure: () => failure,
  }
}

function damaged(file: string, error: WrongDigestError): FerryError {
  const { digest, found } = error
  return new FerryError(
    'bundle-digest',
    `${file}: ${digest} was damaged or altered after it was signed: its content is now ${found}. It was not sent to its end, so the registry has not taken it.`,
    {
      hint: 'Copy the file again from where it was written, check it with ferry verify, then push again.',
      cause: error,
    },
  )
}
