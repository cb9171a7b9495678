import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildImages, type BuiltImage } from '../../../test/peers/content.ts'
import { peer } from '../../../test/peers/peer.ts'
import { startRegistry, type RunningRegistry } from '../../../test/peers/registry.ts'
import { compete, quote, runShell, type Contestant } from './measure.ts'
import { formatTable } from './table.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
/** The built ferry. Its compiled code is kept, as scripts/ferry keeps it. */
const FERRY = `${quote(process.execPath)} ${quote(join(ROOT, 'dist/main.js'))}`
const NETWORK_JOBS = 8

interface Bench {
  readonly folder: string
  readonly rounds: number
  readonly registry: RunningRegistry
  readonly images: readonly BuiltImage[]
  readonly bundleYaml: string
}

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    folder: { type: 'string', default: tmpdir() },
  },
})
process.env['NODE_COMPILE_CACHE'] ??= join(ROOT, 'node_modules/.cache/ferry')
const mib = Number(values.mib)
const wanted = (name: string): boolean => values.only === undefined || values.only === name

const folder = mkdtempSync(join(values.folder, 'ferry-bench-'))
let registry: RunningRegistry | undefined
try {
  process.stderr.write(`bench: filling a registry with ${mib} MiB in ${folder}\n`)
  registry = await startRegistry({ parent: folder })
  await runShell(`${FERRY} keygen --out vendor --no-passphrase`, folder)
  const bench = await prepare(mib, registry)
  console.log(machine())
  const bytes = statSync(join(folder, 'bundle.tar')).size
  console.log(`Content: ${bench.images.length} images for three platforms that share layers, bundle of ${bytes} bytes.`)
  console.log(
    `Medians of ${bench.rounds} rounds, all contestants in turn in each round; page cache warm, source on the same machine.\n`,
  )
  if (wanted('export')) console.log(await benchExport(bench, bytes))
  if (wanted('verify')) console.log(await benchVerify(bench))
  if (wanted('push')) console.log(await benchPush(bench))
  if (wanted('memory')) console.log(await benchMemory(bench, registry))
} finally {
  await registry?.stop()
  rmSync(folder, { recursive: true, force: true })
}

/** Fills the registry, writes the bundle definition, and exports it once: the lock is made, caches are warm. */
async function prepare(size: number, from: RunningRegistry, name = 'bundle'): Promise<Bench> {
  const images = await buildImages(from.url, { totalBytes: size * 1024 * 1024, seed: `bench-${size}` })
  mkdirSync(join(folder, name))
  const bundleYaml = join(folder, name, 'bundle.yaml')
  // All platforms, so that every tool copies the same bytes.
  writeFileSync(
    bundleYaml,
    JSON.stringify({
      apiVersion: 'ferry.dev/v1',
      kind: 'Bundle',
      metadata: { name: 'bench', version: '1.0.0' },
      spec: {
        platforms: ['linux/amd64', 'linux/arm64', 'linux/s390x'],
        registries: { [from.host]: { plainHttp: true } },
        images: images.map(({ kind, ...image }) => ({
          ref: `${from.host}/${image.repository}:${image.tag}`,
          ...(kind === 'single' && { platforms: ['linux/amd64'] }),
        })),
      },
    }),
  )
  await runShell(`${FERRY} export ${quote(bundleYaml)} --key vendor.key --out ${name}.tar`, folder)
  return { folder, rounds: Number(values.rounds), registry: from, images, bundleYaml }
}

async function benchExport(bench: Bench, bytes: number): Promise<string> {
  const { registry: from, images } = bench
  const names = images.map((image) => `${from.host}/${image.repository}:${image.tag}`)
  writeFileSync(join(folder, 'blobs'), blobUrls(bench).join('\n'))
  const clean = 'rm -rf out out.tar out.tar.partial*; mkdir out'
  const exported = `${FERRY} export ${quote(bench.bundleYaml)} --frozen --key vendor.key --out out.tar`
  const skopeo = names
    .map(
      (name, i) =>
        `${quote(peer('skopeo'))} copy -q --all --src-tls-verify=false docker://${name} oci:out/layout:image${i}`,
    )
    .join(' && ')
  const contestants: Contestant[] = [
    { name: 'ferry export', prepare: clean, command: exported },
    { name: 'ferry export, no fsync', prepare: clean, command: `${exported} --no-fsync` },
    {
      name: 'floor: curl in parallel, then openssl dgst',
      prepare: clean,
      command: `xargs -P ${NETWORK_JOBS} -n 2 curl -sS -o <blobs && find out -type f -print0 | xargs -0 -P ${availableParallelism()} -n 8 openssl dgst -sha256 >/dev/null`,
    },
    {
      name: 'skopeo to an OCI layout, then tar',
      prepare: clean,
      command: `${skopeo} && tar -cf out.tar -C out/layout .`,
    },
    {
      name: 'crane pull --format=oci (no file, no signature)',
      prepare: clean,
      command: `${quote(peer('crane'))} pull --insecure --format=oci ${names.join(' ')} out/layout`,
    },
    ...others(names),
  ]
  const costs = await compete(contestants, { folder, rounds: bench.rounds })
  return formatTable(costs, { title: 'Export', against: 'ferry export, no fsync', contentBytes: bytes })
}

/** zarf and hauler are in no package registry; they take part where they are installed. */
function others(names: readonly string[]): Contestant[] {
  const found = ['zarf', 'hauler'].filter((tool) => {
    try {
      execFileSync('which', [tool], { stdio: 'ignore' })
      return true
    } catch {
      console.error(`bench: ${tool} is not on this machine's PATH, so it is not in the table`)
      return false
    }
  })
  const contestants: Contestant[] = []
  if (found.includes('zarf')) {
    const zarf = `kind: ZarfPackageConfig\nmetadata: {name: bench, version: 1.0.0, architecture: amd64}\ncomponents: [{name: images, required: true, images: [${names.join(', ')}]}]\n`
    contestants.push({
      name: 'zarf package create',
      prepare: `rm -rf out; mkdir out; printf %s ${quote(zarf)} >out/zarf.yaml`,
      command: 'zarf package create out --confirm --plain-http --skip-sbom --output out --zarf-cache out/cache',
    })
  }
  if (found.includes('hauler'))
    contestants.push({
      name: 'hauler store add, save',
      prepare: 'rm -rf out; mkdir out',
      command: `${names.map((name) => `hauler store add image ${name} --store out/store`).join(' && ')} && hauler store save --store out/store --filename out/haul.tar.zst`,
    })
  return contestants
}

/** `out/<hex> <url>` of every blob of the bundle, each once. */
function blobUrls({ images, registry: from }: Bench): string[] {
  const urls = new Map<string, string>()
  for (const image of images)
    for (const digest of Object.values(image.blobs).flat())
      urls.set(digest, `${from.url}/v2/${image.repository}/blobs/${digest}`)
  return [...urls].map(([digest, url]) => `out/${digest.slice(7)} ${url}`)
}

async function benchVerify(bench: Bench): Promise<string> {
  const ferry = `${FERRY} verify bundle.tar --pub vendor.pub`
  const openssl = 'openssl dgst -sha256 bundle.tar'
  const costs = await compete(
    [
      { name: 'openssl dgst -sha256, one core', command: `taskset -c 0 ${openssl}` },
      { name: 'ferry verify, one core', command: `taskset -c 0 ${ferry}` },
      { name: 'ferry verify, two cores', command: `taskset -c 0,1 ${ferry}` },
    ],
    { folder, rounds: bench.rounds },
  )
  return formatTable(costs, { title: 'Verify', against: 'openssl dgst -sha256, one core' })
}

async function benchPush(bench: Bench): Promise<string> {
  const target = await startEmpty()
  try {
    const skopeo = quote(peer('skopeo'))
    const crane = quote(peer('crane'))
    // The same content as layouts for the others, made once, unmeasured.
    const layouts = bench.images.map((image, i) => {
      const from = `${bench.registry.host}/${image.repository}:${image.tag}`
      return { from: `layouts/${i}`, ref: `${target.host}/other/${image.repository}:${image.tag}`, source: from }
    })
    await runShell('rm -rf out layouts; mkdir layouts', folder)
    for (const { from, source } of layouts)
      await runShell(
        `${skopeo} copy -q --all --src-tls-verify=false docker://${source} oci:layouts/all:${from.slice(8)}; ${crane} pull --insecure --format=oci ${source} ${from}`,
        folder,
      )
    const empty = `rm -rf ${quote(join(target.folder, 'data/docker'))}`
    const contestants: Contestant[] = [
      {
        name: 'ferry push',
        prepare: empty,
        command: `${FERRY} push bundle.tar --pub vendor.pub --to ${target.host} --plain-http`,
      },
      {
        name: 'skopeo copy, image by image',
        prepare: empty,
        command: layouts
          .map(
            ({ from, ref }) =>
              `${skopeo} copy -q --all --dest-tls-verify=false oci:layouts/all:${from.slice(8)} docker://${ref}`,
          )
          .join(' && '),
      },
      {
        name: 'crane push, image by image',
        prepare: empty,
        command: layouts.map(({ from, ref }) => `${crane} push --insecure ${from} ${ref}`).join(' && '),
      },
      {
        name: 'ferry push, everything there',
        command: `${FERRY} push bundle.tar --pub vendor.pub --to ${target.host} --plain-http`,
        prepare: `${empty}; ${FERRY} push bundle.tar --pub vendor.pub --to ${target.host} --plain-http`,
      },
    ]
    return formatTable(await compete(contestants, { folder, rounds: bench.rounds }), {
      title: 'Push',
      against: 'skopeo copy, image by image',
    })
  } finally {
    await target.stop()
  }
}

/** A target that is emptied between rounds by removing its files: it must not remember what it had. */
function startEmpty(): Promise<RunningRegistry> {
  return startRegistry({ parent: folder, env: { REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: '' } })
}

/** Peak memory at two sizes a factor of four apart: it must not grow with the bundle. */
async function benchMemory(bench: Bench, from: RunningRegistry): Promise<string> {
  const small = await prepare(mib / 4, from, 'quarter')
  const target = await startEmpty()
  const push = (file: string): Contestant['command'] =>
    `${FERRY} push ${file} --pub vendor.pub --to ${target.host} --plain-http`
  try {
    const runs = (name: string, file: string, yaml: string): Contestant[] => [
      {
        name: `export ${name}`,
        prepare: 'rm -f out.tar*',
        command: `${FERRY} export ${quote(yaml)} --frozen --key vendor.key --out out.tar`,
      },
      { name: `verify ${name}`, command: `${FERRY} verify ${file} --pub vendor.pub` },
      { name: `push ${name}`, prepare: `rm -rf ${quote(join(target.folder, 'data/docker'))}`, command: push(file) },
    ]
    const costs = await compete(
      [
        ...runs(`${mib / 4} MiB`, 'quarter.tar', small.bundleYaml),
        ...runs(`${mib} MiB`, 'bundle.tar', bench.bundleYaml),
      ],
      { folder, rounds: Math.min(bench.rounds, 3) },
    )
    return formatTable(costs, { title: 'Memory at two sizes', against: `export ${mib / 4} MiB` })
  } finally {
    await target.stop()
  }
}

function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor'
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
  return `${availableParallelism()} × ${model}, ${Math.round(totalmem() / 1e9)} GB memory, Linux ${kernel}, Node ${process.versions.node}`
}
