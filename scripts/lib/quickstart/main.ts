import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { makeChart } from '../../../test/peers/chart.ts'
import { buildImages, type BuiltImage } from '../../../test/peers/content.ts'
import { peer, runOrThrow, type PeerName } from '../../../test/peers/peer.ts'
import { startRegistry, type RunningRegistry } from '../../../test/peers/registry.ts'
import { startService, type Service } from '../../../test/peers/service.ts'
import { formatSeconds, quoted, startTranscript } from './transcript.ts'
import { prepareFolder } from './workspace.ts'

/** scripts/quickstart after the installs. Everything happens in the folder that is its argument. */

const ROOT = resolve(import.meta.dirname, '../../..')
const FERRY = join(ROOT, 'scripts/ferry')
const BUNDLE = 'quickstart-1.0.0.tar'
const PUB = 'keys/vendor.pub'
const CONTENT_BYTES = 24 * 1024 * 1024
const CHART = { name: 'webapp', version: '1.2.3' }

const folder = resolve(process.argv[2] ?? '')
const { say, step, run, show, done, stop } = startTranscript(8)
const ferry = (...args: string[]): Promise<void> => run({ name: 'ferry', args, path: FERRY })
const client = (name: PeerName, ...args: string[]): Promise<void> =>
  run({ name, args, path: peer(name), env: HELM_HOME })
/** The user's own helm settings have no part in this. */
const HELM_HOME = Object.fromEntries(
  ['CACHE', 'CONFIG', 'DATA'].map((kind) => [`HELM_${kind}_HOME`, join(folder, 'pulled/.helm')]),
)

let registry: RunningRegistry | undefined
let serving: Service | undefined
async function endServers(): Promise<void> {
  await Promise.all([serving?.stop(), registry?.stop()])
}

const stopped = new AbortController()
for (const [name, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const)
  process.on(name, () => {
    // The second one waits for nothing; services never outlive this process.
    if (stopped.signal.aborted) process.exit(128 + number)
    stopped.abort()
    stop()
    void endServers().finally(() => {
      console.error(`\nquickstart: stopped. Its servers are ended, its files are in ${folder}`)
      process.exit(128 + number)
    })
  })

try {
  await quickstart()
} catch (error) {
  if (!stopped.signal.aborted) console.error(`\nquickstart: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  await endServers()
}

async function quickstart(): Promise<void> {
  const cleaned = prepareFolder(folder)
  say(`\nEverything happens in ${folder}${cleaned ? ', where the files of the last run were taken away' : ''}.`)
  say('From here on these are the commands you would type yourself:\n')
  show('cd', [folder])
  show('alias', [`ferry=${FERRY}`])
  process.chdir(folder)

  const upstream = await step('A registry with six images, as the upstream', fillRegistry)
  await step('bundle.yaml: what the delivery carries', () => writeBundle(upstream))
  await step('A key pair to sign with', () => ferry('keygen', '--out', 'keys/vendor', '--no-passphrase'))
  await step('Lock: every tag becomes a digest', () => ferry('lock', 'bundle.yaml'))
  await step('Export: everything into one signed file', () =>
    ferry('export', 'bundle.yaml', '--key', 'keys/vendor.key', '--out', BUNDLE, '--frozen'),
  )
  await registry?.stop()
  registry = undefined
  say('\nThe registry is ended now: whatever follows comes out of the file alone, as behind an air gap.')
  await step('Verify: the signature, then every byte', () => ferry('verify', BUNDLE, '--pub', PUB))
  await step('Look into it', () => ferry('inspect', BUNDLE, '--pub', PUB))
  await step('Serve it, and pull an image and a chart with skopeo and helm', () => serveAndPull(upstream))
  summarise(upstream)
}

interface Upstream {
  readonly host: string
  readonly images: readonly BuiltImage[]
}

async function fillRegistry(): Promise<Upstream> {
  registry = await startRegistry({ parent: folder })
  const { host, url } = registry
  const images = await buildImages(url, { totalBytes: CONTENT_BYTES, images: 6, seed: 'quickstart' })
  say(`docker-registry runs at ${host} and holds made-up images for three platforms:`)
  for (const { repository, tag } of images) say(`  ${host}/${repository}:${tag}`)
  return { host, images }
}

async function writeBundle({ host, images }: Upstream): Promise<void> {
  await makeChart('charts', { ...CHART, images: [nameOf(host, chosen(images))] })
  writeFileSync('handbook.txt', 'Install the chart webapp first, then call us.\n')
  const lines = images.map((image) =>
    image.kind === 'single'
      ? `    - {ref: "${nameOf(host, image)}", platforms: [linux/amd64]}`
      : `    - ${nameOf(host, image)}`,
  )
  writeFileSync(
    'bundle.yaml',
    `# yaml-language-server: $schema=${join(ROOT, 'schemas/bundle.schema.json')}
apiVersion: ferry.dev/v1
kind: Bundle
metadata: {name: quickstart, version: 1.0.0}
spec:
  platforms: [linux/amd64, linux/arm64]
  registries:
    "${host}": {plainHttp: true}
  images:
${lines.join('\n')}
  charts:
    - {path: ./charts/${CHART.name}}
  files:
    - {name: handbook, path: ./handbook.txt}
`,
  )
  show('cat', ['bundle.yaml'])
  say(readFileSync('bundle.yaml', 'utf8').trimEnd())
}

async function serveAndPull({ host, images }: Upstream): Promise<void> {
  const image = chosen(images)
  mkdirSync('pulled')
  const args = ['serve', BUNDLE, '--pub', PUB, '--listen', '127.0.0.1:0']
  show('ferry', args, ' &')
  const logFile = join(folder, 'pulled/serve.log')
  const { service, answer: site } = await startService(FERRY, args, {
    logFile,
    ready: (log) => /http:\/\/(127\.0\.0\.1:\d+)/.exec(log)?.[1],
  })
  serving = service
  say(service.log().trimEnd())

  // The upstream's name is the path; the `:` of its port cannot stand in one.
  const name = `${site}/${nameOf(host.replace(':', '_'), image)}`
  await client('skopeo', 'copy', '--src-tls-verify=false', `docker://${name}`, 'oci-archive:pulled/api.tar')
  const digest = ['inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${name}`]
  show('skopeo', digest)
  const found = (await runOrThrow(peer('skopeo'), digest)).trim()
  say(found)
  if (found !== image.digest) throw new Error(`the registry had ${image.digest}, the bundle gives ${found}`)
  say('   the digest it has upstream')
  await client(
    'helm',
    'pull',
    `oci://${site}/charts/${CHART.name}`,
    '--version',
    CHART.version,
    '--plain-http',
    '-d',
    'pulled',
  )
  await client('helm', 'template', 'shop', `pulled/${CHART.name}-${CHART.version}.tgz`)
  await service.stop()
  serving = undefined
}

function summarise({ images }: Upstream): void {
  const width = Math.max(...done.map(({ title }) => title.length))
  const total = done.reduce((sum, { seconds }) => sum + seconds, 0)
  say(`\n== What happened\n`)
  for (const [i, { title, seconds }] of done.entries())
    say(`  ${i + 1}  ${title.padEnd(width)}  ${formatSeconds(seconds).padStart(7)}`)
  say(`     ${'all of it, without the installs'.padEnd(width)}  ${formatSeconds(total).padStart(7)}`)
  say(`
${images.length} images, a chart and a file went from a registry into one signed file. With the
registry gone, its signature and every byte were checked, and skopeo and helm
pulled from it, the image under the digest it has upstream. Nothing runs any more.

  ${folder}
    bundle.yaml, bundle.lock.yaml   what was wanted, and what that was
    ${BUNDLE.padEnd(32)}the bundle
    keys/                           not encrypted: for trying only
    pulled/                         what skopeo and helm got

== What to run next

  cd ${quoted(folder)}
  alias ferry=${quoted(FERRY)}

It is a plain tar, a registry, or what fills yours:

  tar -tf ${BUNDLE}
  ferry serve ${BUNDLE} --pub ${PUB} --listen 127.0.0.1:5000
  ferry push ${BUNDLE} --pub ${PUB} --to REGISTRY

With a way to the internet, the same with real images and a chart:

  ferry export ${quoted(join(ROOT, 'bundles/quickstart/bundle.yaml'))} \\
    --key keys/vendor.key --out podinfo-1.0.0.tar

To check a bundle with openssl alone: docs/security.md.
To write a bundle.yaml of your own: docs/bundle-yaml.md.`)
}

/** The image that is pulled and that the chart runs. */
function chosen(images: readonly BuiltImage[]): BuiltImage {
  const [first] = images
  if (!first) throw new Error('no image was built')
  return first
}

function nameOf(host: string, { repository, tag }: BuiltImage): string {
  return `${host}/${repository}:${tag}`
}
