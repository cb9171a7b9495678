import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { Header, Pax } from 'tar'
import { FerryError, systemCodeOf } from '../../errors.ts'
import type { ChartArchive } from '../../ports.ts'
import { countWithinLimits, MAX_FILE_BYTES, splitEntryPath } from './chart-path.ts'
import { parseHelmIgnore, type Ignores } from './helm-ignore.ts'
import { storedGzip } from './stored-gzip.ts'

const BLOCK = 512
const MAX_DEPTH = 32

interface Found {
  /** Below the chart's folder, with slashes. */
  readonly path: string
  readonly location: string
}

/**
 * Packs a chart's folder as `helm package` would, but deterministically: sorted by path, no times, no owners, mode 0644.
 */
export async function packChartFolder(
  folder: string,
  options: Parameters<ChartArchive['load']>[1],
): Promise<Uint8Array> {
  const { where, nameOf } = options
  const chartYaml = await readOptional(join(folder, 'Chart.yaml'))
  if (!chartYaml)
    throw new FerryError('content-invalid', `${where}: not a Helm chart: it has no Chart.yaml`, {
      hint: 'path must name the folder that holds Chart.yaml, or a .tgz.',
    })
  const name = nameOf(chartYaml)
  const ignoreText = await readOptional(join(folder, '.helmignore'))
  const ignores = parseHelmIgnore(ignoreText && new TextDecoder().decode(ignoreText), where)
  const root = await realpath(folder)
  const found = await findFiles({ path: '', location: root }, { root, where, ignores, ancestors: [root] })
  const count = countWithinLimits(where)
  const parts: Uint8Array[] = []
  for (const { path, location } of found.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const entryPath = `${name}/${path}`
    splitEntryPath(entryPath, where)
    const { size } = await stat(location)
    if (size > MAX_FILE_BYTES) count(path, size)
    const bytes = await readFile(location)
    count(path, bytes.length)
    parts.push(...encodeHeaders(entryPath, bytes.length), bytes, Buffer.alloc(-bytes.length & (BLOCK - 1)))
  }
  parts.push(Buffer.alloc(2 * BLOCK))
  return storedGzip(Buffer.concat(parts))
}

async function findFiles(
  folder: Found,
  context: {
    readonly root: string
    readonly where: string
    readonly ignores: Ignores
    /** Real paths of the folders on the way down: a link back to one of them would never end. */
    readonly ancestors: readonly string[]
  },
): Promise<Found[]> {
  const { root, where, ignores, ancestors } = context
  const found: Found[] = []
  for (const name of await readdir(folder.location)) {
    const path = folder.path === '' ? name : `${folder.path}/${name}`
    const location = join(folder.location, name)
    const real = await resolveLink(location, path, where)
    const target = await stat(real)
    if (ignores(path, target.isDirectory())) continue
    if (real !== root && !real.startsWith(root + sep))
      throw new FerryError('content-invalid', `${where}: ${path} is a link that leads outside the chart, to ${real}`, {
        hint: 'Copy what it points to into the chart, or leave it out with .helmignore.',
      })
    if (target.isFile()) found.push({ path, location: real })
    else if (!target.isDirectory())
      throw new FerryError('content-invalid', `${where}: ${path} is neither a file nor a folder`)
    else if (ancestors.includes(real) || ancestors.length >= MAX_DEPTH)
      throw new FerryError('content-invalid', `${where}: ${path} never ends: folders lie in each other`)
    else found.push(...(await findFiles({ path, location: real }, { ...context, ancestors: [...ancestors, real] })))
  }
  return found
}

async function resolveLink(location: string, path: string, where: string): Promise<string> {
  try {
    return await realpath(location)
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT' && systemCodeOf(error) !== 'ELOOP') throw error
    throw new FerryError('content-invalid', `${where}: ${path} is a link that leads nowhere`, { cause: error })
  }
}

/** A ustar header; with a pax header before it where the path does not fit. */
function encodeHeaders(path: string, size: number): Uint8Array[] {
  const header = new Header({ path, size, type: 'File', mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) })
  const block = Buffer.alloc(BLOCK)
  return header.encode(block, 0) ? [new Pax({ path }).encode(), block] : [block]
}

async function readOptional(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
