import { Agent, request as send } from 'undici'
import { startFakeServer, type Fault, type FakeRequest, type FakeServer } from './fake-server.ts'

/** What a proxy may do beyond the faults of a server. */
export interface ProxyFault extends Fault {
  /** The upstream is not told of a Range: the answer is 200 with everything. */
  readonly ignoreRange?: boolean
}

export interface FaultProxy {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  readonly url: string
  /** Everything asked so far; may be emptied. */
  readonly requests: FakeRequest[]
  /** Decides what goes wrong; may be set at any time. */
  fault: ((request: FakeRequest) => ProxyFault | undefined) | undefined
  readonly stop: () => Promise<void>
}

const FORWARDED = ['accept', 'range', 'if-none-match', 'content-type']
const RETURNED = ['content-type', 'content-range', 'accept-ranges', 'docker-content-digest', 'etag', 'link']

/** A reverse proxy for reading, before a real server at `upstream` (`http://127.0.0.1:5000`), that can be made to fail. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const agent = new Agent({ connections: 32 })
  const requests: FakeRequest[] = []
  const chosen = new WeakMap<FakeRequest, ProxyFault>()
  const server: FakeServer = await startFakeServer({
    name: 'proxy',
    log: requests,
    fault(request) {
      const fault = proxy.fault?.(request)
      if (fault) chosen.set(request, fault)
      return fault
    },
    async handler(request) {
      const { method, path, query } = request
      const headers: Record<string, string> = {}
      for (const name of FORWARDED) {
        const value = request.headers[name]
        if (value !== undefined && !(name === 'range' && chosen.get(request)?.ignoreRange))
          headers[name] = Array.isArray(value) ? value.join(', ') : value
      }
      const target = `${upstream}${path}${query.size > 0 ? `?${query.toString()}` : ''}`
      const answer = await send(target, { method: method === 'HEAD' ? 'HEAD' : 'GET', headers, dispatcher: agent })
      const body = Buffer.from(await answer.body.arrayBuffer())
      const returned: Record<string, string> = {}
      for (const name of method === 'HEAD' ? [...RETURNED, 'content-length'] : RETURNED) {
        const value = answer.headers[name]
        if (typeof value === 'string') returned[name] = value
      }
      return { status: answer.statusCode, headers: returned, body }
    },
  })
  const proxy: FaultProxy = {
    host: server.host,
    url: server.url,
    requests,
    fault: undefined,
    async stop() {
      await server.stop()
      await agent.close()
    },
  }
  return proxy
}
