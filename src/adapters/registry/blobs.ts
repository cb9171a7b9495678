import { FerryError } from '../../errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { ContentStream, ReadOptions } from '../../oci/store.ts'
import type { Endpoint } from './endpoint.ts'
import type { HttpResponse } from './http.ts'
import { apiPath, scopeOf } from './names.ts'

/**
 * distribution-spec 1.1 "Pulling blobs", from an offset with a Range request where the registry allows it. One attempt.
 * Undefined: not there. A descriptor's `urls` (foreign layers) are never followed.
 */
export async function readBlob(
  endpoint: Endpoint,
  repository: string,
  descriptor: Descriptor,
  { offset = 0, signal }: ReadOptions,
): Promise<ContentStream | undefined> {
  const what = `blob ${descriptor.digest} of ${endpoint.host}/${endpoint.repository(repository)}`
  const response = await endpoint.send({
    method: 'GET',
    url: endpoint.address(apiPath(repository, 'blobs', descriptor.digest)),
    scopes: [scopeOf(endpoint.repository(repository), 'pull')],
    what,
    ...(offset > 0 && { headers: { range: `bytes=${offset}-` } }),
    ...(signal && { signal }),
  })
  if (response.status === 404) {
    response.body.discard()
    return undefined
  }
  if (response.status === 416 && offset > 0) {
    response.body.discard()
    return readBlob(endpoint, repository, descriptor, { ...(signal && { signal }) })
  }
  if (response.status !== 200 && response.status !== 206) throw await endpoint.unexpected(response, what)
  try {
    return openStream(response, { offset, size: descriptor.size, what })
  } catch (error) {
    response.body.discard()
    throw error
  }
}

/**
 * Where an answer to a Range request really starts, checked against what the headers say (RFC 9110 sections 14.4, 15.3.7).
 * @param wanted `size` of the whole content where it is known.
 */
export function openStream(
  response: HttpResponse,
  wanted: { readonly offset: number; readonly size: number | undefined; readonly what: string },
): ContentStream & { readonly size?: number } {
  const { offset, what } = wanted
  const fail = (why: string) => new FerryError('registry-protocol', `${what}: ${why}`)
  const header = response.header('content-length')
  const length = header === undefined ? undefined : Number(header)
  let start = 0
  let size = wanted.size
  if (response.status === 206) {
    const range = response.header('content-range') ?? ''
    const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(range) ?? []
    if (offset === 0 || from === undefined) throw fail('an answer in part (206) that was not asked for')
    if (Number(from) !== offset) throw fail(`the answer starts at ${from}, not at ${offset}`)
    if (total !== '*') size ??= Number(total)
    if (total !== '*' && Number(total) !== size) throw fail(`it has ${total ?? ''} bytes, not ${size ?? 0}`)
    if (size !== undefined && Number(to) !== size - 1) throw fail(`the answer ends at ${to ?? ''} of ${size}`)
    start = offset
  } else size ??= length
  if (size !== undefined) {
    if (length !== undefined && length !== size - start)
      throw fail(`${length} bytes are announced, not ${size - start}`)
    response.body.expect(size - start)
  }
  return { offset: start, body: response.body, ...(size !== undefined && { size }) }
}

/** HEAD on a blob. One attempt. What is there in another size is not there. */
export async function hasBlob(
  endpoint: Endpoint,
  repository: string,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<boolean> {
  const response = await endpoint.send({
    method: 'HEAD',
    url: endpoint.address(apiPath(repository, 'blobs', descriptor.digest)),
    scopes: [scopeOf(endpoint.repository(repository), 'pull')],
    what: `blob ${descriptor.digest} of ${endpoint.host}/${endpoint.repository(repository)}`,
    ...(signal && { signal }),
  })
  response.body.discard()
  if (response.status === 404) return false
  if (response.status !== 200) throw await endpoint.unexpected(response, `HEAD of blob ${descriptor.digest}`)
  const length = response.header('content-length')
  return length === undefined || Number(length) === descriptor.size
}
