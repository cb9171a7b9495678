import type { Command } from './command.ts'

/** A command as the list of commands shows it; the rest is loaded when it is asked for. */
export interface ListedCommand {
  readonly name: string
  /** A few words. */
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** In the order people need them. */
export const COMMANDS: readonly ListedCommand[] = [
  {
    name: 'keygen',
    summary: 'make the key pair that bundles are signed with',
    load: async () => (await import('./commands/keygen.ts')).keygenCommand,
  },
  {
    name: 'lock',
    summary: 'pin every tag, version and URL of a bundle.yaml',
    load: async () => (await import('./commands/lock.ts')).lockCommand,
  },
  {
    name: 'export',
    summary: 'write everything a bundle.yaml names into one signed file',
    load: async () => (await import('./commands/export.ts')).exportCommand,
  },
  {
    name: 'verify',
    summary: 'check a bundle: its signature, then every byte',
    load: async () => (await import('./commands/verify.ts')).verifyCommand,
  },
  {
    name: 'inspect',
    summary: 'show what is in a bundle',
    load: async () => (await import('./commands/inspect.ts')).inspectCommand,
  },
  {
    name: 'diff',
    summary: 'compare two bundles or locks',
    load: async () => (await import('./commands/diff.ts')).diffCommand,
  },
  {
    name: 'serve',
    summary: 'be a read-only registry straight out of a bundle',
    load: async () => (await import('./commands/serve.ts')).serveCommand,
  },
  {
    name: 'push',
    summary: 'fill a registry from a bundle',
    load: async () => (await import('./commands/push.ts')).pushCommand,
  },
]
