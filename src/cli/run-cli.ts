import { exitCodeOf, FerryError, type ExitCode } from '../errors.ts'
import { boundMemory } from './bounded-memory.ts'
import { chooseRenderer } from './choose-renderer.ts'
import { COMMANDS } from './command-list.ts'
import type { Arguments, Command, Env } from './command.ts'
import { mainHelp } from './main-help.ts'
import type { Ports } from './ports.ts'
import type { Renderer, Streams } from './render/renderer.ts'

export interface World {
  readonly streams: Streams
  readonly env: Env
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
  readonly ports: Ports
  readonly version: string
}

/** Runs one command line, `argv` without node and script, and returns its exit code. Never throws. */
export async function runCli(argv: readonly string[], world: World): Promise<ExitCode> {
  const { streams, version } = world
  const [first, ...rest] = argv
  const print = (text: string): ExitCode => {
    streams.stdout.write(`${text}\n`)
    return 0
  }
  if (first === undefined || first === '--help' || first === '-h') return print(mainHelp(COMMANDS, version))
  if (first === '--version' || first === '-V') return print(`ferry ${version}`)
  const wanted = first === 'help' ? rest[0] : first
  if (wanted === undefined) return print(mainHelp(COMMANDS, version))
  const listed = COMMANDS.find(({ name }) => name === wanted)
  if (!listed) return fail('', await unknownCommand(wanted), argv, world)
  const command = await listed.load()
  if (first === 'help' || asksForHelp(rest)) {
    const { commandHelp } = await import('./command-help.ts')
    return print(commandHelp(command))
  }
  return runCommand(command, rest, world)
}

async function runCommand(command: Command, words: readonly string[], world: World): Promise<ExitCode> {
  const { ports, signal, env } = world
  const { parseArguments } = await import('./parse-arguments.ts')
  let args: Arguments
  try {
    args = parseArguments(command, words, env)
  } catch (error) {
    return fail(command.name, error, words, world)
  }
  const renderer = await rendererFor(words, world)
  const emit = boundMemory(renderer.emit, () => ports.freeBuffers())
  const onAbort = (): void => emit({ type: 'warning', message: STOPPING })
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const result = await command.run(args, { ports, emit, signal, env })
    await renderer.finish({ type: 'result', command: command.name, ...result })
    return 0
  } catch (error) {
    const told = signal.aborted ? interruptionOf(command, args, error) : error
    return await fail(command.name, told, words, world, renderer)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

const STOPPING = 'stopping: what is in hand is finished. Ctrl-C again exits at once.'

async function fail(
  command: string,
  error: unknown,
  words: readonly string[],
  world: World,
  renderer?: Renderer,
): Promise<ExitCode> {
  const shown = renderer ?? (await rendererFor(words, world))
  const debug = !['', '0', undefined].includes(world.env['FERRY_DEBUG'])
  await shown.finish({ type: 'error', command, error, debug })
  return exitCodeOf(error)
}

function rendererFor(words: readonly string[], { streams, env, ports }: World): Promise<Renderer> {
  return chooseRenderer(streams, { json: words.includes('--json'), env, clock: ports.clock })
}

/** Once stopped, whatever a broken-off piece of work says is a consequence; a damaged bundle is news all the same. */
function interruptionOf(command: Command, args: Arguments, error: unknown): unknown {
  if (error instanceof FerryError && error.code.startsWith('bundle-')) return error
  return new FerryError('interrupted', `${command.name}: interrupted`, {
    hint: command.interrupted(args),
    cause: error,
  })
}

/** `--help` anywhere before a `--`: someone who asks for help has no use for complaints. */
function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  return (end < 0 ? words : words.slice(0, end)).some((word) => word === '--help' || word === '-h')
}

async function unknownCommand(word: string): Promise<FerryError> {
  const { suggest } = await import('../config/suggest.ts')
  const names = COMMANDS.map(({ name }) => name)
  if (word.startsWith('-')) {
    const near = suggest(word, ['--help', '--version'])
    return new FerryError('usage', `unknown option ${word}${near === undefined ? '' : `. Did you mean ${near}?`}`, {
      hint: 'Usage: ferry COMMAND [arguments]. ferry --help lists the commands.',
    })
  }
  const near = suggest(word, names)
  return new FerryError('usage', `unknown command ${word}${near === undefined ? '' : `. Did you mean ${near}?`}`, {
    hint: `Commands: ${names.join(', ')}. ferry --help tells what they do.`,
  })
}
