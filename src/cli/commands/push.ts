import type { Command } from '../command.ts'
import { concurrencyProblems, parseConcurrency } from '../parse-values.ts'
import { readPublicKeys } from '../read-keys.ts'
import { readText } from '../read-text.ts'
import { formatBytes } from '../render/format.ts'

export const pushCommand: Command = {
  name: 'push',
  description:
    'Fills any OCI registry from a bundle, without unpacking it. Everything is verified on the way; what the registry has already is not sent again. Stopped at any moment and run again, it goes on where it stopped.',
  usage: 'FILE.tar --pub FILE --to REGISTRY[/PREFIX] [options]',
  positionals: [{ name: 'FILE.tar', help: 'The bundle.' }],
  options: {
    pub: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      required: true,
      help: "The vendor's public key. The bundle must be signed by one of those given.",
    },
    to: {
      type: 'string',
      value: 'REGISTRY[/PREFIX]',
      required: true,
      help: 'The registry, with port if it has one, and the path below which everything goes. registry.k8s.io/pause:3.10 becomes REGISTRY/PREFIX/registry.k8s.io/pause:3.10.',
    },
    'plain-http': { type: 'boolean', help: 'Speak HTTP without TLS. Default: HTTPS.' },
    ca: {
      type: 'string',
      value: 'FILE',
      help: "Certificate authorities (PEM) to trust besides the system's.",
    },
    concurrency: { type: 'string', value: 'N', help: 'Uploads at once, 1 to 64. Default: 8.' },
  },
  examples: [
    'ferry push platform-1.4.0.tar --pub vendor.pub --to registry.site.example',
    'ferry push platform-1.4.0.tar --pub vendor.pub \\\n      --to 127.0.0.1:5000/mirror --plain-http',
  ],
  notes: ["Credentials come from docker's config.json, proxies from HTTPS_PROXY and NO_PROXY."],
  interrupted: () => 'What the registry has, it keeps; the same command sends only the rest.',
  check: (args) => concurrencyProblems(args.value('concurrency')),
  async run(args, { ports, emit, signal }) {
    const [path = ''] = args.positionals
    const concurrency = parseConcurrency(args.value('concurrency'))
    const { parsePushTarget } = await import('../../app/push-target.ts')
    const to = parsePushTarget(args.need('to'))
    const trustedKeys = await readPublicKeys(args.values('pub'), ports)
    const caPath = args.value('ca')
    const settings = {
      plainHttp: args.has('plain-http'),
      ...(caPath !== undefined && { ca: await readText(caPath, ports) }),
    }
    const [{ openBundle }, { pushBundle }] = await Promise.all([
      import('../../bundle/open-bundle.ts'),
      import('../../app/push.ts'),
    ])
    const file = await ports.files.open(path)
    try {
      const bundle = await openBundle(file, { trustedKeys, now: new Date(ports.clock.now()) })
      const network = await ports.loadNetwork({
        settingsOf: (host) => (host === to.host ? settings : {}),
        onRetry: (host, notice) => emit({ type: 'retry', task: 'push', item: host, ...notice }),
      })
      try {
        const registry = network.registries.registry(to.host)
        const request = { bundle, to, ...(concurrency !== undefined && { concurrency }) }
        const summary = await pushBundle(request, { registry, emit, signal })
        const { product, version } = bundle.statement.predicate
        const moved = `${formatBytes(summary.bytesUploaded)} sent, ${formatBytes(summary.bytesPresent)} there already`
        return {
          json: { file: path, ...summary },
          text: `${summary.target} holds ${product} ${version}\n  ${moved}`,
        }
      } finally {
        await network.close()
      }
    } finally {
      await file.close()
    }
  },
}
