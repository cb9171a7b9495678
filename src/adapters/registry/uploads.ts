import { FerryError } from '../../errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { retryAdviceOf, transient, type OpenVerified } from '../../oci/store.ts'
import type { Endpoint } from './endpoint.ts'
import { resolveTarget, type HttpResponse } from './http.ts'
import { checkedRepository, scopeOf } from './names.ts'

/** Where an upload stands between two attempts. */
export interface UploadState {
  /** The session to go on with; undefined: open one. */
  session?: URL
}

export interface UploadRequest {
  readonly endpoint: Endpoint
  readonly repository: string
  readonly descriptor: Descriptor
  readonly open: OpenVerified
  readonly signal?: AbortSignal
}

/**
 * distribution-spec 1.1 "Pushing blobs". One attempt: POST and PUT in one piece, or, when `state` has a session that broke
 * off, what the session still lacks with PATCH and then PUT. Leaves in `state` what the next attempt can build on.
 */
export async function uploadBlob(request: UploadRequest, state: UploadState): Promise<void> {
  try {
    if (state.session === undefined) {
      state.session = await openSession(request)
      await putRest(request, state.session, 0)
    } else await resumeSession(request, state, state.session)
  } catch (error) {
    if (state.session !== undefined && !retryAdviceOf(error)) {
      await cancelSession(request, state.session)
      delete state.session
    }
    throw error
  }
}

/** "Mounting a blob from another repository". One attempt. False: the registry would rather have it uploaded. */
export async function mountBlob(
  endpoint: Endpoint,
  repository: string,
  descriptor: Descriptor,
  options: { readonly from: string; readonly signal?: AbortSignal },
): Promise<boolean> {
  const { from, signal } = options
  const what = `mounting ${descriptor.digest} from ${from} in ${endpoint.host}/${repository}`
  const url = endpoint.address(`${checkedRepository(repository)}/blobs/uploads/`, {
    mount: descriptor.digest,
    from: endpoint.repository(checkedRepository(from)),
  })
  const scopes = [scopeOf(endpoint.repository(repository), 'pull,push'), scopeOf(endpoint.repository(from), 'pull')]
  let response: HttpResponse
  try {
    response = await endpoint.send({ method: 'POST', url, scopes, what, ...(signal && { signal }) })
  } catch (error) {
    // Whoever may not read the other repository may still upload.
    if (error instanceof FerryError && error.code === 'registry-auth') return false
    throw error
  }
  if (response.status === 202) {
    response.body.discard()
    const session = sessionOf(response, what)
    await cancelSession({ endpoint, repository, descriptor }, session)
    return false
  }
  if (response.status === 201) {
    response.body.discard()
    return true
  }
  if ([400, 401, 403, 404, 405].includes(response.status)) {
    response.body.discard()
    return false
  }
  throw await endpoint.unexpected(response, what)
}

async function openSession(request: UploadRequest): Promise<URL> {
  const { endpoint, repository } = request
  const what = nameOf(request)
  const url = endpoint.address(`${checkedRepository(repository)}/blobs/uploads/`)
  const response = await send(request, { method: 'POST', url })
  if (response.status !== 202) throw await endpoint.unexpected(response, what)
  response.body.discard()
  return sessionOf(response, what)
}

/** Sends the bytes from `offset` on and closes the session. */
async function putRest(request: UploadRequest, session: URL, offset: number): Promise<void> {
  const { endpoint, descriptor } = request
  const url = new URL(session)
  url.searchParams.set('digest', descriptor.digest)
  const rest = descriptor.size - offset
  const response = await send(request, {
    method: 'PUT',
    url,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(rest) },
    ...(rest > 0 && { body: () => request.open(offset) }),
  })
  if (response.status === 201 || response.status === 204) {
    response.body.discard()
    return
  }
  if (response.status === 404) throw await lostSession(request, response)
  throw await endpoint.unexpected(response, nameOf(request))
}

/**
 * "Pushing a blob in chunks": asks the session how far it came, sends what is missing and closes it. A session that is
 * gone, or says something of no use, is given up: the next attempt starts anew.
 */
async function resumeSession(request: UploadRequest, state: UploadState, session: URL): Promise<void> {
  const { descriptor } = request
  delete state.session
  const asked = await send(request, { method: 'GET', url: session })
  asked.body.discard()
  const range = asked.header('range') ?? ''
  const last = /^(?:bytes=)?0-(\d+)$/.exec(range)?.[1]
  if (asked.status !== 204 || last === undefined) throw anew(request, `the upload session is gone (${asked.status})`)
  // `0-0` is what docker's registry says of an empty session; one byte is not worth telling the two apart.
  const offset = last === '0' ? 0 : Number(last) + 1
  if (offset > descriptor.size) throw anew(request, `the session has ${offset} bytes of ${descriptor.size}`)
  let current = locationOf(asked, session, nameOf(request))
  state.session = current
  if (offset < descriptor.size) {
    const patched = await send(request, {
      method: 'PATCH',
      url: current,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(descriptor.size - offset),
        'content-range': `${offset}-${descriptor.size - 1}`,
      },
      body: () => request.open(offset),
    })
    if (patched.status === 416 || patched.status === 404 || patched.status === 400) {
      patched.body.discard()
      delete state.session
      throw anew(request, `the registry cannot go on with an upload (${patched.status})`)
    }
    if (patched.status !== 202) throw await request.endpoint.unexpected(patched, nameOf(request))
    patched.body.discard()
    current = locationOf(patched, current, nameOf(request))
    state.session = current
  }
  await putRest(request, current, descriptor.size)
}

/** Tells the registry to forget what it got. Best effort: a session that is left is cleaned up by the registry some day. */
async function cancelSession(request: Omit<UploadRequest, 'open'>, session: URL): Promise<void> {
  try {
    const response = await send({ ...request, signal: AbortSignal.timeout(3000) }, { method: 'DELETE', url: session })
    response.body.discard()
  } catch {
    // The error that led here is the one to tell.
  }
}

function send(
  { endpoint, repository, descriptor, signal }: Omit<UploadRequest, 'open'>,
  request: {
    readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
    readonly url: URL
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: () => AsyncIterable<Uint8Array>
  },
): Promise<HttpResponse> {
  return endpoint.send({
    ...request,
    scopes: [scopeOf(endpoint.repository(repository), 'pull,push')],
    what: nameOf({ endpoint, repository, descriptor }),
    ...(signal && { signal }),
  })
}

function sessionOf(response: HttpResponse, what: string): URL {
  if (response.header('location') === undefined)
    throw new FerryError('registry-protocol', `${what}: the registry opens an upload but does not say where`)
  return locationOf(response, response.url, what)
}

/** The address to go on with. Content goes to the registry that was named, and nowhere else. */
function locationOf(response: HttpResponse, current: URL, what: string): URL {
  const location = response.header('location')
  if (location === undefined) return current
  const target = resolveTarget(location, response.url, 'the Location of an upload')
  if (target.origin !== response.url.origin)
    throw new FerryError('registry-protocol', `${what}: the registry wants the upload sent to ${target.origin}`, {
      hint: `It is asked at ${response.url.origin}. Behind a proxy, the registry has to know its public address (http.host, external URL, X-Forwarded-Proto).`,
    })
  return target
}

async function lostSession(request: UploadRequest, response: HttpResponse): Promise<FerryError> {
  const error = await request.endpoint.unexpected(response, nameOf(request))
  return transient(error, { attempts: 3 })
}

function anew(request: UploadRequest, why: string): FerryError {
  return transient(new FerryError('registry-protocol', `${nameOf(request)}: ${why}, starting anew`))
}

function nameOf({ endpoint, repository, descriptor }: Omit<UploadRequest, 'open' | 'signal'>): string {
  return `blob ${descriptor.digest} to ${endpoint.host}/${endpoint.repository(repository)}`
}
