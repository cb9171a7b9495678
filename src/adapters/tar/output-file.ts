import { appendFile, mkdir, open, readFile, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { FerryError, systemCodeOf } from '../../errors.ts'
import type { OutputFile, OutputFiles } from '../../ports.ts'
import { describeFailure } from './output-failure.ts'
import { readerOf } from './random-access-file.ts'
import { writePieces } from './write-pieces.ts'

/** Files that exports write: `<path>.partial` with `<path>.partial.journal`, then renamed into place. */
export const outputFiles: OutputFiles = { check: checkOutput, open: openOutput, space: measureSpace }

async function openOutput(path: string, { force }: { readonly force: boolean }): Promise<OutputFile> {
  const partial = `${path}.partial`
  const journalPath = `${partial}.journal`
  await checkOutput(path, { force })
  let handle: FileHandle | undefined
  try {
    await mkdir(dirname(path), { recursive: true })
    const owner = `{"owner":${process.pid},"started":${JSON.stringify(startTimeOf(process.pid))}}`
    const journal = await claimJournal(path, journalPath, owner)
    handle = await open(partial, 'r+').catch(async (error: unknown) => {
      if (systemCodeOf(error) !== 'ENOENT') throw error
      return open(partial, 'wx+')
    })
    return await makeOutput({ handle, path, partial, journalPath, owner, journal })
  } catch (error) {
    await handle?.close()
    throw describeFailure(error, partial)
  }
}

/** Refuses what `open` would refuse, without touching anything. */
async function checkOutput(path: string, { force }: { readonly force: boolean }): Promise<void> {
  const partial = `${path}.partial`
  const journalPath = `${partial}.journal`
  refuseLiveOwner(path, (await readLines(journalPath))[0])
  if (await isFolder(path))
    throw new FerryError('io-exists', `${path}: is a folder`, {
      hint: 'Give --out the name of the file to write, as DIR/platform-1.4.0.tar.',
    })
  if (force || (await sizeOnDisk(path)) === undefined) return
  // Without the file it tells of, it is what an export left that was killed right after its rename.
  if ((await sizeOnDisk(partial)) === undefined) await rm(journalPath, { force: true })
  throw new FerryError('io-exists', `${path} exists already`, {
    hint: 'Give another --out, or --force to replace it when the new one is complete.',
  })
}

/**
 * Makes this process the owner and returns what an earlier run noted. Whoever makes the new journal's file is the one who may;
 * one that a killed process left there names a process that is no more.
 */
async function claimJournal(path: string, journalPath: string, owner: string): Promise<string[]> {
  const fresh = `${journalPath}.new`
  const claim = await open(fresh, 'wx', 0o600).catch(async (error: unknown) => {
    if (systemCodeOf(error) !== 'EEXIST') throw error
    refuseLiveOwner(path, (await readLines(fresh))[0])
    await rm(fresh, { force: true })
    return open(fresh, 'wx', 0o600)
  })
  try {
    await claim.writeFile(`${owner}\n`)
    const journal = await readLines(journalPath)
    refuseLiveOwner(path, journal[0])
    const kept = journal.slice(1)
    await claim.writeFile(kept.map((line) => `${line}\n`).join(''))
    await rename(fresh, journalPath)
    return kept
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  } finally {
    await claim.close()
  }
}

interface Parts {
  readonly handle: FileHandle
  readonly path: string
  readonly partial: string
  readonly journalPath: string
  readonly owner: string
  readonly journal: readonly string[]
}

async function makeOutput({ handle, path, partial, journalPath, owner, journal }: Parts): Promise<OutputFile> {
  let size = (await handle.stat()).size
  let appended = Promise.resolve()
  return {
    name: partial,
    journal,
    get size() {
      return size
    },
    read: (position, length) => readerOf(handle, partial, size).read(position, length),
    stream: (position, length) => readerOf(handle, partial, size).stream(position, length),
    async reset(totalBytes) {
      try {
        // Not for a file that is empty: ext4 takes that for a replacement, and then writes everything out at the next close.
        if (size > 0) await handle.truncate(0)
        await handle.truncate(totalBytes)
        size = totalBytes
        await rewriteJournal(journalPath, [owner])
      } catch (error) {
        throw describeFailure(error, partial)
      }
    },
    note(line) {
      // One after another: lines of parallel downloads must not mix.
      appended = appended.then(() => appendLine(journalPath, line))
      // Threads' lines are waited for by nobody: commit tells, and until then a failure must not count as unhandled.
      appended.catch(() => undefined)
      return appended
    },
    write: (position, pieces) => writePieces(handle, partial, { position, pieces }),
    async commit({ sync }) {
      try {
        await appended
        if (sync) await handle.sync()
        await handle.close()
        await rename(partial, path)
        if (sync) await syncFolder(dirname(path))
        await rm(journalPath, { force: true })
      } catch (error) {
        throw describeFailure(error, path)
      }
    },
    async close() {
      await appended.catch(() => undefined)
      // Already closed by commit: nothing left to do.
      await handle.close().catch(() => undefined)
    },
  }
}

async function measureSpace(path: string): Promise<{ free: number; held: number }> {
  let folder = dirname(path)
  while ((await sizeOnDisk(folder)) === undefined && dirname(folder) !== folder) folder = dirname(folder)
  const { bavail, bsize } = await statfs(folder)
  return { free: bavail * bsize, held: (await sizeOnDisk(`${path}.partial`)) ?? 0 }
}

/** Allocated bytes (a sparse file's holes do not count); undefined when there is no such file. */
async function sizeOnDisk(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).blocks * 512
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw describeFailure(error, path)
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}

async function readLines(path: string): Promise<string[]> {
  try {
    return (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '')
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    throw describeFailure(error, path)
  }
}

async function rewriteJournal(path: string, lines: readonly string[]): Promise<void> {
  try {
    const handle = await open(`${path}.new`, 'w', 0o600)
    try {
      await handle.writeFile(lines.map((line) => `${line}\n`).join(''))
    } finally {
      await handle.close()
    }
    await rename(`${path}.new`, path)
  } catch (error) {
    throw describeFailure(error, path)
  }
}

async function appendLine(path: string, line: string): Promise<void> {
  try {
    await appendFile(path, `${line}\n`)
  } catch (error) {
    throw describeFailure(error, path)
  }
}

/** Two exports writing one file would mix their bytes. A process id alone may have been given out again: its start time tells. */
function refuseLiveOwner(path: string, line: string | undefined): void {
  const match = /^\{"owner":(\d+),"started":"([^"]*)"\}$/.exec(line ?? '')
  const [, pid = '0', started = ''] = match ?? []
  if (!match || Number(pid) === process.pid || started === '' || startTimeOf(Number(pid)) !== started) return
  throw new FerryError('io-exists', `${path}: another ferry export (process ${pid}) is writing it`, {
    hint: 'Wait for it, or stop it and run this again: it goes on where the other one stopped.',
  })
}

/** The start of a process in clock ticks since boot (proc(5), stat field 22); empty when there is none. */
function startTimeOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
