import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ferry } from '../peers/ferry.ts'
import { run, type RunResult } from '../peers/peer.ts'

const QUICKSTART = join(import.meta.dirname, '../../scripts/quickstart')
const BUNDLE = 'quickstart-1.0.0.tar'

let parent: string
let folder: string
let result: RunResult
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'ferry-quickstart-test-'))
  // A name that a shell has to have quoted.
  folder = join(parent, 'first five minutes')
  result = await run(QUICKSTART, [folder])
})
afterAll(() => rm(parent, { recursive: true, force: true }))

test('the quickstart comes to its end without a terminal and says what happened and what to run next', () => {
  expect(result).toMatchObject({ code: 0 })
  for (const words of ['== What happened', 'all of it, without the installs', '== What to run next'])
    expect(result.stdout).toContain(words)
  // To be copied as it stands.
  expect(result.stdout.split('== What to run next')[1]).toContain(`\n  cd '${folder}'\n`)
})

test('it takes less than two minutes after the installs', () => {
  const seconds = Number(/all of it, without the installs +([\d.]+) s/.exec(result.stdout)?.[1])
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThan(120)
})

test('every step is shown as the command a person would type', () => {
  const typed = [...result.stdout.matchAll(/^\$ (.*)$/gm)].map((match) => match[1] ?? '')
  expect(typed[0]).toBe(`cd '${folder}'`)
  for (const command of ['keygen', 'lock', 'export', 'verify', 'inspect', 'serve'])
    expect(typed.some((line) => line.startsWith(`ferry ${command} `))).toBe(true)
  for (const client of ['skopeo copy', 'helm pull']) expect(typed.some((line) => line.startsWith(client))).toBe(true)
})

test('the bundle it leaves verifies with the key it leaves, by the commands it names', async () => {
  const verified = await ferry(['verify', BUNDLE, '--pub', 'keys/vendor.pub', '--json'], { cwd: folder })
  expect(verified).toMatchObject({ code: 0 })
  expect(verified.stdout).toContain('"verified":true')
  const listed = await run('tar', ['-tf', BUNDLE], { cwd: folder })
  expect(listed.stdout.split('\n')[0]).toBe('ferry/release.json')
  const again = await ferry(['lock', 'bundle.yaml', '--json'], { cwd: folder })
  expect(again).toMatchObject({ code: 0 })
})

test('what skopeo and helm pulled is there, and no registry of it is left', async () => {
  expect(await readdir(join(folder, 'pulled'))).toEqual(expect.arrayContaining(['api.tar', 'webapp-1.2.3.tgz']))
  expect((await readdir(folder)).filter((name) => name.startsWith('ferry-registry-'))).toEqual([])
  const [, host = ''] = /docker-registry runs at (\S+)/.exec(result.stdout) ?? []
  const [, site = ''] = /serving +(http:\S+)/.exec(result.stdout) ?? []
  for (const url of [`http://${host}/v2/`, `${site}/v2/`]) await expect(fetch(url)).rejects.toThrow('fetch failed')
})

test('it can be run again in the same folder, and leaves alone what it did not put there', async () => {
  const own = join(folder, 'notes.txt')
  await writeFile(own, 'mine')
  const key = await readFile(join(folder, 'keys/vendor.pub'), 'utf8')
  const second = await run(QUICKSTART, [folder])
  expect(second).toMatchObject({ code: 0 })
  expect(second.stdout).toContain('the files of the last run were taken away')
  expect(await readFile(own, 'utf8')).toBe('mine')
  expect(await readFile(join(folder, 'keys/vendor.pub'), 'utf8')).not.toBe(key)
})

test('a folder with files of others is refused, and nothing in it is touched', async () => {
  const foreign = join(parent, 'foreign')
  await mkdir(foreign)
  await writeFile(join(foreign, 'bundle.yaml'), 'theirs')
  const refused = await run(QUICKSTART, [foreign])
  expect(refused).toMatchObject({ code: 1 })
  expect(refused.stderr).toContain(`${foreign} holds other files`)
  expect(await readdir(foreign)).toEqual(['bundle.yaml'])
  expect(await readFile(join(foreign, 'bundle.yaml'), 'utf8')).toBe('theirs')
})

test('stopped in the middle, it ends its servers', async () => {
  const child = spawn(QUICKSTART, [join(parent, 'stopped')], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const ended = once(child, 'close')
  const locking = new Promise<void>((resolve) => {
    child.stdout.on('data', (piece: Buffer) => {
      said += piece.toString()
      if (said.includes('$ ferry lock')) resolve()
    })
  })
  child.stderr.on('data', (piece: Buffer) => (said += piece.toString()))
  await Promise.race([locking, ended])
  child.kill('SIGINT')
  expect(await ended).toEqual([130, null])
  expect(said).toContain('quickstart: stopped. Its servers are ended')
  const [, host = ''] = /docker-registry runs at (\S+)/.exec(said) ?? []
  await expect(fetch(`http://${host}/v2/`)).rejects.toThrow('fetch failed')
})
