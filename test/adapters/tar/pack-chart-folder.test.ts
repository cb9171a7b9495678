import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chartArchive } from '../../../src/adapters/tar/chart-archive.ts'
import { digestOf } from '../../../src/oci/digest.ts'

let parent: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'ferry-chart-'))
})
afterEach(() => rm(parent, { recursive: true, force: true }))

async function folderOf(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(parent, name)
  for (const [path, text] of Object.entries({ 'Chart.yaml': 'name: podinfo\n', ...files })) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}

function load(path: string): Promise<Uint8Array> {
  return chartArchive.load(path, { where: './chart', nameOf: () => 'podinfo' })
}

async function pathsOf(folder: string): Promise<string[]> {
  const { files } = await chartArchive.read(await load(folder), { where: 'x', keep: () => false })
  return [...files.keys()]
}

test('the same files give the same bytes, whatever their order, times and modes', async () => {
  const a = await folderOf('a', { 'values.yaml': 'a: 1\n', 'templates/x.yaml': 'kind: X\n', 'templates/y.yaml': 'y' })
  const b = await folderOf('b', { 'templates/y.yaml': 'y', 'templates/x.yaml': 'kind: X\n', 'values.yaml': 'a: 1\n' })
  await utimes(join(b, 'values.yaml'), 1e9, 1e9)
  await chmod(join(b, 'values.yaml'), 0o600)
  const archive = await load(a)
  expect(digestOf(await load(b))).toBe(digestOf(archive))
  // A change of this digest makes every lock with a local chart differ: it has to be meant.
  expect(digestOf(archive)).toBe('sha256:8540f191cfe463287c1bf57d33e2febacb1c2bc3a7d26a962b82db3bfcda3deb')
  await writeFile(join(b, 'values.yaml'), 'a: 2\n')
  expect(digestOf(await load(b))).not.toBe(digestOf(archive))
})

test('everything lies in one folder named like the chart, and any gzip can read it', async () => {
  const folder = await folderOf('other-name', { 'values.yaml': 'x'.repeat(200_000) })
  const archive = await load(folder)
  const read = await chartArchive.read(archive, { where: 'x', keep: (path) => path === 'values.yaml' })
  expect(read.folder).toBe('podinfo')
  expect(Buffer.from(read.kept.get('values.yaml')!).toString()).toBe('x'.repeat(200_000))
  expect(gunzipSync(archive).length % 512).toBe(0)
})

test('paths longer than a tar header holds survive', async () => {
  const long = `templates/${'deeper-and-deeper/'.repeat(14)}${'ü'.repeat(40)}.yaml`
  expect(await pathsOf(await folderOf('a', { [long]: 'x' }))).toEqual(['Chart.yaml', long])
})

test('.helmignore is followed as Helm does', async () => {
  const files = {
    '.helmignore': '# notes\n\n*.swp\n.git/\nci/\n/top.txt\ndocs/*.md\r\n',
    '.git/config': 'x',
    'a.swp': 'x',
    'ci/values.yaml': 'x',
    'docs/a.md': 'x',
    'docs/deep/b.md': 'x',
    'templates/.hidden': 'x',
    'templates/a.swp': 'x',
    'templates/a.yaml': 'x',
    'templates/top.txt': 'x',
    'top.txt': 'x',
  }
  expect(await pathsOf(await folderOf('a', files))).toEqual([
    '.helmignore',
    'Chart.yaml',
    'docs/deep/b.md',
    'templates/a.yaml',
    'templates/top.txt',
  ])
})

test('a link inside the chart is followed, one that leads out is refused unless it is ignored', async () => {
  const folder = await folderOf('a', { 'files/real.txt': 'x' })
  await symlink('real.txt', join(folder, 'files/link.txt'))
  await symlink('files', join(folder, 'linked'))
  expect(await pathsOf(folder)).toEqual([
    'Chart.yaml',
    'files/link.txt',
    'files/real.txt',
    'linked/link.txt',
    'linked/real.txt',
  ])
  await writeFile(join(parent, 'secret'), 'x')
  await symlink('../../secret', join(folder, 'files/out.txt'))
  await expect(load(folder)).rejects.toMatchObject({
    code: 'content-invalid',
    message: expect.stringContaining('./chart: files/out.txt is a link that leads outside the chart') as string,
  })
  await writeFile(join(folder, '.helmignore'), 'out.txt\n')
  expect(await pathsOf(folder)).toContain('files/link.txt')
})

test('links that never end or lead nowhere are refused', async () => {
  const loop = await folderOf('a', { 'sub/x': 'x' })
  await symlink('..', join(loop, 'sub/up'))
  await expect(load(loop)).rejects.toMatchObject({ message: expect.stringContaining('sub/up never ends') as string })
  const dangling = await folderOf('b', {})
  await symlink('nowhere', join(dangling, 'x'))
  await expect(load(dangling)).rejects.toMatchObject({
    message: expect.stringContaining('x is a link that leads nowhere') as string,
  })
})

test('a file larger than Helm reads is refused with what to do', async () => {
  const folder = await folderOf('a', { 'files/big.bin': 'x'.repeat(5 * 1024 * 1024 + 1) })
  await expect(load(folder)).rejects.toMatchObject({
    message: expect.stringContaining('./chart: files/big.bin has 5242881 bytes') as string,
    hint: expect.stringContaining('.helmignore') as string,
  })
})

test('a .tgz is taken as it is', async () => {
  const archive = await load(await folderOf('a', {}))
  const path = join(parent, 'podinfo-6.9.1.tgz')
  await writeFile(path, archive)
  expect(digestOf(await load(path))).toBe(digestOf(archive))
})

test('what is not there, and what is no chart, is said', async () => {
  await expect(load(join(parent, 'none'))).rejects.toMatchObject({
    code: 'io-file',
    message: './chart: no such folder or file',
  })
  await expect(load(parent)).rejects.toMatchObject({ message: './chart: not a Helm chart: it has no Chart.yaml' })
})
