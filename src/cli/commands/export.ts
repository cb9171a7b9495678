import { resolve } from 'node:path'
import type { Problem } from '../../errors.ts'
import type { Arguments, Command, Env } from '../command.ts'
import { openSigners } from '../open-signers.ts'
import { openSources } from '../open-sources.ts'
import { concurrencyProblems, parseConcurrency, parseEpoch } from '../parse-values.ts'
import { readBundleFiles } from '../read-bundle-file.ts'
import { keyText } from '../read-keys.ts'
import { formatBytes, formatCount } from '../render/format.ts'

export const exportCommand: Command = {
  name: 'export',
  description:
    'Downloads everything BUNDLE.yaml names and writes it into one signed file. Locks first what is not locked yet. Stopped at any moment and run again, it goes on where it stopped.',
  usage: 'BUNDLE.yaml --key FILE --out FILE.tar [options]',
  positionals: [{ name: 'BUNDLE.yaml', help: 'What the bundle shall carry.' }],
  options: {
    key: { type: 'string', value: 'FILE', multiple: true, help: 'The private key to sign with.' },
    'passphrase-file': {
      type: 'string',
      value: 'FILE',
      help: 'The passphrase of the key, in a file (- is standard input). Default: it is asked for.',
    },
    'signer-cmd': {
      type: 'string',
      value: 'COMMAND',
      help: 'Instead of --key: a program, such as one in front of an HSM, that reads bytes on standard input and writes their ECDSA P-256 signature (DER, or 64 bytes r||s) to standard output.',
    },
    'signer-pub': { type: 'string', value: 'FILE', help: 'The public key that --signer-cmd signs for.' },
    out: { type: 'string', value: 'FILE.tar', required: true, help: 'The bundle to write.' },
    frozen: { type: 'boolean', help: 'Fail unless the lock matches BUNDLE.yaml exactly; resolve nothing.' },
    force: { type: 'boolean', help: 'Replace an existing --out.' },
    concurrency: { type: 'string', value: 'N', help: 'Downloads at once, 1 to 64. Default: 8.' },
    'no-fsync': {
      type: 'boolean',
      help: 'Do not wait for the disk at the end. For benchmarks: a power failure may then leave a broken file.',
    },
  },
  examples: [
    'ferry export bundle.yaml --key keys/vendor.key --out platform-1.4.0.tar',
    'ferry export bundle.yaml --signer-cmd "hsm-sign --label vendor" \\\n      --signer-pub vendor.pub --out platform-1.4.0.tar --frozen',
  ],
  notes: [
    'SOURCE_DATE_EPOCH in the environment (seconds) fixes the time of issue: the same lock then gives the same bytes, signatures apart.',
    "Registry credentials come from docker's config.json, proxies from HTTP_PROXY, HTTPS_PROXY and NO_PROXY.",
  ],
  interrupted: (args) =>
    `What is complete is kept in ${args.need('out')}.partial; the same command goes on from there.`,
  check: problemsOf,
  async run(args, context) {
    const { ports, emit, signal, env } = context
    const [path = ''] = args.positionals
    const concurrency = parseConcurrency(args.value('concurrency'))
    const issuedAt = parseEpoch(env['SOURCE_DATE_EPOCH'])
    const out = args.need('out')
    const { definition, lock: existing, lockPath, lockText } = await readBundleFiles(path, ports)
    const outputs = await ports.loadOutputs()
    await outputs.check(out, { force: args.has('force') })
    const signers = await openSigners(args, context)
    const [{ lockBundle }, { exportBundle }, { formatLock }] = await Promise.all([
      import('../../app/lock.ts'),
      import('../../app/export.ts'),
      import('../../config/lock-file.ts'),
    ])
    const sources = await openSources(definition, context, 'download')
    try {
      const { lock } = await lockBundle(
        { definition, update: false, frozen: args.has('frozen'), ...(existing && { existing }) },
        { ...sources, files: ports.files, clock: ports.clock, emit, signal },
      )
      const text = formatLock(lock)
      if (text !== lockText && !args.has('frozen')) {
        await ports.replaceTextFile(lockPath, text)
        emit({ type: 'note', label: 'written', text: lockPath })
      }
      const blobThreads = await ports.loadBlobThreads()
      const result = await exportBundle(
        {
          definition,
          lock,
          signers,
          out,
          force: args.has('force'),
          sync: !args.has('no-fsync'),
          ...(concurrency !== undefined && { concurrency }),
          ...(issuedAt !== undefined && { issuedAt }),
        },
        {
          ...sources,
          files: ports.files,
          clock: ports.clock,
          outputs,
          hasher: await ports.loadHasher(),
          startBlobThread: (partial) => blobThreads.start(partial, sources.settings),
          threads: blobThreads.threads,
          locate: (relative) => resolve(definition.folder, relative),
          emit,
          signal,
        },
      )
      const names = signers.map(({ publicKey }) => keyText(publicKey)).join(', ')
      emit({
        type: 'note',
        label: 'written',
        text: `${out} · ${formatBytes(result.bytes)} · ${formatCount(result.blobs, 'blob')}`,
      })
      emit({ type: 'note', label: 'signed', text: `${names} · sequence ${result.sequence}` })
      const [key] = args.values('key')
      const pub = args.value('signer-pub') ?? key?.replace(/(\.key)?$/, '.pub') ?? ''
      return { json: { ...result, lock: lockPath }, next: [`ferry verify ${out} --pub ${pub}`] }
    } finally {
      await sources.close()
    }
  },
}

function problemsOf(args: Arguments, env: Env): Problem[] {
  const problems: Problem[] = []
  const command = args.has('signer-cmd')
  if (!args.has('key') && !command)
    problems.push({
      message: '--key FILE is missing',
      hint: 'The private key to sign with; or give --signer-cmd and --signer-pub.',
    })
  if (command && !args.has('signer-pub'))
    problems.push({ message: '--signer-pub FILE is missing', hint: 'The public key that --signer-cmd signs for.' })
  if (!command && args.has('signer-pub')) problems.push({ message: '--signer-pub is given without --signer-cmd' })
  if (Number.isNaN(parseEpoch(env['SOURCE_DATE_EPOCH'])))
    problems.push({ message: 'SOURCE_DATE_EPOCH in the environment is not a number of seconds' })
  return [...problems, ...concurrencyProblems(args.value('concurrency'))]
}
