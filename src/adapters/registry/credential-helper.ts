import { execFile } from 'node:child_process'
import { FerryError, systemCodeOf } from '../../errors.ts'
import type { Credentials } from './credential.ts'

/** A keychain may ask the person to unlock it. */
const TIMEOUT_MS = 60_000

/**
 * Asks `docker-credential-<name> get`, the key on its standard input (docker/docker-credential-helpers "Development").
 * No shell, and nothing the helper prints gets into a message. Undefined: it has none for this host.
 */
export async function askCredentialHelper(
  name: string,
  key: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    throw new FerryError('config-invalid', "docker's config.json names a credential helper that is not a plain name", {
      hint: 'Expected credsStore or credHelpers to be a name as pass or secretservice.',
    })
  const { error, stdout } = await run(program, key, env)
  if (error) {
    // Every helper says so in the same words, on stdout.
    if (/credentials not found/i.test(stdout)) return undefined
    const why = systemCodeOf(error) === 'ENOENT' ? 'it is not on the PATH' : 'it failed'
    throw new FerryError('registry-auth', `the credentials of ${key} are kept by ${program}, but ${why}`, {
      hint: `Try: echo ${key} | ${program} get. Or take it out of docker's config.json (credsStore, credHelpers).`,
    })
  }
  return parseAnswer(stdout, program)
}

function parseAnswer(stdout: string, program: string): Credentials | undefined {
  let answer: unknown
  try {
    answer = JSON.parse(stdout)
  } catch {
    throw new FerryError('registry-auth', `${program} did not answer in JSON`)
  }
  if (typeof answer !== 'object' || answer === null) return undefined
  const username = 'Username' in answer && typeof answer.Username === 'string' ? answer.Username : ''
  const secret = 'Secret' in answer && typeof answer.Secret === 'string' ? answer.Secret : ''
  if (secret === '') return undefined
  if (username === '<token>') return { kind: 'refresh', token: secret }
  return { kind: 'basic', username, password: secret }
}

function run(
  program: string,
  input: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly error: Error | null; readonly stdout: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      ['get'],
      { env: { ...env }, timeout: TIMEOUT_MS, maxBuffer: 1024 * 1024 },
      (error, stdout) => resolve({ error, stdout }),
    )
    // A helper that does not run has no input to write to; its error is reported above.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}
