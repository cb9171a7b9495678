import { FerryError, reasonOf } from '../../errors.ts'
import type { RegistryOptions } from '../../oci/registry.ts'
import { retryAdviceOf, transient } from '../../oci/store.ts'
import type { Endpoint } from './endpoint.ts'

/** `host[:port][/prefix]`. @throws FerryError `config-invalid`. */
export function parseMirror(text: string): { readonly host: string; readonly prefix: string } {
  const match = /^([^/\s]+)((?:\/[a-z0-9._-]+)*)\/?$/.exec(text)
  if (!match?.[1])
    throw new FerryError('config-invalid', `${JSON.stringify(text.slice(0, 150))} is not a mirror`, {
      hint: 'Expected host[:port][/prefix], as mirror.example:5000/docker-hub, without https://.',
    })
  return { host: match[1].toLowerCase(), prefix: (match[2] ?? '').slice(1) }
}

/** The mirrors of a host, those without a usable form refused, and never the host itself. */
export function mirrorsOf(host: string, settings: RegistryOptions): { host: string; prefix: string }[] {
  return (settings.mirrors ?? []).map(parseMirror).filter((mirror) => mirror.host !== host || mirror.prefix !== '')
}

/** A registry and its mirrors, for reading. */
export interface Chain {
  readonly upstream: Endpoint
  readonly mirrors: readonly Endpoint[]
  /** Hosts of mirrors that could not be reached, and until when (milliseconds since the epoch) they are left out. */
  readonly resting: Map<string, number>
  /** Hears once of an upstream that cannot be reached where its mirrors can. */
  readonly onMissingUpstream: (host: string) => void
}

/** A host that is down costs a connect timeout once a minute, not once a blob. */
const REST_MS = 60_000

/**
 * Asks the mirrors in their order, then the upstream. The first answer that is not undefined wins; a mirror that fails
 * is passed over. When the upstream fails too, its error says what the mirrors said.
 */
export async function firstAnswer<T>(
  chain: Chain,
  ask: (endpoint: Endpoint) => Promise<T | undefined>,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const { answer, failures } = await askMirrors(chain, ask, signal)
  if (answer !== undefined) return answer
  try {
    return await ask(chain.upstream)
  } catch (error) {
    if (failures.length === 0 || !(error instanceof FerryError)) throw error
    const told = new FerryError(error.code, `${error.message} (mirrors before it: ${failures.join('; ')})`, {
      ...(error.hint !== undefined && { hint: error.hint }),
      cause: error,
    })
    const advice = retryAdviceOf(error)
    throw advice ? transient(told, advice) : told
  }
}

/**
 * As `firstAnswer`, for what need not be there at all: a mirror that has answered is enough where the upstream cannot be
 * reached, as behind a company's mirror it often cannot.
 */
export async function firstFound<T>(
  chain: Chain,
  ask: (endpoint: Endpoint) => Promise<T | undefined>,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const { answer, answered } = await askMirrors(chain, ask, signal)
  if (answer !== undefined) return answer
  const { upstream, resting } = chain
  if (answered && isResting(chain, upstream)) return undefined
  try {
    return await ask(upstream)
  } catch (error) {
    signal?.throwIfAborted()
    if (!answered || !(error instanceof FerryError) || error.code !== 'registry-unreachable') throw error
    if (!resting.has(upstream.host)) chain.onMissingUpstream(upstream.host)
    resting.set(upstream.host, upstream.now() + REST_MS)
    return undefined
  }
}

interface MirrorsSaid<T> {
  readonly answer?: T
  /** One of them could be asked, whatever it said. */
  readonly answered: boolean
  /** What went wrong with the others. */
  readonly failures: readonly string[]
}

async function askMirrors<T>(
  chain: Chain,
  ask: (endpoint: Endpoint) => Promise<T | undefined>,
  signal: AbortSignal | undefined,
): Promise<MirrorsSaid<T>> {
  const failures: string[] = []
  let answered = false
  for (const mirror of chain.mirrors) {
    if (isResting(chain, mirror)) continue
    try {
      const answer = await ask(mirror)
      if (answer !== undefined) return { answer, answered: true, failures }
      answered = true
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof FerryError && error.code === 'registry-unreachable')
        chain.resting.set(mirror.host, mirror.now() + REST_MS)
      failures.push(reasonOf(error))
    }
  }
  return { answered, failures }
}

function isResting(chain: Chain, endpoint: Endpoint): boolean {
  return (chain.resting.get(endpoint.host) ?? 0) > endpoint.now()
}
