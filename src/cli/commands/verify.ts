import type { Command } from '../command.ts'
import { keyJson, keyText, readPublicKeys } from '../read-keys.ts'
import { labelledLine } from '../render/labelled-line.ts'
import { formatBytes, formatCount, formatDuration } from '../render/format.ts'
import { fingerprintText } from '../../trust/key.ts'

export const verifyCommand: Command = {
  name: 'verify',
  description:
    'Checks that a bundle was signed by one of the given keys and that every byte of the file is what was signed. Needs no network. Exit code 0 only if all of it holds.',
  usage: 'FILE.tar --pub FILE [--pub FILE]',
  positionals: [{ name: 'FILE.tar', help: 'The bundle.' }],
  options: {
    pub: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      required: true,
      help: "The vendor's public key. The bundle must be signed by one of those given.",
    },
  },
  examples: ['ferry verify platform-1.4.0.tar --pub vendor.pub'],
  notes: ['docs/security.md has the commands that check the same with openssl and cosign alone.'],
  interrupted: () => 'The bundle has not been checked to its end.',
  async run(args, { ports, emit, signal }) {
    const [path = ''] = args.positionals
    const trustedKeys = await readPublicKeys(args.values('pub'), ports)
    const { verifyBundle } = await import('../../app/verify.ts')
    const file = await ports.files.open(path)
    try {
      const now = new Date(ports.clock.now())
      const hasher = await ports.loadHasher()
      const report = await verifyBundle(file, { trustedKeys, now }, { hasher, clock: ports.clock, emit, signal })
      const { signedBy, unknownKeys, notAfter } = report
      return {
        json: { file: path, verified: true, ...report, signedBy: signedBy.map(keyJson) },
        text: [
          `${path}: verified`,
          labelledLine('release', `${report.product} ${report.version}`),
          labelledLine('', `channel ${report.channel} · sequence ${report.sequence} · issued ${report.issuedAt}`),
          ...(notAfter === null ? [] : [labelledLine('valid until', notAfter)]),
          ...signedBy.map((key) => labelledLine('signed by', keyText(key))),
          ...unknownKeys.map((kid) =>
            labelledLine('and by', `${fingerprintText(kid)}, which was not given with --pub`),
          ),
          labelledLine(
            'checked',
            `${formatBytes(report.bytes)}, ${formatCount(report.entries, 'entry', 'entries')} in ${formatDuration(report.milliseconds)}`,
          ),
        ].join('\n'),
      }
    } finally {
      await file.close()
    }
  },
}
