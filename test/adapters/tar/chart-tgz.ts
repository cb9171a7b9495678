import { gzipSync } from 'node:zlib'
import { Header, Pax } from 'tar'

/** One entry of an archive that a test writes by hand. */
export interface TarEntry {
  readonly path: string
  readonly content?: string | Uint8Array
  /** The type as in the header: `5` a folder, `2` a symbolic link. Default `0`, a file. */
  readonly type?: string
  readonly linkpath?: string
  /** A pax header in front of it. */
  readonly pax?: { readonly path?: string; readonly size?: number; readonly global?: boolean }
}

export const CHART_YAML = 'apiVersion: v2\nname: podinfo\nversion: 6.9.1\n'

/** A .tgz of a chart: its Chart.yaml and whatever else. */
export function chartTgz(entries: readonly TarEntry[] = [], chartYaml = CHART_YAML): Buffer {
  return gzipSync(tarOf([{ path: 'podinfo/Chart.yaml', content: chartYaml }, ...entries]))
}

export function tarOf(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(encodeEntry), Buffer.alloc(1024)])
}

function encodeEntry({ path, content = '', type = '0', linkpath, pax }: TarEntry): Buffer[] {
  const bytes = Buffer.from(content)
  const block = Buffer.alloc(512)
  new Header({ path: 'x', size: bytes.length, mode: 0o644, mtime: new Date(0), ...(linkpath && { linkpath }) }).encode(
    block,
  )
  block.fill(0, 0, 100).write(path, 0, 'utf8')
  block.write(type, 156)
  if (linkpath === undefined) block.fill(0, 157, 257)
  block.fill(' ', 148, 156)
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  const before = pax ? [new Pax(pax, pax.global === true).encode()] : []
  return [...before, block, bytes, Buffer.alloc(-bytes.length & 511)]
}
