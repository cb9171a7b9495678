import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createCommandSigner } from '../../src/adapters/signer/command-signer.ts'
import { splitCommand } from '../../src/adapters/signer/split-command.ts'
import { digestOf, hexOf } from '../../src/oci/digest.ts'
import { generateKeyPair, parsePrivateKey, parsePublicKey, type PublicKey, publicPemOf } from '../../src/trust/key.ts'
import { signAndCheck, type Signer } from '../../src/trust/signer.ts'
import { sigstoreBundle } from '../../src/trust/sigstore-bundle.ts'
import { buildStatement } from '../../src/trust/statement.ts'
import { verifyRelease } from '../../src/trust/verify-release.ts'
import { peer, run, runOrThrow, type RunResult } from '../peers/peer.ts'
import { documentedCommands, typeCommands } from './security-commands.ts'

const COSIGNS = ['cosign', 'cosign-3'] as const
const EMPTY_ROOT = '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'
const openssl = peer('openssl')
let folder = ''
/** What stands in a bundle beside its statement. */
const CONTENT: Readonly<Record<string, string>> = {
  'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
  'index.json': '{"schemaVersion":2,"manifests":[]}',
  ...Object.fromEntries(['one', 'two', ''].map((text) => [`blobs/sha256/${hexOf(digestOf(text))}`, text])),
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-signatures-'))
  return () => rm(folder, { recursive: true, force: true })
})

const put = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(folder, name), content)
const bytesIn = (name: string): Promise<Uint8Array> => readFile(join(folder, name))
const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8')
const publicKeyIn = async (name: string): Promise<PublicKey> => parsePublicKey(await text(name), name)

/** Writes release.json, K.sig and K.sigstore.json. */
async function signInto(signer: Signer, bytes = statement()): Promise<void> {
  const der = await signAndCheck(signer, bytes)
  await put('release.json', bytes)
  await put('K.sig', der)
  await put('K.sigstore.json', sigstoreBundle(hexOf(digestOf(bytes)), der, signer.publicKey.kid))
}

function statement(content = CONTENT): Uint8Array {
  const subjects = Object.entries(content).map(([name, value]) => ({
    name,
    sha256: hexOf(digestOf(value)),
    size: Buffer.byteLength(value),
  }))
  const issued = { issuedAt: '2026-03-01T12:00:00Z', notAfter: null, sequence: 42, minInstalledSequence: 0 }
  return buildStatement({
    product: 'platform',
    channel: 'stable',
    version: '1.4.0',
    keysVersion: 1,
    ...issued,
    subjects,
  })
}

function opensslVerify(pub: string): Promise<RunResult> {
  return run(openssl, ['dgst', '-sha256', '-verify', pub, '-signature', 'K.sig', 'release.json'], { cwd: folder })
}

async function cosignVerify(name: (typeof COSIGNS)[number], pub: string): Promise<RunResult> {
  await put('empty-root.json', EMPTY_ROOT)
  const args = ['verify-blob', '--key', pub, '--bundle', 'K.sigstore.json', '--new-bundle-format=true']
  const offline = ['--trusted-root', 'empty-root.json', '--insecure-ignore-tlog=true', 'release.json']
  const env = { HOME: folder, HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' }
  return run(peer(name), [...args, ...offline], { cwd: folder, env })
}

/** Ferry's own verdict on the three files. */
async function verifyFiles(pub: string): Promise<ReturnType<typeof verifyRelease>> {
  const [releaseBytes, der, sigstore] = await Promise.all([
    bytesIn('release.json'),
    bytesIn('K.sig'),
    bytesIn('K.sigstore.json'),
  ])
  const key = await publicKeyIn(pub)
  return verifyRelease({
    releaseBytes,
    signatures: [{ kid8: key.kid8, der, sigstore }],
    trustedKeys: [key],
    now: new Date('2026-04-01T00:00:00Z'),
  })
}

describe('a key made by ferry', () => {
  it.each([undefined, 'correct horse'])('is one for openssl, with the passphrase %j', async (passphrase) => {
    const pair = generateKeyPair(passphrase === undefined ? {} : { passphrase })
    await put('vendor.key', pair.privatePem)
    await put('vendor.pub', pair.publicPem)
    const secret = passphrase === undefined ? [] : ['-passin', `pass:${passphrase}`]
    const written = await runOrThrow(openssl, ['pkey', '-in', 'vendor.key', ...secret, '-pubout'], { cwd: folder })
    expect(written).toBe(pair.publicPem)
    await put('release.json', statement())
    const sign = ['dgst', '-sha256', '-sign', 'vendor.key', ...secret, '-out', 'K.sig', 'release.json']
    await runOrThrow(openssl, sign, { cwd: folder })
    expect((await opensslVerify('vendor.pub')).stdout).toBe('Verified OK\n')
    const wrong = await run(openssl, ['pkey', '-in', 'vendor.key', '-passin', 'pass:wrong', '-noout'], { cwd: folder })
    expect(wrong.code === 0).toBe(passphrase === undefined)
  })

  it('signs what openssl and both cosigns verify, and a wrong key or changed bytes are refused by all', async () => {
    const key = parsePrivateKey(generateKeyPair().privatePem, 'vendor.key')
    await signInto(key)
    await put('vendor.pub', publicPemOf(key.publicKey))
    await put('other.pub', generateKeyPair().publicPem)
    expect(await opensslVerify('vendor.pub')).toMatchObject({ code: 0, stdout: 'Verified OK\n' })
    expect((await opensslVerify('other.pub')).code).toBe(1)
    for (const name of COSIGNS) {
      const verified = await cosignVerify(name, 'vendor.pub')
      expect(verified, name).toMatchObject({ code: 0, stderr: expect.stringContaining('Verified OK') as string })
      const wrong = await cosignVerify(name, 'other.pub')
      expect(wrong.code, `${name} with another key: ${wrong.stderr}`).not.toBe(0)
    }
    await put('release.json', Buffer.concat([await readFile(join(folder, 'release.json')), Buffer.from(' ')]))
    expect((await opensslVerify('vendor.pub')).code).toBe(1)
    for (const name of COSIGNS) expect((await cosignVerify(name, 'vendor.pub')).code, name).not.toBe(0)
    await expect(verifyFiles('vendor.pub')).rejects.toMatchObject({ code: 'bundle-signature' })
  })
})

describe('a key made elsewhere', () => {
  it.each([
    ['genpkey', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']],
    [
      'genpkey with a passphrase',
      ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-aes-256-cbc', '-pass', 'pass:secret'],
    ],
    ['ecparam', ['ecparam', '-name', 'prime256v1', '-genkey']],
  ])('by openssl %s signs and verifies', async (_, args) => {
    const pem = await runOrThrow(openssl, args)
    const key = parsePrivateKey(pem, 'vendor.key', 'secret')
    await signInto(key)
    await put('vendor.key', pem)
    const pub = await runOrThrow(openssl, ['pkey', '-in', 'vendor.key', '-passin', 'pass:secret', '-pubout'], {
      cwd: folder,
    })
    await put('vendor.pub', pub)
    expect((await verifyFiles('vendor.pub')).signedBy[0]?.kid).toBe(key.publicKey.kid)
    expect((await opensslVerify('vendor.pub')).code).toBe(0)
  })

  it.each(COSIGNS)('by %s generate-key-pair verifies what that cosign signed', async (name) => {
    const env = { HOME: folder, COSIGN_PASSWORD: 'secret' }
    await runOrThrow(peer(name), ['generate-key-pair'], { cwd: folder, env })
    const publicKey = await publicKeyIn('cosign.pub')
    await expect(text('cosign.key').then((pem) => parsePrivateKey(pem, 'cosign.key'))).rejects.toThrow(
      /cosign's own format/,
    )
    // Cosign 2.5 opens the keys of both, and still signs without a log.
    await put('release.json', statement())
    const sign = [
      'sign-blob',
      '--yes',
      '--key',
      'cosign.key',
      '--tlog-upload=false',
      '--output-signature',
      'K.b64',
      'release.json',
    ]
    await runOrThrow(peer('cosign'), sign, { cwd: folder, env })
    const der = Buffer.from(await text('K.b64'), 'base64')
    await signInto({ publicKey, sign: () => Promise.resolve(der) })
    expect((await verifyFiles('cosign.pub')).signedBy.map((key) => key.name)).toEqual(['cosign.pub'])
    expect((await cosignVerify(name, 'cosign.pub')).code).toBe(0)
  })

  it('that openssl makes of another kind is refused', async () => {
    for (const args of [
      ['genpkey', '-algorithm', 'ed25519'],
      ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
      ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit'],
    ]) {
      const pem = await runOrThrow(openssl, args)
      expect(() => parsePrivateKey(pem, 'vendor.key'), args.join(' ')).toThrow(
        expect.objectContaining({ code: 'config-key' }),
      )
      await put('vendor.key', pem)
      await put('vendor.pub', await runOrThrow(openssl, ['pkey', '-in', 'vendor.key', '-pubout'], { cwd: folder }))
      await expect(publicKeyIn('vendor.pub'), args.join(' ')).rejects.toMatchObject({ code: 'config-key' })
    }
  })

  it('with a compressed point becomes usable with the command that the error gives', async () => {
    const key = parsePrivateKey(generateKeyPair().privatePem, 'vendor.key')
    await put('full.pub', publicPemOf(key.publicKey))
    await runOrThrow(openssl, ['ec', '-pubin', '-in', 'full.pub', '-conv_form', 'compressed', '-out', 'vendor.pub'], {
      cwd: folder,
    })
    const error: unknown = await publicKeyIn('vendor.pub').catch((thrown: unknown) => thrown)
    const { hint } = error as { readonly hint: string }
    const { command, args } = splitCommand(hint.replace(/^.*?: /, ''))
    expect(command).toBe('openssl')
    await put('fixed.pub', await runOrThrow(openssl, args, { cwd: folder }))
    expect((await publicKeyIn('fixed.pub')).kid).toBe(key.publicKey.kid)
  })
})

it('openssl behind --signer-cmd signs what everyone verifies', async () => {
  const pair = generateKeyPair()
  await put('hsm key.pem', pair.privatePem)
  await put('hsm.pub', pair.publicPem)
  const publicKey = await publicKeyIn('hsm.pub')
  const { command, args } = splitCommand(`'${openssl}' dgst -sha256 -sign "${join(folder, 'hsm key.pem')}"`)
  await signInto(createCommandSigner({ command, args, publicKey }))
  expect((await verifyFiles('hsm.pub')).signedBy[0]?.name).toBe('hsm.pub')
  expect((await cosignVerify('cosign-3', 'hsm.pub')).code).toBe(0)
})

describe('the commands of docs/security.md', () => {
  let fixture = ''
  let verifying: readonly string[] = []

  beforeAll(async () => {
    verifying = await documentedCommands('Verifying with openssl and cosign')
    fixture = await mkdtemp(join(tmpdir(), 'ferry-bundle-'))
    const key = parsePrivateKey(generateKeyPair().privatePem, 'vendor.key')
    await writeFile(join(fixture, 'vendor.pub'), publicPemOf(key.publicKey))
    await writeFile(join(fixture, 'other.pub'), generateKeyPair().publicPem)
    await makeBundle(fixture, key)
  })
  afterAll(() => rm(fixture, { recursive: true, force: true }))
  beforeEach(async () => {
    await cp(join(fixture, 'FILE.tar'), join(folder, 'FILE.tar'))
    await cp(join(fixture, 'vendor.pub'), join(folder, 'vendor.pub'))
  })

  it.each(COSIGNS)('accept a bundle, word for word (%s)', async (name) => {
    await mkdir(join(folder, 'first'))
    await writeFile(join(folder, 'first', 'cosign'), `#!/bin/sh\nexec '${peer(name)}' "$@"\n`, { mode: 0o755 })
    const result = await typeCommands(verifying, folder, join(folder, 'first'))
    expect(result.code, result.stderr).toBe(0)
    expect(result.stdout).toContain('Verified OK\n')
    expect(result.stderr).toContain('Verified OK\n')
    expect(result.stdout).toContain('"version": "1.4.0"')
    expect(result.stdout).not.toMatch(/^[<>]/m)
  })

  it('make a key and print its fingerprint', async () => {
    const result = await typeCommands(await documentedCommands('Keys'), folder)
    expect(result.code, result.stderr).toBe(0)
    const key = parsePrivateKey(await text('vendor.key'), 'vendor.key')
    expect(key.publicKey.kid).toBe((await publicKeyIn('vendor.pub')).kid)
    expect(result.stdout).toBe(`${key.publicKey.kid}  -\n`)
  })

  it('refuse a bundle that another key signed, at the first command that looks for yours', async () => {
    await cp(join(fixture, 'other.pub'), join(folder, 'vendor.pub'))
    const result = await typeCommands(verifying, folder)
    expect(result.code).not.toBe(0)
    expect(result.stderr).toMatch(/ls: .*\.sig/)
  })

  it.each(['openssl dgst', 'cosign verify-blob'])('refuse a changed statement with %s alone', async (command) => {
    const other = command.startsWith('openssl') ? 'cosign verify-blob' : 'openssl dgst'
    const commands = verifying.filter((block) => !block.includes(other))
    expect(commands).toHaveLength(verifying.length - 1)
    await repack({ change: (root) => edit(join(root, 'ferry/release.json'), '"sequence":42', '"sequence":43') })
    const result = await typeCommands(commands, folder)
    expect(result.code).not.toBe(0)
    expect(result.stdout).not.toContain('"sequence"')
  })

  it.each(['sha256sum -c', '--to-command'])('refuse a changed blob with %s alone', async (command) => {
    const other = command === '--to-command' ? 'sha256sum -c' : '--to-command'
    const hex = hexOf(digestOf('two'))
    await repack({ change: (root) => edit(join(root, `blobs/sha256/${hex}`), 'two', 'twO') })
    const result = await typeCommands(
      verifying.filter((block) => !block.includes(other)),
      folder,
    )
    expect(result.code).not.toBe(0)
    expect(result.stdout).toContain(hex)
    expect(result.stdout).toContain('"sequence": 42')
  })

  it.each<[string, (names: readonly string[]) => readonly string[], string]>([
    ['a file more', (names) => [...names, 'blobs/extra'], '> blobs/extra'],
    ['a file less', (names) => names.filter((name) => name !== 'index.json'), '< index.json'],
    ['a second statement', (names) => [...names, 'ferry/release.json'], '> ferry/release.json'],
    ['another order', (names) => names.toReversed(), '> oci-layout'],
  ])('refuse a tar with %s', async (_, names, shown) => {
    await repack({ change: (root) => writeFile(join(root, 'blobs/extra'), 'x'), names })
    const result = await typeCommands(verifying, folder)
    expect(result.code).not.toBe(0)
    expect(result.stdout).toContain(shown)
  })

  /** Unpacks FILE.tar, changes what is in it, and packs the given names. */
  async function repack(how: {
    readonly change: (root: string) => Promise<void>
    readonly names?: (names: readonly string[]) => readonly string[]
  }): Promise<void> {
    const root = join(folder, 'root')
    await mkdir(root)
    const names = (await runOrThrow('tar', ['-tf', 'FILE.tar'], { cwd: folder })).trim().split('\n')
    await runOrThrow('tar', ['-xf', '../FILE.tar'], { cwd: root })
    await how.change(root)
    await packTar(join(folder, 'FILE.tar'), root, how.names?.(names) ?? names)
    await rm(root, { recursive: true })
  }
})

/** A small bundle, `FILE.tar` in this folder, made by GNU tar. */
async function makeBundle(folder: string, signer: Signer): Promise<void> {
  const bytes = statement()
  const der = await signAndCheck(signer, bytes)
  const { kid, kid8 } = signer.publicKey
  const files = {
    'ferry/release.json': bytes,
    [`ferry/release.json.${kid8}.sig`]: der,
    [`ferry/release.json.${kid8}.sigstore.json`]: sigstoreBundle(hexOf(digestOf(bytes)), der, kid),
    ...CONTENT,
  }
  const root = join(folder, 'root')
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), content)
  }
  await packTar(join(folder, 'FILE.tar'), root, Object.keys(files))
  await rm(root, { recursive: true })
}

async function packTar(file: string, root: string, names: readonly string[]): Promise<void> {
  await runOrThrow('tar', ['--format=ustar', '-cf', file, '--no-recursion', ...names], { cwd: root })
}

async function edit(path: string, from: string, to: string): Promise<void> {
  const content = await readFile(path, 'utf8')
  if (!content.includes(from)) throw new Error(`${path} does not hold ${from}`)
  await writeFile(path, content.replace(from, to))
}
