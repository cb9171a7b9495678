import { access, mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FerryError, reasonOf, systemCodeOf } from '../errors.ts'
import { generateKeyPair, parsePublicKey, type PublicKey } from '../trust/key.ts'

export interface KeygenRequest {
  /** `DIR/vendor` gives `DIR/vendor.key` and `DIR/vendor.pub`; DIR is made where it is missing. */
  readonly out: string
  /** Undefined: the private key is not encrypted. */
  readonly passphrase: string | undefined
}

export interface KeygenResult {
  readonly privateKeyPath: string
  readonly publicKeyPath: string
  readonly publicKey: PublicKey
  readonly encrypted: boolean
}

/**
 * For asking before a person is asked for a passphrase.
 * @throws FerryError `io-exists` when there is a key at `<out>.key` or `<out>.pub` already.
 */
export async function refuseExistingPair(out: string): Promise<void> {
  for (const path of [`${out}.key`, `${out}.pub`]) {
    const there = await access(path).then(
      () => true,
      () => false,
    )
    if (there) throw exists(path)
  }
}

/**
 * Makes a key pair: `<out>.key` (PKCS#8 PEM, readable by its owner only) and `<out>.pub` (SPKI PEM), synced to disk.
 * @throws FerryError `io-exists` when either is there: a key is never overwritten; `io-file` when they cannot be written.
 */
export async function makeKeyPair({ out, passphrase }: KeygenRequest): Promise<KeygenResult> {
  const privateKeyPath = `${out}.key`
  const publicKeyPath = `${out}.pub`
  const folder = dirname(privateKeyPath)
  await refuseExistingPair(out)
  const { privatePem, publicPem } = generateKeyPair(passphrase === undefined ? {} : { passphrase })
  await described(folder, () => mkdir(folder, { recursive: true }))
  // The public half first: should the second step fail, no private key is left behind that nobody knows of.
  await writeNew(publicKeyPath, publicPem, 0o644)
  try {
    await writeNew(privateKeyPath, privatePem, 0o600)
  } catch (error) {
    await rm(publicKeyPath, { force: true })
    throw error
  }
  await described(folder, () => syncFolder(folder))
  return {
    privateKeyPath,
    publicKeyPath,
    publicKey: parsePublicKey(publicPem, publicKeyPath),
    encrypted: passphrase !== undefined,
  }
}

/** Writes a file that must not be there yet; one that could not be written whole is taken away again. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  await described(path, async () => {
    const handle = await open(path, 'wx', mode)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } catch (error) {
      await rm(path, { force: true })
      throw error
    } finally {
      await handle.close()
    }
  })
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function described<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'EEXIST') throw exists(path)
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new FerryError('io-space', `${path}: no space left on the disk`, { cause: error })
    throw new FerryError('io-file', `${path}: cannot be written: ${reasonOf(error)}`, {
      hint: 'Give another --out, in a folder you may write to.',
      cause: error,
    })
  }
}

function exists(path: string): FerryError {
  return new FerryError('io-exists', `${path}: is there already; a key is never overwritten`, {
    hint: 'Give another --out, or move the old pair away if you are sure that nothing needs it.',
  })
}
