import { needsPassphrase, parsePrivateKey } from '../trust/key.ts'
import type { Signer } from '../trust/signer.ts'
import type { Arguments, CommandContext } from './command.ts'
import { withPassphrase } from './passphrase.ts'
import { readPublicKeys } from './read-keys.ts'
import { readText } from './read-text.ts'

/** Everything that signs an export: private keys from `--key`, and the program of `--signer-cmd`. */
export async function openSigners(args: Arguments, { ports, signal, emit }: CommandContext): Promise<Signer[]> {
  const file = args.value('passphrase-file')
  const say = (message: string): void => emit({ type: 'warning', message })
  const signers: Signer[] = []
  for (const path of args.values('key')) {
    const pem = await readText(path, ports)
    signers.push(
      needsPassphrase(pem)
        ? await withPassphrase(path, { file, ports, say, use: (passphrase) => parsePrivateKey(pem, path, passphrase) })
        : parsePrivateKey(pem, path),
    )
  }
  const command = args.value('signer-cmd')
  const declared = args.value('signer-pub')
  if (command !== undefined && declared !== undefined) {
    const [publicKey] = await readPublicKeys([declared], ports)
    if (publicKey) signers.push(await ports.loadCommandSigner(command, { publicKey, signal }))
  }
  return signers
}
