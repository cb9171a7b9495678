import type { FakeRequest } from '../../../test/fakes/fake-server.ts'
import type { ProxyFault } from '../../../test/fakes/fault-proxy.ts'
import { createRandom } from './random.ts'

/** A request goes wrong at most so many times before it is answered: any client that does not give up gets through. */
const IN_A_ROW = 3
const RATE = 0.3

/** Faults that are mended by asking again. What happens to a request depends on the seed and on how often it came, on nothing else. */
export function mendableFault(request: FakeRequest, seed: string): ProxyFault | undefined {
  if (request.before >= IN_A_ROW) return undefined
  const random = createRandom(`${seed} ${request.method} ${request.path} ${request.before}`)
  if (!random.chance(RATE)) return undefined
  const cut = random.pick([0, 1, random.below(1000), random.below(100_000), random.below(2_000_000)])
  switch (random.below(12)) {
    case 0:
      return {
        status: 429,
        headers: { 'retry-after': random.pick(['0', '1']) },
        body: '{"errors":[{"code":"TOOMANYREQUESTS"}]}',
      }
    case 1:
      return { status: 429, headers: { 'retry-after': new Date(Date.now() + 1000).toUTCString() } }
    case 2:
      return { status: random.pick([500, 502, 503, 504, 408]), body: random.pick(['', '<html>oh no</html>', 'busy']) }
    case 3:
      return { status: 503, headers: { 'retry-after': '1' } }
    case 4:
      return { reset: true }
    case 5:
      return { delayMs: random.between(10, 800) }
    case 6:
      return { spreadOverMs: random.between(100, 2000) }
    case 7:
      return { ignoreRange: true, cutAfterBytes: cut }
    case 8:
      return { ignoreRange: true }
    default:
      return { cutAfterBytes: cut }
  }
}

export interface LastingFault {
  readonly what: string
  readonly fault: ProxyFault
}

/** Faults that must fail an export as long as they last. */
export function lastingFault(seed: string): LastingFault {
  const random = createRandom(`${seed} lasting`)
  return random.pick<LastingFault>([
    { what: 'a wrong byte', fault: { corrupt: true } },
    { what: 'a wrong byte, slowly', fault: { corrupt: true, spreadOverMs: 500 } },
    { what: 'other content', fault: { body: random.bytes(random.between(1, 5000)) } },
    { what: 'no content', fault: { body: '', status: 200 } },
    { what: 'not found', fault: { status: 404 } },
    { what: 'forbidden', fault: { status: 403 } },
  ])
}
