import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { outputFiles } from '../../../src/adapters/tar/output-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-output-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('the file an export writes', () => {
  test('is not seen under its name before it is whole, and leaves nothing else behind', async () => {
    const path = join(folder, 'sub', 'a.tar')
    const output = await outputFiles.open(path, { force: false })
    await output.reset(1000)
    await output.write(10, [Buffer.from('abc'), Buffer.from('def')])
    expect(existsSync(path)).toBe(false)
    await output.commit({ sync: true })
    const bytes = await readFile(path)
    expect(bytes.length).toBe(1000)
    expect(bytes.subarray(10, 16).toString()).toBe('abcdef')
    expect(existsSync(`${path}.partial`)).toBe(false)
    expect(existsSync(`${path}.partial.journal`)).toBe(false)
  })

  test('is continued by the next run with the journal and the bytes of the last', async () => {
    const path = join(folder, 'a.tar')
    const first = await outputFiles.open(path, { force: false })
    await first.reset(100)
    await first.write(5, [Buffer.from('kept')])
    await Promise.all([first.note('one'), first.note('two')])
    await first.close()
    const second = await outputFiles.open(path, { force: false })
    expect(second.journal).toEqual(['one', 'two'])
    expect(second.size).toBe(100)
    expect(Buffer.from(await second.read(5, 4)).toString()).toBe('kept')
    await second.close()
  })

  test('started anew it forgets the journal and every byte of the last run', async () => {
    const path = join(folder, 'a.tar')
    const first = await outputFiles.open(path, { force: false })
    await first.reset(10)
    await first.write(0, [Buffer.from('0123456789')])
    await first.note('old')
    await first.reset(20)
    await first.close()
    const second = await outputFiles.open(path, { force: false })
    expect(second.journal).toEqual([])
    expect(Buffer.from(await second.read(0, 20)).equals(Buffer.alloc(20))).toBe(true)
    await second.close()
  })

  test('an existing bundle is never replaced without --force, and only when the new one is complete', async () => {
    const path = join(folder, 'a.tar')
    await writeFile(path, 'old')
    await expect(outputFiles.open(path, { force: false })).rejects.toMatchObject({ code: 'io-exists' })
    const output = await outputFiles.open(path, { force: true })
    await output.reset(3)
    expect(await readFile(path, 'utf8')).toBe('old')
    await output.write(0, [Buffer.from('new')])
    await output.commit({ sync: false })
    expect(await readFile(path, 'utf8')).toBe('new')
  })

  test('what an export that was killed after its rename left beside the bundle is cleared by the next run', async () => {
    const path = join(folder, 'a.tar')
    await writeFile(path, 'whole')
    await writeFile(`${path}.partial.journal`, '{"owner":1,"started":"of a process that is gone"}\nnote\n')
    await expect(outputFiles.open(path, { force: false })).rejects.toMatchObject({ code: 'io-exists' })
    expect(await readdir(folder)).toEqual(['a.tar'])
    // Of an export that is to replace it, and is not done, nothing is taken away.
    await writeFile(`${path}.partial`, 'begun')
    await writeFile(`${path}.partial.journal`, '{"owner":1,"started":"of a process that is gone"}\nnote\n')
    await expect(outputFiles.open(path, { force: false })).rejects.toMatchObject({ code: 'io-exists' })
    expect(await readdir(folder)).toEqual(['a.tar', 'a.tar.partial', 'a.tar.partial.journal'])
  })

  test('two exports never write the same file: the second names the process of the first', async () => {
    const path = join(folder, 'a.tar')
    // Another process, alive, noted as the owner with its real start time.
    const other = spawn('sleep', ['60'])
    try {
      const fields = await readFile(`/proc/${other.pid!}/stat`, 'latin1')
      const started = fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19]!
      await writeFile(`${path}.partial.journal`, `{"owner":${other.pid!},"started":"${started}"}\n`)
      await expect(outputFiles.open(path, { force: false })).rejects.toThrow(`process ${other.pid!}`)
      // The same process id with another start time is a stranger: the owner is dead.
      await writeFile(`${path}.partial.journal`, `{"owner":${other.pid!},"started":"1"}\nkept\n`)
      const output = await outputFiles.open(path, { force: false })
      expect(output.journal).toEqual(['kept'])
      await output.close()
    } finally {
      other.kill('SIGKILL')
    }
  })

  test('a journal that cannot be written fails the export with its name, even where nobody waited for the line', async () => {
    const path = join(folder, 'a.tar')
    const output = await outputFiles.open(path, { force: false })
    await output.reset(10)
    await rm(`${path}.partial.journal`)
    await mkdir(`${path}.partial.journal`)
    void output.note('told by a thread')
    // Long enough for a rejection that nobody handles to end the process.
    await setTimeout(50)
    const failure = { code: 'io-file', message: expect.stringContaining(`${path}.partial.journal`) as string }
    await expect(output.note('waited for')).rejects.toMatchObject(failure)
    await expect(output.commit({ sync: false })).rejects.toMatchObject(failure)
    expect(existsSync(path)).toBe(false)
    await output.close()
  })

  test('of two exports that start at the same moment one gets the file', async () => {
    const path = join(folder, 'a.tar')
    const other = spawn('sleep', ['60'])
    try {
      const fields = await readFile(`/proc/${other.pid!}/stat`, 'latin1')
      const started = fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19]!
      // The other one is just about to put its journal in place.
      await writeFile(`${path}.partial.journal.new`, `{"owner":${other.pid!},"started":"${started}"}\n`)
      await expect(outputFiles.open(path, { force: false })).rejects.toThrow(`process ${other.pid!}`)
      expect(existsSync(`${path}.partial.journal.new`)).toBe(true)
    } finally {
      other.kill('SIGKILL')
    }
    // Killed there, it is in nobody's way.
    await writeFile(`${path}.partial.journal.new`, `{"owner":1,"started":"1"}\n`)
    const output = await outputFiles.open(path, { force: false })
    await output.close()
    expect(existsSync(`${path}.partial.journal.new`)).toBe(false)
  })

  test('what would be refused is known before anything is done', async () => {
    const path = join(folder, 'a.tar')
    await outputFiles.check(path, { force: false })
    expect(existsSync(`${path}.partial`)).toBe(false)
    await writeFile(path, 'old')
    await expect(outputFiles.check(path, { force: false })).rejects.toMatchObject({ code: 'io-exists' })
    await outputFiles.check(path, { force: true })
  })

  test('a place that cannot be written to is named, with what to do', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(outputFiles.open(join(folder, 'file', 'a.tar'), { force: false })).rejects.toMatchObject({
      code: 'io-file',
    })
  })

  test('free space counts what an earlier run holds already, not its holes', async () => {
    const path = join(folder, 'a.tar')
    const output = await outputFiles.open(path, { force: false })
    await output.reset(1024 ** 3)
    await output.write(0, [Buffer.alloc(1024 * 1024, 1)])
    await output.close()
    const { free, held } = await outputFiles.space(path)
    expect(free).toBeGreaterThan(0)
    expect(held).toBe((await stat(`${path}.partial`)).blocks * 512)
    expect(held).toBeLessThan(64 * 1024 * 1024)
  })
})
