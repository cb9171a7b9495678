import { createGunzip } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import { FerryError, reasonOf } from '../../errors.ts'
import type { ChartArchive, ChartContents } from '../../ports.ts'
import { countWithinLimits, MAX_UNPACKED_BYTES, splitEntryPath } from './chart-path.ts'

/** Headers and padding come on top of the content; a stream longer than this is a bomb whatever its entries say. */
const MAX_TAR_BYTES = MAX_UNPACKED_BYTES + 32 * 1024 * 1024
const MAX_KEPT_BYTES = 16 * 1024 * 1024
const MAX_META_BYTES = 64 * 1024

/** See ChartArchive.read. Unpacks in pieces: of the content only what is asked for is held. */
export const readChartArchive: ChartArchive['read'] = async (bytes, { where, keep }) => {
  const reading = startReading(where, keep)
  let total = 0
  try {
    for await (const piece of gunzip(bytes, where)) {
      // node-tar would unpack a second layer of compression by itself, without these limits.
      if (total === 0 && isCompressed(piece)) throw invalid(`${where}: the archive is compressed twice`)
      total += piece.length
      if (total > MAX_TAR_BYTES)
        throw invalid(`${where}: unpacks to more than ${MAX_UNPACKED_BYTES} bytes; Helm refuses that`)
      if (reading.write(piece) === 'ended') break
    }
    return reading.end()
  } catch (error) {
    if (error instanceof FerryError) throw error
    throw new FerryError('content-invalid', `${where}: not a chart archive (.tgz): ${reasonOf(error)}`, {
      cause: error,
    })
  }
}

function startReading(
  where: string,
  keep: (path: string) => boolean,
): { write: (piece: Buffer) => 'more' | 'ended'; end: () => ChartContents } {
  const files = new Map<string, number>()
  const kept = new Map<string, Uint8Array>()
  const count = countWithinLimits(where)
  let folder: string | undefined
  let keptBytes = 0
  let failure: unknown
  let ended = false
  const parser = new Parser({ strict: true, maxMetaEntrySize: MAX_META_BYTES })

  const take = (entry: ReadEntry): void => {
    const { path, type, size } = entry
    const place = splitEntryPath(path, where)
    const global = entry.globalExtended
    if (global?.path !== undefined || global?.size !== undefined || global?.linkpath !== undefined)
      throw invalid(`${where}: a global header of the archive renames its entries`)
    folder ??= place.folder
    if (place.folder !== folder)
      throw invalid(`${where}: the archive has two folders at its top, ${folder} and ${place.folder}`)
    if (type === 'Directory') {
      count(path, 0)
      return
    }
    if (type !== 'File' && type !== 'OldFile')
      throw invalid(`${where}: the archive's entry ${JSON.stringify(path)} is not a plain file (${type})`)
    if (place.rest === '')
      throw invalid(`${where}: the archive's entry ${JSON.stringify(path)} lies beside the chart's folder`)
    if (files.has(place.rest)) throw invalid(`${where}: the archive has ${JSON.stringify(path)} twice`)
    count(path, size)
    files.set(place.rest, size)
    if (!keep(place.rest)) return
    keptBytes += size
    if (keptBytes > MAX_KEPT_BYTES)
      throw invalid(`${where}: its Chart.yaml files have more than ${MAX_KEPT_BYTES} bytes`)
    const pieces: Buffer[] = []
    entry.on('data', (piece) => pieces.push(piece))
    entry.on('end', () => kept.set(place.rest, Buffer.concat(pieces)))
  }
  const attempt = (work: () => void): void => {
    if (failure !== undefined) return
    try {
      work()
    } catch (error) {
      failure = error
    }
  }
  parser.on('entry', (entry: ReadEntry) => {
    attempt(() => take(entry))
    entry.resume()
  })
  parser.on('ignoredEntry', (entry: ReadEntry) =>
    attempt(() => {
      throw invalid(`${where}: the archive's entry ${JSON.stringify(entry.path)} is not a plain file (${entry.type})`)
    }),
  )
  // What comes behind the end mark is no part of the archive, for Helm neither.
  parser.on('eof', () => {
    ended = true
  })
  parser.on('error', (error: Error) =>
    attempt(() => {
      throw error
    }),
  )
  // node-tar calls back while it is written to: after each piece it is known what went wrong in it.
  const check = (): void => {
    if (failure instanceof Error) throw failure
  }
  return {
    write(piece) {
      parser.write(piece)
      check()
      return ended ? 'ended' : 'more'
    },
    end() {
      parser.end()
      check()
      if (folder === undefined) throw invalid(`${where}: the archive is empty`)
      return { folder, files, kept }
    },
  }
}

async function* gunzip(bytes: Uint8Array, where: string): AsyncIterable<Buffer> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) throw invalid(`${where}: not a chart archive (.tgz): it is not gzip`)
  const stream = createGunzip({ chunkSize: 64 * 1024 })
  stream.end(bytes)
  for await (const piece of stream) yield piece as Buffer
}

function isCompressed(piece: Buffer): boolean {
  return piece.readUInt16BE(0) === 0x1f8b || (piece.length >= 4 && piece.readUInt32BE(0) === 0x28b52ffd)
}

function invalid(message: string): FerryError {
  return new FerryError('content-invalid', message)
}
