import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createCredentials } from '../../../src/adapters/registry/credentials.ts'
import { encoded, environment, failureOf, temporaryFolder } from './open-client.ts'

describe("docker's config.json", () => {
  it('gives credentials by host, in every way hosts are written there', async () => {
    const find = createCredentials(
      await environment({
        auths: {
          'https://index.docker.io/v1/': { auth: encoded('hub', 'p:w') },
          'a.example:5000': { auth: encoded('a', 'one') },
          'https://b.example': { username: 'b', password: 'two' },
          'https://c.example/v2/': { identitytoken: 'refresh', auth: encoded('c', '') },
          'd.example/team': { auth: encoded('d', 'three') },
          'e.example': {},
        },
      }),
    )
    expect(await find('docker.io')).toEqual({ kind: 'basic', username: 'hub', password: 'p:w' })
    expect(await find('a.example:5000')).toEqual({ kind: 'basic', username: 'a', password: 'one' })
    expect(await find('b.example')).toEqual({ kind: 'basic', username: 'b', password: 'two' })
    expect(await find('c.example')).toEqual({ kind: 'refresh', token: 'refresh' })
    expect(await find('a.example')).toBeUndefined()
    expect(await find('d.example')).toBeUndefined()
    expect(await find('e.example')).toBeUndefined()
  })

  it('is looked for in the home folder, then where podman keeps its own', async () => {
    const home = await temporaryFolder()
    const runtime = await temporaryFolder()
    await mkdir(join(runtime, 'containers'))
    const auth = (password: string) => JSON.stringify({ auths: { 'a.example': { auth: encoded('a', password) } } })
    await writeFile(join(runtime, 'containers', 'auth.json'), auth('podman'))
    const env = { HOME: home, XDG_RUNTIME_DIR: runtime }
    expect(await createCredentials(env)('a.example')).toMatchObject({ password: 'podman' })
    await mkdir(join(home, '.docker'))
    await writeFile(join(home, '.docker', 'config.json'), auth('docker'))
    expect(await createCredentials(env)('a.example')).toMatchObject({ password: 'docker' })
    expect(await createCredentials({ HOME: await temporaryFolder() })('a.example')).toBeUndefined()
  })

  it('that is broken is named, without its content', async () => {
    const find = createCredentials(await environment('{"auths": hunter2-secret'))
    const error = await failureOf(find('a.example'))
    expect(error.message).toContain('config.json is not JSON')
    expect(error.message).not.toContain('hunter2')
    expect(error.cause).toBeUndefined()
  })
})

describe('credential helpers', () => {
  async function withHelper(config: unknown, script: string): Promise<Record<string, string | undefined>> {
    const env = await environment(config)
    const bin = await temporaryFolder()
    const file = join(bin, 'docker-credential-test')
    await writeFile(file, `#!/bin/sh\nread -r key\n${script}\n`)
    await chmod(file, 0o755)
    return { ...env, PATH: `${bin}:${process.env['PATH'] ?? ''}` }
  }

  it('are asked for their hosts, the store for all others, and docker.io by its old name', async () => {
    const echo = `printf '{"ServerURL":"x","Username":"%s %s","Secret":"s"}' "$1" "$key"`
    const env = await withHelper({ credHelpers: { 'a.example': 'test' }, credsStore: 'test' }, echo)
    const find = createCredentials(env)
    expect(await find('a.example')).toEqual({ kind: 'basic', username: 'get a.example', password: 's' })
    expect(await find('b.example')).toMatchObject({ username: 'get b.example' })
    expect(await find('docker.io')).toMatchObject({ username: 'get https://index.docker.io/v1/' })
  })

  it('may hand out identity tokens', async () => {
    const env = await withHelper({ credsStore: 'test' }, `printf '{"Username":"<token>","Secret":"refresh"}'`)
    expect(await createCredentials(env)('a.example')).toEqual({ kind: 'refresh', token: 'refresh' })
  })

  it('that know nothing leave it to auths', async () => {
    const config = { credsStore: 'test', auths: { 'a.example': { auth: encoded('a', 'one') } } }
    const env = await withHelper(config, 'echo credentials not found in native keychain; exit 1')
    expect(await createCredentials(env)('a.example')).toMatchObject({ password: 'one' })
  })

  it('that fail or are missing are named, without what they printed', async () => {
    const env = await withHelper({ credsStore: 'test' }, 'echo hunter2-secret; echo hunter2-secret >&2; exit 1')
    const error = await failureOf(createCredentials(env)('a.example'))
    expect(error.message).toContain('docker-credential-test, but it failed')
    expect(`${error.message} ${error.hint ?? ''} ${String(error.cause)}`).not.toContain('hunter2')
    const missing = createCredentials(await environment({ credsStore: 'absent' }))
    expect((await failureOf(missing('a.example'))).message).toContain('not on the PATH')
  })

  it('are names, never paths or commands', async () => {
    const find = createCredentials(await environment({ credsStore: '../../bin/sh -c x' }))
    expect((await failureOf(find('a.example'))).message).toContain('not a plain name')
  })
})
