import { readFileSync } from 'node:fs'
import { Agent, request, type Dispatcher } from 'undici'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { digestOf, type Digest } from '../../src/oci/digest.ts'

export interface PusherOptions {
  /** PEM file of a private CA. */
  readonly ca?: string
  readonly user?: string
  readonly password?: string
}

/** A manifest or index without its `schemaVersion`. */
export type Document = { readonly mediaType: string } & Readonly<Record<string, unknown>>

export interface PutDocument {
  readonly descriptor: Descriptor
  /** The registry answered with OCI-Subject: it keeps the list of referrers itself. */
  readonly subjectKept: boolean
}

/** A small client that fills a registry in tests; not Ferry's, so that Ferry is not measured by itself. */
export interface Pusher {
  /** Sends a blob; one that another repository got from this pusher is mounted from there. */
  putBlob(repository: string, bytes: Buffer, digest?: Digest): Promise<Digest>
  /** Sends a JSON value as a blob. */
  putJson(repository: string, value: unknown): Promise<{ readonly digest: Digest; readonly size: number }>
  /** Puts a manifest or index under a tag, or without one under its digest. */
  putDocument(repository: string, document: Document, tag?: string): Promise<PutDocument>
  close(): Promise<void>
}

/** @param url of the registry, `http://127.0.0.1:5000`. */
export function createPusher(url: string, options: PusherOptions = {}): Pusher {
  const dispatcher = new Agent({
    connections: 8,
    headersTimeout: 60_000,
    ...(options.ca !== undefined && { connect: { ca: readFileSync(options.ca) } }),
  })
  const login = Buffer.from(`${options.user}:${options.password}`).toString('base64')
  const authorization = options.user === undefined ? {} : { authorization: `Basic ${login}` }
  const homes = new Map<Digest, string>()

  const send = async (method: Dispatcher.HttpMethod, target: URL, body?: Buffer, type = 'application/octet-stream') => {
    const headers = { ...authorization, ...(body && { 'content-type': type }) }
    const response = await request(target, { method, dispatcher, headers, body: body ?? null })
    const text = await response.body.text()
    if (response.statusCode > 299) throw new Error(`${method} ${target.href}: ${response.statusCode} ${text}`)
    return response
  }

  const putBlob = async (repository: string, bytes: Buffer, digest = digestOf(bytes)) => {
    const home = homes.get(digest)
    if (home === repository) return digest
    const start = new URL(`/v2/${repository}/blobs/uploads/`, url)
    if (home !== undefined) start.search = new URLSearchParams({ mount: digest, from: home }).toString()
    const { statusCode, headers } = await send('POST', start)
    if (statusCode !== 201) {
      const target = new URL(String(headers['location']), url)
      target.searchParams.set('digest', digest)
      await send('PUT', target, bytes)
    }
    if (home === undefined) homes.set(digest, repository)
    return digest
  }

  const putJson = async (repository: string, value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value))
    return { digest: await putBlob(repository, bytes), size: bytes.length }
  }

  const putDocument = async (repository: string, document: Document, tag?: string) => {
    const { mediaType } = document
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, ...document }))
    const digest = digestOf(bytes)
    const { headers } = await send(
      'PUT',
      new URL(`/v2/${repository}/manifests/${tag ?? digest}`, url),
      bytes,
      mediaType,
    )
    return { descriptor: { mediaType, digest, size: bytes.length }, subjectKept: headers['oci-subject'] !== undefined }
  }

  return { putBlob, putJson, putDocument, close: () => dispatcher.close() }
}
