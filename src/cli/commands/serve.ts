import { FerryError, type Problem } from '../../errors.ts'
import type { TlsIdentity } from '../../oci/served.ts'
import type { Arguments, Command } from '../command.ts'
import { parseListen } from '../parse-values.ts'
import type { Ports } from '../ports.ts'
import { keyText, readPublicKeys } from '../read-keys.ts'
import { readText } from '../read-text.ts'
import { formatCount } from '../render/format.ts'

export const serveCommand: Command = {
  name: 'serve',
  description:
    'Serves a bundle as a read-only OCI registry, straight out of the file: ready at once, whatever its size. Every blob is verified as it is first read. Ctrl-C ends it.',
  usage: 'FILE.tar --pub FILE --listen HOST:PORT [options]',
  positionals: [{ name: 'FILE.tar', help: 'The bundle.' }],
  options: {
    pub: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      required: true,
      help: "The vendor's public key. The bundle must be signed by one of those given.",
    },
    listen: {
      type: 'string',
      value: 'HOST:PORT',
      required: true,
      help: 'Where to listen: an address of this machine, 0.0.0.0 for all, IPv6 in brackets; port 0 for any free one.',
    },
    cert: { type: 'string', value: 'FILE', help: 'Serve HTTPS with this certificate chain (PEM). Default: HTTP.' },
    'cert-key': { type: 'string', value: 'FILE', help: 'The private key of --cert (PEM, not encrypted).' },
  },
  examples: [
    'ferry serve platform-1.4.0.tar --pub vendor.pub --listen 127.0.0.1:5000',
    'ferry serve platform-1.4.0.tar --pub vendor.pub --listen "[::]:443" \\\n      --cert site.crt --cert-key site.key',
  ],
  notes: [
    'Names: registry.k8s.io/pause:3.10 is /v2/registry.k8s.io/pause, or /v2/pause with ?ns=registry.k8s.io as containerd asks. Files: GET /files/NAME?platform=linux/amd64.',
    'Ended with Ctrl-C or SIGTERM, it lets what is under way finish for 5 s and exits with 0.',
  ],
  interrupted: () => 'Nothing was changed.',
  check: problemsOf,
  async run(args, { ports, emit, signal }) {
    const [path = ''] = args.positionals
    const listen = parseListen(args.need('listen'))
    if (!listen) throw new FerryError('internal', '--listen was not checked')
    const trustedKeys = await readPublicKeys(args.values('pub'), ports)
    const tls = await readIdentity(args, ports)
    const [{ openBundle }, { serveBundle }] = await Promise.all([
      import('../../bundle/open-bundle.ts'),
      import('../../app/serve.ts'),
    ])
    const file = await ports.files.open(path)
    try {
      const bundle = await openBundle(file, { trustedKeys, now: new Date(ports.clock.now()) })
      const { product, version, sequence } = bundle.statement.predicate
      emit({
        type: 'note',
        label: 'bundle',
        text: [
          `${product} ${version}`,
          `sequence ${sequence}`,
          formatCount(bundle.catalog.entries.length, 'name'),
        ].join(' · '),
      })
      emit({ type: 'note', label: 'signed by', text: bundle.signedBy.map(keyText).join(', ') })
      const startServer = await ports.loadServer()
      const serving = await serveBundle(
        { bundles: [bundle], listen, ...(tls && { tls }) },
        { startServer, emit, signal },
      )
      await serving.closed
      return { json: { file: path, url: serving.url } }
    } finally {
      await file.close()
    }
  },
}

function problemsOf(args: Arguments): Problem[] {
  const problems: Problem[] = []
  const text = args.value('listen')
  if (text !== undefined && text !== '' && !parseListen(text))
    problems.push({
      message: `--listen ${text}: not HOST:PORT`,
      hint: 'Examples: 127.0.0.1:5000, 0.0.0.0:443, "[::1]:5000".',
    })
  if (args.has('cert') !== args.has('cert-key'))
    problems.push({
      message: `--${args.has('cert') ? 'cert-key' : 'cert'} FILE is missing`,
      hint: 'HTTPS needs both --cert and --cert-key.',
    })
  return problems
}

async function readIdentity(args: Arguments, ports: Ports): Promise<TlsIdentity | undefined> {
  const cert = args.value('cert')
  const key = args.value('cert-key')
  if (cert === undefined || key === undefined) return undefined
  return { cert: await readText(cert, ports), key: await readText(key, ports) }
}
