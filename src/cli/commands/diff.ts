import type { ReleaseContent } from '../../app/diff.ts'
import type { Command, CommandContext } from '../command.ts'
import { readText } from '../read-text.ts'

const MAX_LOCK_BYTES = 64 * 1024 * 1024

export const diffCommand: Command = {
  name: 'diff',
  description:
    'Shows what came, went and changed from OLD to NEW, and how many bytes are new: what has to cross the gap. Each of the two is a bundle or a bundle.lock.yaml. Signatures are not checked.',
  usage: 'OLD NEW [--json]',
  positionals: [
    { name: 'OLD', help: 'A bundle or a bundle.lock.yaml.' },
    { name: 'NEW', help: 'A bundle or a bundle.lock.yaml.' },
  ],
  options: {},
  examples: [
    'ferry diff platform-1.3.2.tar platform-1.4.0.tar',
    'ferry diff platform-1.3.2.tar bundles/platform/bundle.lock.yaml',
  ],
  interrupted: () => 'Nothing was changed.',
  async run(args, context) {
    const [older = '', newer = ''] = args.positionals
    const { diffReleases } = await import('../../app/diff.ts')
    const { diffText } = await import('../render/diff-text.ts')
    const report = diffReleases(await readSide(older, context), await readSide(newer, context))
    return { json: report, text: diffText(report) }
  },
}

async function readSide(path: string, { ports }: CommandContext): Promise<ReleaseContent> {
  const { contentOfBundle, contentOfLock } = await import('../../app/diff.ts')
  if (/\.ya?ml$/.test(path)) {
    const { parseLock } = await import('../../config/lock-file.ts')
    return contentOfLock(parseLock(await readText(path, ports, { limit: MAX_LOCK_BYTES }), path), path)
  }
  const { openBundle } = await import('../../bundle/open-bundle.ts')
  const file = await ports.files.open(path)
  try {
    return contentOfBundle(await openBundle(file, 'unverified'))
  } finally {
    await file.close()
  }
}
