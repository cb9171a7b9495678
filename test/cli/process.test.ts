import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parsePrivateKey, publicPemOf } from '../../src/trust/key.ts'
import { MEMORY_KEY, writeMemoryBundle } from '../fakes/memory-bundle.ts'
import { addChart, addFile, addImage, emptyContent, type MemoryContent } from '../fakes/memory-content.ts'
import { spawnFerry, type SpawnOptions, type Spawned } from './spawn-ferry.ts'

let cwd: string
const ferry = (line: string, options: Partial<SpawnOptions> = {}): Promise<Spawned> =>
  spawnFerry(line === '' ? [] : line.split(' '), { cwd, ...options })
const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

function content(): MemoryContent {
  const made = emptyContent()
  addImage(made, 'registry.k8s.io/pause:3.10')
  addChart(made, 'charts/podinfo:6.9.1', gzipSync('a chart'))
  addFile(made, 'kubeadm', Buffer.from('a binary'), 'linux/amd64')
  return made
}

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ferry-cli-'))
  const bundle = await writeMemoryBundle(content())
  await writeFile(join(cwd, 'a.tar'), bundle)
  const damaged = Buffer.from(bundle)
  // The last block of content, in front of the end mark.
  const last = damaged.findLastIndex((byte) => byte !== 0)
  damaged[last] = (damaged[last] ?? 0) ^ 1
  await writeFile(join(cwd, 'damaged.tar'), damaged)
  await writeFile(join(cwd, 'cut.tar'), bundle.subarray(0, -1))
  await writeFile(join(cwd, 'vendor.pub'), publicPemOf(MEMORY_KEY.publicKey))
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

describe('help and version', () => {
  test.each(['', '--help', '-h', 'help'])('ferry %s lists the commands', async (line) => {
    const { code, stdout, stderr } = await ferry(line)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Commands:\n  keygen ')
  })

  test('ferry help X and ferry X --help are the same, whatever else is there', async () => {
    const [a, b] = await Promise.all([ferry('help push'), ferry('push nonsense --wrong --help')])
    expect(a).toEqual(b)
    expect(a.stdout).toContain('Usage: ferry push')
    expect(a.code).toBe(0)
  })

  test('--version is the one of the package', async () => {
    const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
      version: string
    }
    expect(await ferry('--version')).toEqual({ code: 0, stdout: `ferry ${version}\n`, stderr: '' })
  })

  test.each(['--help', 'export --help'])('ferry %s loads nothing that works', async (line) => {
    const hook =
      "import { registerHooks } from 'node:module'; registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context) } })"
    const { stderr } = await ferry(line, { node: ['--import', `data:text/javascript,${encodeURIComponent(hook)}`] })
    const loaded = stderr.trim().split('\n')
    expect(loaded.some((url) => url.endsWith('/src/main.ts'))).toBe(true)
    expect(loaded.filter((url) => /node_modules|\/src\/(app|bundle|adapters\/(registry|tar|hash))/.test(url))).toEqual(
      [],
    )
  })
})

describe('wrong usage exits with 2 and says what was meant', () => {
  test.each([
    ['exprot', 'Did you mean export?'],
    ['--hlep', 'Did you mean --help?'],
    ['help nothing', 'unknown command nothing'],
    ['verify a.tar --pbu vendor.pub', 'Did you mean --pub?'],
    ['verify a.tar --pub nowhere.pub', 'nowhere.pub: no such file'],
    ['verify a.tar --pub a.tar', 'a.tar'],
    ['push a.tar --pub vendor.pub --to https://x.example', 'not a registry to push to'],
    ['lock nowhere.yaml', 'nowhere.yaml: no such file'],
    ['export nowhere.yaml --key nowhere.key --out o.tar', 'nowhere.yaml: no such file'],
  ])('ferry %s', async (line, said) => {
    const { code, stdout, stderr } = await ferry(line)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('    at ')
  })

  test('as JSON when asked, with every problem', async () => {
    const { code, stdout, stderr } = await ferry('push --json')
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' })
    const [error] = jsonLines(stdout)
    expect(error).toMatchObject({ type: 'error', command: 'push', code: 'usage', exitCode: 2 })
    expect(error!['problems']).toHaveLength(3)
  })
})

describe('keygen', () => {
  test('writes a pair that fits, the private half for its owner only, and prints the fingerprint', async () => {
    const { code, stdout } = await ferry('keygen --out keys/new/vendor --no-passphrase')
    expect(code).toBe(0)
    const key = parsePrivateKey(await readFile(join(cwd, 'keys/new/vendor.key'), 'utf8'), 'vendor.key')
    expect(await readFile(join(cwd, 'keys/new/vendor.pub'), 'utf8')).toBe(publicPemOf(key.publicKey))
    expect((await stat(join(cwd, 'keys/new/vendor.key'))).mode & 0o777).toBe(0o600)
    expect(stdout.replaceAll(/\s/g, '')).toContain(`fingerprint${key.publicKey.kid}`)
    expect(stdout).toContain('NOT ENCRYPTED')
  })

  test('never overwrites a key, and leaves nothing half', async () => {
    for (const suffix of ['key', 'pub']) {
      await writeFile(join(cwd, `old${suffix}.${suffix}`), 'precious')
      const { code, stderr } = await ferry(`keygen --out old${suffix} --no-passphrase`)
      expect(code).toBe(1)
      expect(stderr).toContain('is there already; a key is never overwritten')
      expect(await readFile(join(cwd, `old${suffix}.${suffix}`), 'utf8')).toBe('precious')
    }
    expect((await readdir(cwd)).filter((name) => name.startsWith('old'))).toEqual(['oldkey.key', 'oldpub.pub'])
  })

  test.each([
    ['a file', 'keygen --out p1 --passphrase-file pass.txt', ''],
    ['standard input', 'keygen --out p2 --passphrase-file -', 'four words of mine\n'],
  ])('encrypts with the passphrase from %s', async (_, line, input) => {
    await writeFile(join(cwd, 'pass.txt'), 'four words of mine\r\n')
    const { code, stdout, stderr } = await ferry(line, { input })
    expect(code).toBe(0)
    expect(stdout + stderr).not.toContain('four words')
    const pem = await readFile(join(cwd, `${line.split(' ')[2]!}.key`), 'utf8')
    expect(() => parsePrivateKey(pem, 'k', 'four words of mine')).not.toThrow()
    expect(() => parsePrivateKey(pem, 'k', 'another')).toThrow('passphrase is wrong')
  })

  test('without a terminal and a passphrase it says what to give, and writes nothing', async () => {
    const { code, stderr } = await ferry('keygen --out asked')
    expect(code).toBe(2)
    expect(stderr).toContain('--passphrase-file FILE')
    expect(stderr).toContain('--no-passphrase')
    await expect(stat(join(cwd, 'asked.key'))).rejects.toThrow('ENOENT')
  })

  test.each([
    ['', 'is empty'],
    ['\n', 'is empty'],
    ['one\ntwo\n', 'several lines'],
  ])('a passphrase file of %j is refused', async (text, said) => {
    await writeFile(join(cwd, 'odd.txt'), text)
    const { code, stderr } = await ferry('keygen --out odd --passphrase-file odd.txt')
    expect(code).toBe(2)
    expect(stderr).toContain(said)
  })
})

describe('a bundle', () => {
  test('that holds is verified: 0, the result on standard output', async () => {
    const { code, stdout, stderr } = await ferry('verify a.tar --pub vendor.pub')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^a\.tar: verified\n {2}release {5}memory 1\.0\.0\n/)
    expect(stdout).toContain('signed by   vendor ')
    expect(stderr).toContain('verified')
    expect(stderr).not.toContain('\u001b')
  })

  test.each([
    ['damaged.tar', 'do not have the content that was signed'],
    ['cut.tar', 'cut off'],
    ['vendor.pub', 'too short to be a bundle'],
  ])('that does not is refused with 3: %s', async (file, said) => {
    const { code, stdout, stderr } = await ferry(`verify ${file} --pub vendor.pub`)
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain(said)
  })

  test('signed by someone else is refused with 3', async () => {
    await ferry('keygen --out other --no-passphrase')
    for (const line of [
      'verify a.tar',
      'inspect a.tar',
      'push a.tar --to x.example',
      'serve a.tar --listen 127.0.0.1:0',
    ])
      expect(await ferry(`${line} --pub other.pub`)).toMatchObject({ code: 3, stdout: '' })
  })

  test('verified as JSON: events, then the result, nothing else', async () => {
    const { code, stdout, stderr } = await ferry('verify a.tar --pub vendor.pub --json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = jsonLines(stdout)
    expect(lines[0]).toMatchObject({ type: 'task-start', task: 'verify' })
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      command: 'verify',
      verified: true,
      product: 'memory',
      signedBy: [{ file: 'vendor.pub', fingerprint: MEMORY_KEY.publicKey.kid }],
    })
    expect(lines.filter(({ type }) => type === 'result' || type === 'error')).toHaveLength(1)
  })

  test('inspected without a key says NOT VERIFIED first, with one it does not', async () => {
    const without = await ferry('inspect a.tar')
    expect(without.code).toBe(0)
    expect(without.stdout).toMatch(/^NOT VERIFIED/)
    for (const name of ['registry.k8s.io/pause:3.10', 'charts/podinfo:6.9.1', 'kubeadm', 'linux/amd64'])
      expect(without.stdout).toContain(name)
    const withKey = await ferry('inspect a.tar --pub vendor.pub')
    expect(withKey.stdout).not.toContain('NOT VERIFIED')
    expect(withKey.stdout).toContain('signed by   vendor ')
    const [result] = jsonLines((await ferry('inspect a.tar --json')).stdout)
    expect(result).toMatchObject({ type: 'result', verified: false })
  })

  test('compared with another tells what came, went and changed', async () => {
    const other = emptyContent()
    addImage(other, 'registry.k8s.io/pause:3.10', { layers: [Buffer.from('other content')] })
    addImage(other, 'quay.io/new/thing:1')
    await writeFile(join(cwd, 'b.tar'), await writeMemoryBundle(other))
    const { code, stdout } = await ferry('diff a.tar b.tar')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ {2}\+ image +quay\.io\/new\/thing:1$/m)
    expect(stdout).toMatch(/^ {2}~ image +registry\.k8s\.io\/pause:3\.10 +[a-f0-9]{12} -> [a-f0-9]{12}$/m)
    expect(stdout).toMatch(/^ {2}- chart +charts\/podinfo:6\.9\.1$/m)
    expect(stdout).toMatch(/ are new \(\d+ blobs?\)/)
    expect((await ferry('diff a.tar a.tar')).stdout).toContain('0 B of ')
  })

  test('that is not there is 1', async () => {
    expect(await ferry('inspect nowhere.tar')).toMatchObject({ code: 1, stdout: '' })
  })

  test('shown to nobody any more (| head) ends quietly', async () => {
    for (const line of ['inspect a.tar', 'diff a.tar damaged.tar', 'help export'])
      expect(await ferry(line, { deaf: true }), line).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('signals', () => {
  let server: Server
  beforeAll(async () => {
    // A registry that takes requests and never answers.
    server = createServer(() => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    await writeFile(
      join(cwd, 'slow.yaml'),
      `apiVersion: ferry.dev/v1
kind: Bundle
metadata: {name: slow, version: 1.0.0}
spec:
  platforms: [linux/amd64]
  registries: {"${host}": {plainHttp: true}}
  images: ["${host}/a/b:1"]
`,
    )
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s stops work, says what is kept, and exits with 1', async (signal) => {
    let sent = false
    const { code, stderr } = await ferry('lock slow.yaml', {
      watch(text, child) {
        if (!sent && text.includes('lock ')) sent = child.kill(signal)
      },
    })
    expect(code).toBe(1)
    expect(stderr).toContain('stopping')
    expect(stderr).toContain('lock: interrupted\n  The lock is as it was.')
    await expect(stat(join(cwd, 'slow.lock.yaml'))).rejects.toThrow('ENOENT')
  })

  test('serve ends with 0, and has said where it serves', async () => {
    let sent = false
    const { code, stderr } = await ferry('serve a.tar --pub vendor.pub --listen 127.0.0.1:0', {
      watch(text, child) {
        if (!sent && text.includes('http://127.0.0.1:')) sent = child.kill('SIGINT')
      },
    })
    expect(code).toBe(0)
    expect(stderr).toContain('serving     http://127.0.0.1:')
  })
})
