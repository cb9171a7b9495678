import { fingerprintText } from '../../trust/key.ts'
import type { Command } from '../command.ts'
import { askNewPassphrase, readPassphraseFile } from '../passphrase.ts'

export const keygenCommand: Command = {
  name: 'keygen',
  description:
    'Makes a key pair (ECDSA P-256): NAME.key signs and stays with you, NAME.pub goes to whoever receives bundles. Prints the fingerprint that both sides compare.',
  usage: '--out DIR/NAME [--passphrase-file FILE | --no-passphrase]',
  positionals: [],
  options: {
    out: {
      type: 'string',
      value: 'DIR/NAME',
      required: true,
      help: 'Where to: writes DIR/NAME.key and DIR/NAME.pub, never over existing ones.',
    },
    'passphrase-file': {
      type: 'string',
      value: 'FILE',
      help: 'Encrypt the private key with the passphrase in this file (- is standard input). Default: it is asked for.',
    },
    'no-passphrase': { type: 'boolean', help: 'Do not encrypt the private key.' },
  },
  examples: ['ferry keygen --out keys/vendor', 'ferry keygen --out keys/ci --passphrase-file secret.txt'],
  notes: ['openssl and cosign read both files; docs/security.md has the commands.'],
  interrupted: () => 'No key was written.',
  check: (args) =>
    args.has('passphrase-file') && args.has('no-passphrase')
      ? [{ message: '--passphrase-file and --no-passphrase exclude each other' }]
      : [],
  async run(args, { ports, emit }) {
    const out = args.need('out')
    const file = args.value('passphrase-file')
    const { makeKeyPair, refuseExistingPair } = await import('../../app/keygen.ts')
    await refuseExistingPair(out)
    const passphrase = args.has('no-passphrase')
      ? undefined
      : file === undefined
        ? await askNewPassphrase(`${out}.key`, ports, (message) => emit({ type: 'warning', message }))
        : await readPassphraseFile(file, ports)
    const { privateKeyPath, publicKeyPath, publicKey, encrypted } = await makeKeyPair({ out, passphrase })
    return {
      json: { privateKey: privateKeyPath, publicKey: publicKeyPath, fingerprint: publicKey.kid, encrypted },
      text: [
        `private key  ${privateKeyPath}  (${encrypted ? 'encrypted' : 'NOT ENCRYPTED'}; keep it to yourself)`,
        `public key   ${publicKeyPath}  (give it to whoever receives your bundles)`,
        `fingerprint  ${fingerprintText(publicKey.kid.slice(0, 32), 'full')}`,
        `             ${fingerprintText(publicKey.kid.slice(32), 'full')}`,
      ].join('\n'),
      next: [`ferry export bundle.yaml --key ${privateKeyPath} --out FILE.tar`],
    }
  },
}
