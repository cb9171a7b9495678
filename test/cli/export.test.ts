import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { spawnFerry, type SpawnOptions, type Spawned } from './spawn-ferry.ts'

let cwd: string
let site: Server
let published = 'first\n'
const ferry = (line: string, options: Partial<SpawnOptions> = {}): Promise<Spawned> =>
  spawnFerry(line.split(' '), { cwd, ...options })

beforeAll(async () => {
  site = createServer((_, response) => response.end(published))
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
})
afterAll(() => new Promise((resolve) => site.close(resolve)))
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ferry-export-'))
  await ferry('keygen --out vendor --no-passphrase')
  await writeFile(join(cwd, 'handbook.txt'), 'read me\n')
  return () => rm(cwd, { recursive: true, force: true })
})

const HANDBOOK = '{name: handbook, path: ./handbook.txt}'

async function writeBundle(file: string, metadata = ''): Promise<void> {
  const text = `apiVersion: ferry.dev/v1
kind: Bundle
metadata: {name: small, version: 1.0.0${metadata}}
spec:
  platforms: [linux/amd64]
  files: [${file}]
`
  await writeFile(join(cwd, 'bundle.yaml'), text)
}

const EXPORT = 'export bundle.yaml --key vendor.key --out a.tar'

describe('a file that was replaced at its URL after it was locked', () => {
  test.each([
    ['of the same size', 'other\n'],
    ['longer', 'longer than before\n'],
  ])('fails the export with its name and what to run: %s', async (_, now) => {
    published = 'first\n'
    await writeBundle(
      `{name: tool, url: "http://127.0.0.1:${(site.address() as AddressInfo).port}/dl/tool?key=sesame"}`,
    )
    expect(await ferry('lock bundle.yaml')).toMatchObject({ code: 0 })
    published = now
    const { code, stderr } = await ferry(EXPORT)
    expect(code).toBe(1)
    expect(stderr).toMatch(/ferry: tool \(http:\/\/127\.0\.0\.1:\d+\/dl\/tool\): .*sha256:/)
    expect(stderr).toContain('ferry lock --update')
    expect(stderr).not.toContain('sesame')
    expect(await readdir(cwd)).not.toContain('a.tar')
  })
})

describe('what could never be installed is not exported', () => {
  test('a bundle whose time has run out', async () => {
    await writeBundle(HANDBOOK, ', notAfter: "2020-01-31T00:00:00Z"')
    const { code, stderr } = await ferry(EXPORT)
    expect(code).toBe(2)
    expect(stderr).toMatch(/metadata\.notAfter.*2020-01-31T00:00:00Z/)
    expect(await readdir(cwd)).toEqual(expect.not.arrayContaining(['a.tar', 'a.tar.partial']))
  })

  test('unless the time of issue is given, and was before', async () => {
    await writeBundle(HANDBOOK, ', notAfter: "2020-01-31T00:00:00Z"')
    expect(await ferry(EXPORT, { env: { SOURCE_DATE_EPOCH: '1577836800' } })).toMatchObject({ code: 0 })
  })
})

test('SOURCE_DATE_EPOCH=0 gives a bundle that verifies', async () => {
  await writeBundle(HANDBOOK)
  expect(await ferry(EXPORT, { env: { SOURCE_DATE_EPOCH: '0' } })).toMatchObject({ code: 0 })
  expect(await ferry('verify a.tar --pub vendor.pub')).toMatchObject({ code: 0 })
})

test('a folder in the place of the bundle is told before anything is downloaded, --force or not', async () => {
  await writeBundle(HANDBOOK)
  await mkdir(join(cwd, 'a.tar'))
  const { code, stderr } = await ferry(`${EXPORT} --force`)
  expect(code).toBe(1)
  expect(stderr).toMatch(/a\.tar: is a folder/)
  expect(stderr).not.toContain('download')
  expect(await readdir(cwd)).not.toContain('a.tar.partial')
})

test('files and charts that are not there are mistakes in bundle.yaml: all told, by the paths as written, exit 2', async () => {
  await writeBundle('{name: a, path: ./no/a.txt}, {name: b, path: handbook.txt/b}]\n  charts: [{path: ./no-chart}')
  const { code, stderr } = await ferry('lock bundle.yaml')
  expect(code).toBe(2)
  expect(stderr).toContain('files[0]: ./no/a.txt: there is no such file or folder')
  expect(stderr).toContain('files[1]: handbook.txt/b: there is no such file or folder')
  expect(stderr).toContain('charts[0]: ./no-chart: there is no such file or folder')
  expect(stderr).not.toContain(cwd)
})

test('mistakes in bundle.yaml are told before a passphrase is asked for', async () => {
  await writeFile(join(cwd, 'passphrase'), 'correct horse')
  await ferry('keygen --out locked --passphrase-file passphrase')
  await writeBundle('{name: tool, path: ./handbook.txt, mode: 755}')
  const { code, stderr } = await ferry('export bundle.yaml --key locked.key --out a.tar')
  expect(code).toBe(2)
  expect(stderr).toContain('files[0].mode')
  expect(stderr).not.toContain('passphrase')
})
