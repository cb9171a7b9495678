import type { Command } from '../command.ts'
import { openSources } from '../open-sources.ts'
import { readBundleFiles } from '../read-bundle-file.ts'

export const lockCommand: Command = {
  name: 'lock',
  description:
    'Writes bundle.lock.yaml beside BUNDLE.yaml: every tag, version and URL as digest and size. What is locked stays as it is; new entries are resolved, entries that are gone are dropped. Keep the lock in version control.',
  usage: 'BUNDLE.yaml [--update]',
  positionals: [{ name: 'BUNDLE.yaml', help: 'What the bundle shall carry.' }],
  options: {
    update: {
      type: 'boolean',
      help: 'Ask again what every tag, version and URL stands for. Default: only what is new.',
    },
  },
  examples: ['ferry lock bundles/platform/bundle.yaml', 'ferry lock bundles/platform/bundle.yaml --update'],
  notes: ["Registry credentials come from docker's config.json, proxies from HTTP_PROXY, HTTPS_PROXY and NO_PROXY."],
  interrupted: () => 'The lock is as it was.',
  async run(args, context) {
    const { ports, emit, signal } = context
    const [path = ''] = args.positionals
    const { definition, lock: existing, lockPath, lockText } = await readBundleFiles(path, ports)
    const { lockBundle } = await import('../../app/lock.ts')
    const { formatLock } = await import('../../config/lock-file.ts')
    const sources = await openSources(definition, context, 'lock')
    try {
      const { lock, changes } = await lockBundle(
        { definition, update: args.has('update'), ...(existing && { existing }) },
        { ...sources, files: ports.files, clock: ports.clock, emit, signal },
      )
      const text = formatLock(lock)
      const written = text !== lockText
      if (written) await ports.replaceTextFile(lockPath, text)
      emit({ type: 'note', label: written ? 'written' : 'unchanged', text: lockPath })
      return { json: { lock: lockPath, written, ...changes }, text: changeLines(changes).join('\n') }
    } finally {
      await sources.close()
    }
  },
}

function changeLines(changes: {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly updated: readonly string[]
}): string[] {
  return [
    ...changes.added.map((name) => `+ ${name}`),
    ...changes.updated.map((name) => `~ ${name}`),
    ...changes.removed.map((name) => `- ${name}`),
  ]
}
