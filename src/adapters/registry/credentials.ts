import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { FerryError, reasonOf, systemCodeOf } from '../../errors.ts'
import type { Credentials } from './credential.ts'
import { askCredentialHelper } from './credential-helper.ts'
import { DOCKER_HUB } from './names.ts'

/** Credentials of a registry host as people write it; undefined: none, ask anonymously. */
export type FindCredentials = (host: string) => Promise<Credentials | undefined>

type Environment = Readonly<Record<string, string | undefined>>

interface DockerConfig {
  readonly file: string
  readonly auths: ReadonlyMap<string, unknown>
  readonly credHelpers: ReadonlyMap<string, string>
  readonly credsStore?: string
}

/**
 * Credentials as docker keeps them: `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`; where there is none,
 * podman's `$XDG_RUNTIME_DIR/containers/auth.json`. Files are read when first needed, helpers run once for a host.
 */
export function createCredentials(env: Environment): FindCredentials {
  let config: Promise<DockerConfig | undefined> | undefined
  const found = new Map<string, Promise<Credentials | undefined>>()
  return (host) => {
    let credentials = found.get(host)
    if (!credentials) {
      config ??= loadConfig(env)
      credentials = config.then((loaded) => loaded && lookUp(loaded, host, env))
      found.set(host, credentials)
    }
    return credentials
  }
}

async function lookUp(config: DockerConfig, host: string, env: Environment): Promise<Credentials | undefined> {
  const hub = DOCKER_HUB.names.has(host)
  const names = new Set(hub ? [...DOCKER_HUB.names] : [host])
  const helper = [...config.credHelpers].find(([key]) => names.has(hostOfKey(key) ?? ''))?.[1] ?? config.credsStore
  if (helper !== undefined) {
    const answer = await askCredentialHelper(helper, hub ? DOCKER_HUB.configKey : host, env)
    if (answer) return answer
  }
  for (const [key, entry] of config.auths) {
    if (!names.has(hostOfKey(key) ?? '')) continue
    const credentials = parseEntry(entry, `${config.file}: auths ${host}`)
    if (credentials) return credentials
  }
  return undefined
}

/** `https://index.docker.io/v1/` and `host:5000` both name a host; a key with another path is podman's for a namespace. */
function hostOfKey(key: string): string | undefined {
  return /^(?:https?:\/\/)?([^/]+)(?:\/(?:v[12]\/?)?)?$/.exec(key)?.[1]?.toLowerCase()
}

function parseEntry(entry: unknown, where: string): Credentials | undefined {
  const text = (name: string): string => {
    const value: unknown =
      typeof entry === 'object' && entry !== null ? Object.getOwnPropertyDescriptor(entry, name)?.value : undefined
    return typeof value === 'string' ? value : ''
  }
  if (text('identitytoken') !== '') return { kind: 'refresh', token: text('identitytoken') }
  if (text('auth') !== '') {
    const decoded = Buffer.from(text('auth'), 'base64').toString('utf8').replace(/\0+$/, '')
    const colon = decoded.indexOf(':')
    if (colon < 1)
      throw new FerryError('config-invalid', `${where}: auth is not base64 of user:password`, {
        hint: 'Log in again with docker login.',
      })
    return { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
  }
  if (text('username') !== '') return { kind: 'basic', username: text('username'), password: text('password') }
  return undefined
}

async function loadConfig(env: Environment): Promise<DockerConfig | undefined> {
  const home = env['HOME'] ?? homedir()
  const docker = join(env['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json')
  const runtime = env['XDG_RUNTIME_DIR']
  for (const file of [docker, ...(runtime ? [join(runtime, 'containers', 'auth.json')] : [])]) {
    const text = await readIfThere(file)
    if (text !== undefined) return parseConfig(text, file)
  }
  return undefined
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new FerryError('io-file', `${file} cannot be read: ${reasonOf(error)}`, {
      hint: 'It holds the credentials of registries. Make it readable, or point DOCKER_CONFIG at another folder.',
    })
  }
}

function parseConfig(text: string, file: string): DockerConfig {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // Not the parser's own words: they quote the text, and the text holds secrets.
    throw new FerryError('config-invalid', `${file} is not JSON`, { hint: 'Log in again with docker login.' })
  }
  const section = (name: string): [string, unknown][] => {
    const value: unknown =
      typeof json === 'object' && json !== null ? Object.getOwnPropertyDescriptor(json, name)?.value : undefined
    return typeof value === 'object' && value !== null ? Object.entries(value) : []
  }
  const store: unknown =
    typeof json === 'object' && json !== null ? Object.getOwnPropertyDescriptor(json, 'credsStore')?.value : undefined
  return {
    file,
    auths: new Map(section('auths')),
    credHelpers: new Map(
      section('credHelpers').filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
    ),
    ...(typeof store === 'string' && store !== '' && { credsStore: store }),
  }
}
