import type { Command } from '../command.ts'
import { keyJson, readPublicKeys } from '../read-keys.ts'

export const inspectCommand: Command = {
  name: 'inspect',
  description:
    'Shows what a bundle carries: images with their platforms, charts, files, what is attached, sizes and what is shared. Reads only the head of the file, whatever its size. Without --pub it says NOT VERIFIED.',
  usage: 'FILE.tar [--pub FILE] [--json]',
  positionals: [{ name: 'FILE.tar', help: 'The bundle.' }],
  options: {
    pub: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      help: "The vendor's public key. Default: the signature is not checked.",
    },
  },
  examples: ['ferry inspect platform-1.4.0.tar --pub vendor.pub', 'ferry inspect platform-1.4.0.tar --json'],
  notes: ['With --pub the signature and all manifests are checked; ferry verify checks every byte.'],
  interrupted: () => 'Nothing was changed.',
  async run(args, { ports }) {
    const [path = ''] = args.positionals
    const trustedKeys = await readPublicKeys(args.values('pub'), ports)
    const { inspectBundle } = await import('../../app/inspect.ts')
    const { inspectText } = await import('../render/inspect-text.ts')
    const file = await ports.files.open(path)
    try {
      const now = new Date(ports.clock.now())
      const report = await inspectBundle(file, trustedKeys.length === 0 ? 'unverified' : { trustedKeys, now })
      return {
        json: { file: path, ...report, signedBy: report.signedBy.map(keyJson) },
        text: inspectText(report, path),
      }
    } finally {
      await file.close()
    }
  },
}
