import type { ListedCommand } from './command-list.ts'

/** `ferry --help`. */
export function mainHelp(commands: readonly ListedCommand[], version: string): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 3
  return [
    `ferry ${version}: carries a whole platform across an air gap, in one signed file.`,
    '',
    'Usage: ferry COMMAND [arguments]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    '',
    'ferry COMMAND --help tells what a command does and takes; --json, everywhere,',
    'prints JSON lines for machines; --version prints the version.',
    '',
    'The usual way:',
    '  ferry keygen  --out keys/vendor',
    '  ferry export  bundle.yaml --key keys/vendor.key --out platform-1.4.0.tar',
    '  ferry verify  platform-1.4.0.tar --pub vendor.pub',
    '  ferry push    platform-1.4.0.tar --pub vendor.pub --to registry.site.example',
    '',
    EXIT_CODES,
  ].join('\n')
}

/** Below every help text. */
export const EXIT_CODES =
  'Exit codes: 0 done; 1 failed while working; 2 wrong usage, or a file that people\nwrite is wrong; 3 something is wrong with a bundle. More: docs/cli.md'
