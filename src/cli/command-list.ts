import type { Command } from './command.ts'
import { diffCommand } from './commands/diff.ts'
import { exportCommand } from './commands/export.ts'
import { inspectCommand } from './commands/inspect.ts'
import { keygenCommand } from './commands/keygen.ts'
import { lockCommand } from './commands/lock.ts'
import { pushCommand } from './commands/push.ts'
import { serveCommand } from './commands/serve.ts'
import { verifyCommand } from './commands/verify.ts'

/** In the order people need them. Their tables are read for help; what they work with is loaded when they run. */
export const COMMANDS: readonly Command[] = [
  keygenCommand,
  lockCommand,
  exportCommand,
  verifyCommand,
  inspectCommand,
  diffCommand,
  serveCommand,
  pushCommand,
]
