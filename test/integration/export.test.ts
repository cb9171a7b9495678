import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDelivery, type Delivery } from '../peers/delivery.ts'
import { FERRY, ferry, ferryOrThrow } from '../peers/ferry.ts'
import { openUnverified } from '../peers/open-unverified.ts'
import { run, runOrThrow } from '../peers/peer.ts'
import { signedBytes } from '../peers/signed-bytes.ts'

let delivery: Delivery
let bundle: string
const EPOCH = { SOURCE_DATE_EPOCH: '1790000000' }

beforeAll(async () => {
  delivery = await startDelivery({ totalBytes: 96 * 1024 * 1024 })
  bundle = join(delivery.folder, 'one.tar')
  await exportTo(bundle)
})
afterAll(() => delivery.stop())

function exportTo(out: string, more: readonly string[] = [], env: Record<string, string> = EPOCH): Promise<string> {
  return ferryOrThrow(['export', delivery.bundleYaml, '--key', delivery.key, '--out', out, ...more], { env })
}

describe('ferry export', () => {
  test('writes a bundle that verifies, with every image, chart and file, and nothing beside it', async () => {
    await ferryOrThrow(['verify', bundle, '--pub', delivery.pub])
    const { catalog, statement } = await openUnverified(bundle)
    expect(statement.predicate).toMatchObject({ product: 'delivery', version: '1.0.0', sequence: 7, channel: 'stable' })
    expect(statement.predicate.issuedAt).toBe(new Date(1790000000_000).toISOString().replace('.000', ''))
    const names = catalog.entries.map(({ name }) => name)
    for (const image of delivery.images) expect(names).toContain(delivery.refOf(image))
    expect(names).toEqual(
      expect.arrayContaining([
        'charts/webapp:1.2.3',
        'charts/local:0.1.0_site',
        `${delivery.registry.host}/charts/podinfo:6.9.1`,
        'files/tool:linux-amd64',
        'files/handbook:any',
      ]),
    )
    expect(existsSync(`${bundle}.partial`)).toBe(false)
    expect(existsSync(`${bundle}.partial.journal`)).toBe(false)
  })

  test('brings signatures, SBOMs and attestations that are attached to an image', async () => {
    const image = delivery.images.find(({ kind }) => kind === 'attached')!
    const { catalog } = await openUnverified(bundle)
    const digests = catalog.entries.filter(({ kind }) => kind === 'attached').map(({ descriptor }) => descriptor.digest)
    expect(digests).toEqual(expect.arrayContaining([image.attached!.sbom, image.attached!.signature]))
  })

  test('keeps an index byte for byte, and carries of it only the platforms that were asked for', async () => {
    const { graph, catalog, places } = await openUnverified(bundle)
    const image = delivery.images.find(({ kind }) => kind === 'docker')!
    const entry = catalog.entries.find(({ name }) => name === delivery.refOf(image))!
    expect(entry.descriptor.digest).toBe(image.digest)
    const document = graph.documents.get(image.digest)!.document
    if (document.kind !== 'index') throw new Error('not an index')
    const there = document.manifests
      .filter(({ digest }) => places.has(digest))
      .map(({ platform }) => platform?.architecture)
    expect(there).toEqual(['amd64', 'arm64'])
    expect(document.manifests).toHaveLength(3)
  })

  test('one lock gives the same bytes twice, signature files apart', async () => {
    const second = join(delivery.folder, 'two.tar')
    await exportTo(second, ['--frozen', '--concurrency', '2'])
    expect((await signedBytes(second)).equals(await signedBytes(bundle))).toBe(true)
    await rm(second)
  })

  test('an existing output is left alone without --force', async () => {
    const before = await stat(bundle)
    const { code, stderr } = await ferry(['export', delivery.bundleYaml, '--key', delivery.key, '--out', bundle])
    expect(code).toBe(1)
    expect(stderr).toContain('exists already')
    expect((await stat(bundle)).mtimeMs).toBe(before.mtimeMs)
  })

  test('GNU tar lists and unpacks it without a word', async () => {
    const folder = join(delivery.folder, 'unpacked')
    await mkdir(folder)
    const { code, stderr } = await run('tar', ['-xf', bundle, '-C', folder])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { layout } = await openUnverified(bundle)
    const listed = (await runOrThrow('tar', ['-tf', bundle])).trim().split('\n')
    expect(listed).toEqual(layout.entries.map(({ path }) => path))
    expect(await readFile(join(folder, 'oci-layout'), 'utf8')).toBe('{"imageLayoutVersion":"1.0.0"}')
  })

  test('a file of more than 8 GiB has a place that GNU tar finds', async () => {
    // The header and the place of what follows are what is asked here: 9 GiB of zeros are a hole in the file.
    const { encodeHeader, placeEntries } = await import('../../src/bundle/layout.ts')
    const path = join(delivery.folder, 'huge.tar')
    const layout = placeEntries([
      { path: 'huge', size: 9 * 1024 ** 3 + 1 },
      { path: 'after', size: 5 },
    ])
    const handle = await open(path, 'w')
    for (const entry of layout.entries) await handle.write(encodeHeader(entry, 1790000000), 0, null, entry.headerOffset)
    await handle.write(Buffer.from('after'), 0, 5, layout.entries[1]!.offset)
    await handle.close()
    await truncate(path, layout.totalBytes)
    const listing = await runOrThrow('tar', ['-tvf', path], { env: { LC_ALL: 'C' } })
    expect(listing).toContain(` ${9 * 1024 ** 3 + 1} `)
    expect(await runOrThrow('tar', ['-xOf', path, 'after'])).toBe('after')
    await rm(path)
  })
})

describe('an export that was killed', () => {
  /** Starts an export and kills it (-9) when its file has grown to some share of the whole. */
  async function exportAndKill(out: string, share: number): Promise<boolean> {
    const child = spawn(
      process.execPath,
      [FERRY, 'export', delivery.bundleYaml, '--key', delivery.key, '--out', out, '--frozen', '--concurrency', '2'],
      { stdio: 'ignore', env: { ...process.env, ...EPOCH } },
    )
    const ended = once(child, 'exit')
    const whole = (await stat(bundle)).size
    while (child.exitCode === null && child.signalCode === null) {
      const blocks = await stat(`${out}.partial`).then(
        (found) => found.blocks,
        () => 0,
      )
      if (blocks * 512 >= whole * share) child.kill('SIGKILL')
      await sleep(2)
    }
    await ended
    return child.signalCode === 'SIGKILL'
  }

  test('is finished by the same command, and is the same file byte for byte', async () => {
    const out = join(delivery.folder, 'killed.tar')
    let kills = 0
    for (const share of [0, 0.1, 0.3, 0.6, 0.8, 0.95]) {
      if (existsSync(out)) break
      if (await exportAndKill(out, share)) kills++
    }
    expect(kills).toBeGreaterThanOrEqual(3)
    if (!existsSync(out)) await exportTo(out)
    expect((await signedBytes(out)).equals(await signedBytes(bundle))).toBe(true)
    await ferryOrThrow(['verify', out, '--pub', delivery.pub])
    await rm(out)
  }, 120_000)

  test('downloads only what was not complete, and hashes again what it keeps', async () => {
    const out = join(delivery.folder, 'resumed.tar')
    await exportAndKill(out, 0.7)
    const events = (await exportTo(out, ['--json']))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const fetched = events.find(({ type }) => type === 'result') as {
      fetched?: { copiedBytes: number; presentBytes: number }
    }
    const checked = events.find(({ type, task }) => type === 'task-end' && task === 'check')
    expect(checked).toBeDefined()
    const { size } = await stat(bundle)
    expect(JSON.stringify(fetched)).toContain('copiedBytes')
    expect(fetched.fetched!.copiedBytes).toBeLessThan(size * 0.7)
    await rm(out)
  }, 60_000)

  test('a damaged piece of what it left is found and fetched again', async () => {
    const out = join(delivery.folder, 'torn.tar')
    await exportAndKill(out, 0.7)
    const handle = await open(`${out}.partial`, 'r+')
    const { layout } = await openUnverified(bundle)
    // A bit in every layer: whatever was complete no longer is.
    for (const entry of layout.entries.filter(({ size }) => size > 100_000)) {
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, entry.offset + 1000)
      await handle.write(Buffer.from([buffer[0]! ^ 1]), 0, 1, entry.offset + 1000)
    }
    await handle.close()
    await exportTo(out)
    expect((await signedBytes(out)).equals(await signedBytes(bundle))).toBe(true)
    await rm(out)
  }, 60_000)
})

describe('an export that cannot be done', () => {
  const yaml = (images: string): string =>
    `apiVersion: ferry.dev/v1\nkind: Bundle\nmetadata: {name: x, version: "1"}\nspec:\n  platforms: [linux/amd64]\n  registries: {"${delivery.registry.host}": {plainHttp: true}}\n  images:\n${images}`

  async function tryExport(images: string, args: readonly string[] = []) {
    const folder = join(delivery.folder, 'wrong')
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder)
    const file = join(folder, 'bundle.yaml')
    await writeFile(file, yaml(images))
    const out = join(folder, 'out.tar')
    const result = await ferry(['export', file, '--key', delivery.key, '--out', out, ...args])
    expect(existsSync(out)).toBe(false)
    return result
  }

  test('names a tag that is not there, its line, and the tags that are near', async () => {
    const image = delivery.images[0]!
    const { code, stderr } = await tryExport(`    - ${delivery.registry.host}/${image.repository}:v9.9.9\n`)
    expect(code).toBe(2)
    expect(stderr).toMatch(/8:\d+ .*no such tag.*v9\.9\.9.*v1\.0\.0/s)
  })

  test('names the platforms that exist when the wanted one does not', async () => {
    const image = delivery.images.find(({ kind }) => kind === 'gzip' || kind === 'zstd')!
    const { code, stderr } = await tryExport(`    - {ref: "${delivery.refOf(image)}", platforms: [windows/amd64]}\n`)
    expect(code).toBe(2)
    expect(stderr).toContain('windows/amd64')
    expect(stderr).toContain('linux/amd64, linux/arm64, linux/s390x')
  })

  test('reports every mistake at once', async () => {
    const { code, stderr } = await tryExport(
      `    - ${delivery.registry.host}/none:1\n    - ${delivery.registry.host}/${delivery.images[0]!.repository}:none\n`,
    )
    expect(code).toBe(2)
    expect(stderr).toContain('8:')
    expect(stderr).toContain('9:')
    expect(stderr).toContain('2 problems')
  })

  test('an unreachable registry is named, after a few attempts', async () => {
    const { code, stderr } = await tryExport('    - 127.0.0.1:1/x/y:1\n')
    expect(code).toBe(1)
    expect(stderr).toContain('127.0.0.1:1')
  }, 60_000)

  test('--frozen refuses a lock that does not fit, and asks no registry', async () => {
    const folder = join(delivery.folder, 'frozen')
    await mkdir(folder)
    const file = join(folder, 'bundle.yaml')
    await writeFile(file, yaml(`    - ${delivery.refOf(delivery.images[0]!)}\n`))
    const missing = await ferry(['export', file, '--frozen', '--key', delivery.key, '--out', join(folder, 'a.tar')])
    expect(missing.code).toBe(2)
    await ferryOrThrow(['lock', file])
    await writeFile(file, yaml(delivery.images.map((image) => `    - ${delivery.refOf(image)}\n`).join('')))
    const other = await ferry(['export', file, '--frozen', '--key', delivery.key, '--out', join(folder, 'a.tar')])
    expect(other.code).toBe(2)
    expect(other.stderr).toContain(delivery.refOf(delivery.images[1]!))
  })

  test('a disk that is too small is noticed before the first download', async () => {
    const mount = join(delivery.folder, 'small')
    await mkdir(mount)
    await runOrThrow('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mount])
    try {
      const { code, stderr } = await ferry([
        'export',
        delivery.bundleYaml,
        '--frozen',
        '--key',
        delivery.key,
        '--out',
        join(mount, 'a.tar'),
      ])
      expect(code).toBe(1)
      expect(stderr).toMatch(/needs .* free/)
      expect(stderr).toContain('Nothing was downloaded')
    } finally {
      await runOrThrow('umount', [mount])
    }
  })

  test('a disk that fills up in the middle keeps what is complete', async () => {
    const mount = join(delivery.folder, 'filling')
    await mkdir(mount)
    const { size } = await stat(bundle)
    await runOrThrow('mount', ['-t', 'tmpfs', '-o', `size=${size + 1024 * 1024}`, 'tmpfs', mount])
    const out = join(mount, 'a.tar')
    try {
      // Something else takes the space after it was checked.
      const child = ferry(['export', delivery.bundleYaml, '--frozen', '--key', delivery.key, '--out', out], {
        env: EPOCH,
      })
      // From here on it has seen that there is room.
      while (((await stat(`${out}.partial`).catch(() => undefined))?.size ?? 0) === 0) await sleep(1)
      await writeFile(join(mount, 'other'), Buffer.alloc(Math.floor(size / 2))).catch(() => undefined)
      const { code, stderr } = await child
      expect(code).toBe(1)
      expect(stderr).toContain('no space left')
      await rm(join(mount, 'other'))
      await exportTo(out)
      expect((await signedBytes(out)).equals(await signedBytes(bundle))).toBe(true)
    } finally {
      await runOrThrow('umount', [mount])
    }
  }, 60_000)

  test('a folder that cannot be written to is named', async () => {
    const { code, stderr } = await ferry([
      'export',
      delivery.bundleYaml,
      '--frozen',
      '--key',
      delivery.key,
      '--out',
      '/proc/a.tar',
    ])
    expect(code).toBe(1)
    expect(stderr).toContain('/proc/a.tar')
  })
})

describe('ferry inspect and diff', () => {
  test('inspect reads the head of the file only', async () => {
    const headOnly = join(delivery.folder, 'head.tar')
    const { layout, graph } = await openUnverified(bundle)
    const firstLayer = layout.entries.find(({ path }) => graph.layers.has(`sha256:${path.slice(13)}`))!
    await copyFile(bundle, headOnly)
    // The layers become a hole: were they read, their content would be another.
    await truncate(headOnly, firstLayer.headerOffset)
    await truncate(headOnly, layout.totalBytes)
    const full = await ferryOrThrow(['inspect', bundle, '--pub', delivery.pub, '--json'])
    const head = await ferryOrThrow(['inspect', headOnly, '--pub', delivery.pub, '--json'])
    expect(head.replaceAll('head.tar', 'one.tar')).toBe(full)
    const verified = await ferry(['verify', headOnly, '--pub', delivery.pub])
    expect(verified.code).toBe(3)
    await rm(headOnly)
  })

  test('inspect without a key says NOT VERIFIED', async () => {
    expect(await ferryOrThrow(['inspect', bundle])).toContain('NOT VERIFIED')
    expect(await ferryOrThrow(['inspect', bundle, '--pub', delivery.pub])).not.toContain('NOT VERIFIED')
  })

  test('diff tells what came and went and how many bytes are new', async () => {
    const folder = join(delivery.folder, 'next')
    await mkdir(folder)
    const text = await readFile(delivery.bundleYaml, 'utf8')
    const tiny = delivery.images.find(({ kind }) => kind === 'tiny')!
    const next = text
      .split('\n')
      .filter((line) => !line.includes(delivery.refOf(tiny)))
      .join('\n')
      .replaceAll('path: ./', 'path: ../')
      .replace('handbook.pdf', 'bundle.yaml')
    await writeFile(join(folder, 'bundle.yaml'), next)
    await ferryOrThrow(['lock', join(folder, 'bundle.yaml')])
    const report = await ferryOrThrow(['diff', bundle, join(folder, 'bundle.lock.yaml')])
    expect(report).toContain(delivery.refOf(tiny))
    expect(report).toContain('handbook')
    const json = JSON.parse(await ferryOrThrow(['diff', bundle, join(folder, 'bundle.lock.yaml'), '--json'])) as Record<
      string,
      unknown
    >
    expect(json).toMatchObject({ type: 'result' })
  })
})
