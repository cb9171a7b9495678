import { randomUUID } from 'node:crypto'
import { digestOf, isDigest } from '../../src/oci/digest.ts'
import type { FakeContent } from './fake-registry-content.ts'
import type { FakeAnswer, FakeRequest, ReadBody } from './fake-server.ts'

export interface FakeUploads {
  /** A request to `/v2/<repository>/blobs/uploads/<session>`. */
  handle(request: FakeRequest, target: UploadTarget, readBody: ReadBody): Promise<FakeAnswer>
  /** Sessions that are open. */
  readonly open: ReadonlyMap<string, Buffer>
}

export interface UploadTarget {
  readonly repository: string
  readonly session: string
}

/** distribution-spec 1.1 "Pushing blobs", mounts and resuming included. */
export function createUploads(
  content: FakeContent,
  can: { readonly mount: boolean; readonly resume: boolean },
): FakeUploads {
  const sessions = new Map<string, Buffer>()
  const error = (status: number, code: string): FakeAnswer => ({
    status,
    body: JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }),
  })
  const progress = (status: number, { repository, session }: UploadTarget): FakeAnswer => {
    const length = sessions.get(session)?.length ?? 0
    const location = `/v2/${repository}/blobs/uploads/${session}?state=${length}`
    return { status, headers: { location, range: `0-${Math.max(0, length - 1)}`, 'docker-upload-uuid': session } }
  }
  const append = async (session: string, readBody: ReadBody): Promise<boolean> => {
    const pieces = [sessions.get(session) ?? Buffer.alloc(0)]
    const whole = await readBody((piece) => pieces.push(piece))
    sessions.set(session, Buffer.concat(pieces))
    return whole
  }

  return {
    open: sessions,
    async handle(request, target, readBody) {
      const { repository, session } = target
      if (request.method === 'POST') {
        const mount = request.query.get('mount')
        const source = content.repositories.get(request.query.get('from') ?? '')
        const bytes = isDigest(mount) ? source?.blobs.get(mount) : undefined
        if (can.mount && bytes) {
          const digest = content.addBlob(repository, bytes)
          return { status: 201, headers: { location: `/v2/${repository}/blobs/${digest}` } }
        }
        const opened = randomUUID()
        sessions.set(opened, Buffer.alloc(0))
        return progress(202, { repository, session: opened })
      }
      const have = sessions.get(session)
      if (!have) return error(404, 'BLOB_UPLOAD_UNKNOWN')
      if (request.method === 'DELETE') {
        sessions.delete(session)
        return { status: 204 }
      }
      if (request.method === 'GET') return can.resume ? progress(204, target) : error(404, 'BLOB_UPLOAD_UNKNOWN')
      if (request.method === 'PATCH') {
        const range = String(request.headers['content-range'] ?? `${have.length}-`)
        if (!can.resume || !range.startsWith(`${have.length}-`)) return error(416, 'RANGE_INVALID')
        await append(session, readBody)
        return progress(202, target)
      }
      if (request.method !== 'PUT') return error(405, 'UNSUPPORTED')
      if (!(await append(session, readBody))) return { status: 499 }
      const bytes = sessions.get(session) ?? Buffer.alloc(0)
      sessions.delete(session)
      if (digestOf(bytes) !== request.query.get('digest')) return error(400, 'DIGEST_INVALID')
      const digest = content.addBlob(repository, bytes)
      return {
        status: 201,
        headers: { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest },
      }
    },
  }
}
