import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readChartArchive } from '../../../src/adapters/tar/read-chart-archive.ts'
import { FerryError } from '../../../src/errors.ts'
import type { ChartContents } from '../../../src/ports.ts'
import { CHART_YAML, chartTgz, tarOf, type TarEntry } from './chart-tgz.ts'

function read(bytes: Uint8Array): Promise<ChartContents> {
  return readChartArchive(bytes, { where: 'podinfo 6.9.1', keep: (path) => path === 'Chart.yaml' })
}

async function refusal(bytes: Uint8Array): Promise<string> {
  const error: unknown = await read(bytes).then(
    () => 'it was accepted',
    (reason: unknown) => reason,
  )
  if (!(error instanceof FerryError)) throw new Error(String(error))
  expect(error.code).toBe('content-invalid')
  expect(error.message).toMatch(/^podinfo 6\.9\.1: /)
  return error.message
}

test('an archive is listed with sizes, and only what is asked for is kept', async () => {
  const archive = chartTgz([
    { path: 'podinfo/templates/', type: '5' },
    { path: 'podinfo/templates/a.yaml', content: 'kind: A' },
    { path: 'podinfo/values.yaml', content: '' },
  ])
  const { folder, files, kept } = await read(archive)
  expect(folder).toBe('podinfo')
  expect([...files]).toEqual([
    ['Chart.yaml', CHART_YAML.length],
    ['templates/a.yaml', 7],
    ['values.yaml', 0],
  ])
  expect([...kept.keys()]).toEqual(['Chart.yaml'])
  expect(Buffer.from(kept.get('Chart.yaml')!).toString()).toBe(CHART_YAML)
})

test('long names in pax headers and the global header of git archive are read', async () => {
  const long = `podinfo/${'deep/'.repeat(40)}a.yaml`
  const comment = {
    path: 'pax_global_header',
    type: 'g',
    content: '52 comment=0123456789012345678901234567890123456789\n',
  }
  const { files } = await read(
    gzipSync(tarOf([comment, { path: 'podinfo/Chart.yaml' }, { path: 'podinfo/x', pax: { path: long } }])),
  )
  expect([...files.keys()]).toEqual(['Chart.yaml', long.slice('podinfo/'.length)])
})

describe('a hostile archive is refused, naming the entry', () => {
  const hostile: [what: string, entry: TarEntry, says: RegExp][] = [
    [
      'a path that leads outside',
      { path: 'podinfo/../../etc/passwd' },
      /"podinfo\/\.\.\/\.\.\/etc\/passwd" leads outside/,
    ],
    ['a folder named ..', { path: '../podinfo/x' }, /leads outside/],
    ['an absolute path', { path: '/etc/passwd' }, /absolute path/],
    ['a path with .', { path: './podinfo/x' }, /plain relative path/],
    ['an empty part', { path: 'podinfo//x' }, /plain relative path/],
    ['a backslash', { path: 'podinfo\\..\\x' }, /backslash/],
    ['a drive', { path: 'podinfo/C:/x' }, /drive/],
    ['a line break', { path: 'podinfo/a\nb' }, /control characters/],
    [
      'a symbolic link',
      { path: 'podinfo/x', type: '2', linkpath: '/etc/passwd' },
      /podinfo\/x.*not a plain file \(SymbolicLink\)/,
    ],
    ['a hard link', { path: 'podinfo/x', type: '1', linkpath: 'podinfo/Chart.yaml' }, /not a plain file \(Link\)/],
    ['a device', { path: 'podinfo/x', type: '3' }, /not a plain file \(CharacterDevice\)/],
    ['a pipe', { path: 'podinfo/x', type: '6' }, /not a plain file \(FIFO\)/],
    ['a sparse file', { path: 'podinfo/x', type: 'S' }, /not a plain file|SparseFile/],
    ['a sparse file of the pax kind', { path: 'podinfo/GNUSparseFile.0/Chart.yaml' }, /sparse/],
    ['a second top folder', { path: 'other/x' }, /two folders at its top, podinfo and other/],
    ['a file beside the folder', { path: 'podinfo' }, /beside the chart's folder/],
    ['Chart.yaml a second time', { path: 'podinfo/Chart.yaml', content: 'name: evil' }, /"podinfo\/Chart.yaml" twice/],
    [
      'more than Helm reads of one file',
      { path: 'podinfo/big', content: Buffer.alloc(5 * 1024 * 1024 + 1) },
      /big has 5242881 bytes/,
    ],
    ['a global header that renames', { path: 'podinfo/x', pax: { path: 'podinfo/y', global: true } }, /global header/],
  ]
  test.each(hostile)('%s', async (_, entry, says) => {
    expect(await refusal(chartTgz([entry]))).toMatch(says)
  })

  test('one that unpacks to more than Helm accepts, without holding it', async () => {
    const file = (i: number): TarEntry => ({ path: `podinfo/${i}`, content: Buffer.alloc(4 * 1024 * 1024) })
    const bomb = chartTgz(Array.from({ length: 26 }, (_, i) => file(i)))
    expect(bomb.length).toBeLessThan(1024 * 1024)
    expect(await refusal(bomb)).toMatch(/more than 104857600 bytes unpacked/)
  })

  test('a bomb of zeros in front of the first entry or behind the last costs no time', async () => {
    const zeros = Buffer.alloc(140 * 1024 * 1024)
    expect(await refusal(gzipSync(zeros))).toMatch(/the archive is empty|not a chart archive/)
    const { files } = await read(gzipSync(Buffer.concat([tarOf([{ path: 'podinfo/Chart.yaml' }]), zeros])))
    expect([...files.keys()]).toEqual(['Chart.yaml'])
  })

  test('a bomb of headers', async () => {
    const header = tarOf([{ path: 'podinfo/a/', type: '5' }]).subarray(0, 512)
    const bomb = gzipSync(Buffer.alloc(140 * 1024 * 1024, header))
    expect(await refusal(bomb)).toMatch(/unpacks to more than|more than 10000 files/)
  })

  test('ten thousand and one files', async () => {
    const many = Array.from({ length: 10_001 }, (_, i) => ({ path: `podinfo/${i}` }))
    expect(await refusal(chartTgz(many))).toMatch(/more than 10000 files/)
  })

  test('one compressed twice: the second layer has no limits', async () => {
    expect(await refusal(gzipSync(chartTgz()))).toMatch(/compressed twice/)
  })

  test.each([
    ['no gzip', Buffer.from('hello, this is no archive')],
    ['nothing', Buffer.alloc(0)],
    ['gzip of something else', gzipSync('hello')],
    ['gzip of nothing', gzipSync('')],
    ['a tar without entries', gzipSync(tarOf([]))],
    ['a gzip cut off', chartTgz().subarray(0, 60)],
    ['a tar cut off', gzipSync(tarOf([{ path: 'podinfo/Chart.yaml', content: 'x'.repeat(2000) }]).subarray(0, 1024))],
  ])('%s', async (_, bytes) => {
    expect(await refusal(bytes)).toMatch(/archive/)
  })

  test('a header whose checksum is wrong', async () => {
    const tar = tarOf([{ path: 'podinfo/Chart.yaml' }, { path: 'podinfo/x' }])
    tar[512] = 'q'.charCodeAt(0)
    expect(await refusal(gzipSync(tar))).toMatch(/checksum/)
  })
})
