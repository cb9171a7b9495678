import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCommandSigner } from '../../../src/adapters/signer/command-signer.ts'
import { generateKeyPair, parsePublicKey } from '../../../src/trust/key.ts'
import { checkSignature, signAndCheck } from '../../../src/trust/signer.ts'

const bytes = new TextEncoder().encode('what is signed\n')
const pair = generateKeyPairSync('ec', {
  namedCurve: 'prime256v1',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})
const publicKey = parsePublicKey(pair.publicKey, 'hsm.pub')
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-signer-'))
  await writeFile(join(folder, 'hsm.key'), pair.privateKey)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const script = (source: string, timeoutMs = 10_000): ReturnType<typeof createCommandSigner<typeof publicKey>> =>
  createCommandSigner({
    command: process.execPath,
    args: ['-e', source, join(folder, 'hsm.key')],
    publicKey,
    timeoutMs,
  })
const signing = (encoding: string): string =>
  `const c = require('node:crypto'), fs = require('node:fs')
   const key = { key: fs.readFileSync(process.argv[1]), dsaEncoding: '${encoding}' }
   process.stdout.write(c.sign('sha256', fs.readFileSync(0), key))`
const says = (text: RegExp): unknown =>
  expect.objectContaining({ code: 'signer', message: expect.stringMatching(text) as string })

describe('a signer command', () => {
  it.each(['der', 'ieee-p1363'])('gets the bytes and gives a signature (%s)', async (encoding) => {
    const der = await signAndCheck(script(signing(encoding)), bytes)
    expect(checkSignature(publicKey, bytes, der)).toBe(true)
  })

  it('gets large statements whole', async () => {
    const large = new Uint8Array(20 * 1024 * 1024).fill(7)
    expect(checkSignature(publicKey, large, await signAndCheck(script(signing('der')), large))).toBe(true)
  })

  it('is not believed: a signature by another key is refused', async () => {
    const other = parsePublicKey(generateKeyPair().publicPem, 'other.pub')
    const signer = { ...script(signing('der')), publicKey: other }
    await expect(signAndCheck(signer, bytes)).rejects.toEqual(
      says(/does not verify with the declared public key other\.pub/),
    )
  })

  it('is started without a shell', async () => {
    const marker = join(folder, 'marker')
    const signer = createCommandSigner({
      command: 'echo',
      args: [`$(touch ${marker})`, ';', 'touch', marker],
      publicKey,
    })
    expect(new TextDecoder().decode(await signer.sign(bytes))).toBe(`$(touch ${marker}) ; touch ${marker}\n`)
    expect(existsSync(marker)).toBe(false)
    const whole = createCommandSigner({ command: `touch ${marker}`, args: [], publicKey })
    await expect(whole.sign(bytes)).rejects.toEqual(says(/no such program/))
    expect(existsSync(marker)).toBe(false)
  })

  it('that fails is quoted with the last line it said, made safe to print', async () => {
    const source = `process.stderr.write('starting\\n\\u001b[31mtoken \\u0007not present\\u001b[0m\\r\\n\\n'); process.exit(3)`
    await expect(script(source).sign(bytes)).rejects.toEqual(
      says(/^the signer command ".*node.*" failed with exit code 3: token not present$/),
    )
  })

  it('that says very much is quoted with a little of it', async () => {
    const source = `process.stderr.write('x'.repeat(5e6), () => process.exit(1))`
    await expect(script(source).sign(bytes)).rejects.toEqual(says(/: x{300}$/))
  })

  it('never has its arguments in a message: they may hold a PIN', async () => {
    const signer = createCommandSigner({ command: 'false', args: ['--pin', '123456'], publicKey })
    await expect(signer.sign(bytes)).rejects.toEqual(says(/^the signer command "false" failed with exit code 1$/))
  })

  it('that does not exist or may not run is named', async () => {
    const sign = (command: string): Promise<Uint8Array> =>
      createCommandSigner({ command, args: [], publicKey }).sign(bytes)
    await expect(sign('/no/such/program')).rejects.toEqual(
      says(/"\/no\/such\/program" cannot be started \(no such program\)/),
    )
    await expect(sign(join(folder, 'hsm.key'))).rejects.toEqual(says(/cannot be started \(not executable\)/))
  })

  it('that writes nothing is refused', async () => {
    await expect(script('').sign(bytes)).rejects.toEqual(says(/wrote no signature/))
  })

  it('that writes without end is ended', async () => {
    const source = `const more = () => process.stdout.write('x'.repeat(65536), more); more()`
    await expect(script(source).sign(bytes)).rejects.toEqual(says(/wrote more than 1024 bytes/))
  })

  it('that takes too long is ended, even when it does not want to', async () => {
    const file = join(folder, 'pid')
    const source = `process.on('SIGTERM', () => {}); require('node:fs').writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1000)`
    await expect(script(source, 1000).sign(bytes)).rejects.toEqual(says(/gave no signature within 1 s/))
    const pid = Number(readFileSync(file, 'utf8'))
    await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false)
  })

  it('that ends by a signal is told so', async () => {
    await expect(script(`process.kill(process.pid, 'SIGKILL')`).sign(bytes)).rejects.toEqual(
      says(/was ended by SIGKILL/),
    )
  })

  it('may end without reading what it is given', async () => {
    const source = `require('node:fs').closeSync(0); process.stdout.write('abc')`
    const large = new Uint8Array(8 * 1024 * 1024)
    expect(new TextDecoder().decode(await script(source).sign(large))).toBe('abc')
  })

  it('is ended when the work is stopped', async () => {
    const stop = new AbortController()
    const signer = createCommandSigner({ command: 'sleep', args: ['30'], publicKey, signal: stop.signal })
    const result = signer.sign(bytes)
    await sleep(100)
    stop.abort()
    await expect(result).rejects.toMatchObject({ code: 'interrupted' })
    await expect(signer.sign(bytes)).rejects.toMatchObject({ code: 'interrupted' })
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
