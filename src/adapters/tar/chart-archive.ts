import { readFile, stat } from 'node:fs/promises'
import { FerryError, reasonOf, systemCodeOf } from '../../errors.ts'
import type { ChartArchive } from '../../ports.ts'
import { packChartFolder } from './pack-chart-folder.ts'
import { readChartArchive } from './read-chart-archive.ts'

const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024

/** Helm chart archives: read with node-tar, packed from folders. */
export const chartArchive: ChartArchive = {
  read: readChartArchive,
  async load(path, options) {
    try {
      const found = await stat(path)
      if (found.isDirectory()) return await packChartFolder(path, options)
      if (!found.isFile()) throw new FerryError('io-file', `${options.where}: neither a folder nor a file`)
      if (found.size > MAX_ARCHIVE_BYTES)
        throw new FerryError(
          'content-invalid',
          `${options.where}: ${found.size} bytes; a chart archive has at most ${MAX_ARCHIVE_BYTES}`,
        )
      return await readFile(path)
    } catch (error) {
      if (error instanceof FerryError || systemCodeOf(error) === undefined) throw error
      const missing = systemCodeOf(error) === 'ENOENT'
      throw new FerryError('io-file', `${options.where}: ${missing ? 'no such folder or file' : reasonOf(error)}`, {
        cause: error,
      })
    }
  },
}
