import { basename, dirname, join } from 'node:path'
import type { BundleDefinition } from '../config/bundle-definition.ts'
import type { LockFile } from '../config/bundle-lock.gen.ts'
import { FerryError, systemCodeOf } from '../errors.ts'
import type { Ports } from './ports.ts'
import { readText } from './read-text.ts'

/** bundle.yaml and the lock beside it. */
export interface BundleFiles {
  readonly definition: BundleDefinition
  readonly lockPath: string
  /** As it stands on disk; undefined where there is none. */
  readonly lockText: string | undefined
  readonly lock: LockFile | undefined
}

const MAX_LOCK_BYTES = 64 * 1024 * 1024

/** Reads bundle.yaml and its lock. @throws FerryError `usage`, `config-invalid` with every mistake in the file. */
export async function readBundleFiles(path: string, ports: Ports): Promise<BundleFiles> {
  const { loadBundle } = await import('../config/load-bundle.ts')
  const { parseLock } = await import('../config/lock-file.ts')
  const definition = loadBundle(await readText(path, ports), path, dirname(ports.absolutePath(path)))
  const lockPath = lockPathOf(path)
  const lockText = await readIfThere(lockPath, ports)
  return { definition, lockPath, lockText, lock: lockText === undefined ? undefined : parseLock(lockText, lockPath) }
}

/** `bundle.lock.yaml` beside `bundle.yaml`. */
function lockPathOf(path: string): string {
  return join(dirname(path), `${basename(path).replace(/\.ya?ml$/, '')}.lock.yaml`)
}

async function readIfThere(path: string, ports: Ports): Promise<string | undefined> {
  try {
    return await readText(path, ports, { limit: MAX_LOCK_BYTES })
  } catch (error) {
    if (error instanceof FerryError && systemCodeOf(error.cause) === 'ENOENT') return undefined
    throw error
  }
}
