import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { createRegistryClient, type ClientOptions } from '../../../src/adapters/registry/client.ts'
import { createHttpFetcher } from '../../../src/adapters/registry/downloads.ts'
import { FerryError } from '../../../src/errors.ts'
import type { Descriptor } from '../../../src/oci/descriptor.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import type { HttpFetcher, RegistryClient } from '../../../src/oci/registry.ts'
import type { OpenVerified } from '../../../src/oci/store.ts'
import type { Clock } from '../../../src/ports.ts'
import { startFakeRegistry, type FakeRegistry, type FakeRegistryOptions } from '../../fakes/fake-registry.ts'

export const clock: Clock = {
  now: () => Date.now(),
  sleep: async (milliseconds, signal) => {
    await sleep(milliseconds, undefined, { ...(signal && { signal }) })
  },
}

const NOBODY = { HOME: '/nonexistent', PATH: process.env['PATH'] }

function settings(options: Partial<ClientOptions>): ClientOptions {
  return { clock, env: NOBODY, userAgent: 'ferry/test', retryScale: 0.002, ...options }
}

/** A client without credentials that does not wait between attempts; closed with the test. */
export function openClient(options: Partial<ClientOptions> = {}): RegistryClient {
  const client = createRegistryClient(settings(options))
  onTestFinished(() => client.close())
  return client
}

export function openFetcher(options: Partial<ClientOptions> = {}): HttpFetcher {
  const fetcher = createHttpFetcher(settings(options))
  onTestFinished(() => fetcher.close())
  return fetcher
}

/** A fake registry that ends with the test. */
export async function fakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const registry = await startFakeRegistry(options)
  onTestFinished(() => registry.stop())
  return registry
}

/** An environment whose docker configuration is this value. */
export async function environment(config: unknown): Promise<Record<string, string | undefined>> {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
  return { ...NOBODY, DOCKER_CONFIG: folder }
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-registry-client-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export function encoded(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`).toString('base64')
}

export function blobOf(bytes: Uint8Array | string): Descriptor {
  const buffer = Buffer.from(bytes)
  return { mediaType: 'application/octet-stream', digest: digestOf(buffer), size: buffer.length }
}

/** Bytes as a source that hands them out in pieces, as a bundle does. */
export function openBytes(bytes: Uint8Array, piece = 64 * 1024): OpenVerified {
  // eslint-disable-next-line @typescript-eslint/require-await
  return async function* (offset) {
    for (let at = offset; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
  }
}

export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** The FerryError that something fails with. Fails when it does not fail. */
export async function failureOf(work: Promise<unknown>): Promise<FerryError> {
  try {
    await work
  } catch (error) {
    if (error instanceof FerryError) return error
    throw error
  }
  throw new Error('it did not fail')
}
