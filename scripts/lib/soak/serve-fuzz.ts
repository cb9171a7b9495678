import { copyFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { FERRY } from '../../../test/peers/ferry.ts'
import { startService } from '../../../test/peers/service.ts'
import { mapParallel } from '../../../src/oci/parallel.ts'
import { wrongWith, type Expectations } from './check-answer.ts'
import { hostileRequest, type RawRequest } from './hostile-request.ts'
import type { Random } from './random.ts'
import { converse, parseAnswers } from './raw-http.ts'
import type { RoundContext, RoundResult, Series } from './series.ts'
import type { World } from './world.ts'

const REQUESTS = 400
const AT_ONCE = 8

/** Random requests to ferry serve: it stays up, and no wrong byte leaves it, also from a file that is damaged. */
export const serveFuzz: Series = {
  name: 'serve-fuzz',
  rounds: 100,
  start: (world) => Promise.resolve({ round: (context) => runRound(world, context), stop: () => Promise.resolve() }),
}

async function runRound(world: World, { random, folder }: RoundContext): Promise<RoundResult> {
  const violations: string[] = []
  const tally = { 'contents compared': 0, refused: 0 }
  const { file, damaged } = random.chance(0.5)
    ? await damageLayer(world, join(folder, 'damaged.tar'), random)
    : { file: world.bundle, damaged: undefined }
  const expectations: Check['expectations'] = {
    bundle: world.opened,
    bytes: world.bytes,
    ...(damaged !== undefined && { damaged }),
  }
  const { service, answer } = await startService(
    process.execPath,
    [FERRY, 'serve', file, '--pub', world.delivery.pub, '--listen', '127.0.0.1:0'],
    { logFile: join(folder, 'log'), ready: (log) => /http:\/\/127\.0\.0\.1:(\d+)/.exec(log)?.[1] },
  )
  const port = Number(answer)
  const ask = async (request: RawRequest): Promise<void> => {
    const found = await checkOne(port, request, { expectations, tally }).catch((error: unknown) => [String(error)])
    for (const violation of found)
      violations.push(`${violation}\n    ${JSON.stringify(request.bytes.toString('latin1').slice(0, 3000))}`)
  }
  try {
    const requests = Array.from({ length: REQUESTS }, () => hostileRequest(world.opened.catalog, random))
    await mapParallel(requests, AT_ONCE, ask)
    await mapParallel(everyBlob(world), AT_ONCE, ask)
    if (!isRunning(service.pid)) violations.push(`it ended: ${service.log().slice(-2000)}`)
    if (/mistake in Ferry|internal error|at \S+ \(/.test(service.log()))
      violations.push(`its words: ${service.log().slice(-2000)}`)
  } finally {
    await service.stop()
  }
  return { violations: violations.slice(0, 5), counts: { requests: REQUESTS, ...tally } }
}

interface Check {
  readonly expectations: Omit<Expectations, 'mayBreakOff'>
  readonly tally: { 'contents compared': number; refused: number }
}

async function checkOne(port: number, request: RawRequest, { expectations, tally }: Check): Promise<string[]> {
  const { requests, wellFormed } = request
  const { bytes, timedOut } = await converse(port, request.bytes, { patienceMs: wellFormed ? 20_000 : 300 })
  if (timedOut && wellFormed) return ['no end of the answer for 20 s']
  const answers = parseAnswers(
    bytes,
    requests.map(({ method }) => method),
  )
  const violations = answers.flatMap((answer, i) => {
    const wrong = wrongWith(answer, requests[i], { ...expectations, mayBreakOff: !wellFormed })
    if (answer.status >= 400) tally.refused++
    else if (answer.headers.has('docker-content-digest')) tally['contents compared']++
    return wrong === undefined ? [] : [wrong]
  })
  // A reset in the middle of a damaged blob takes the answers behind it along, and so does a refused method.
  const mayBreakOff = expectations.damaged !== undefined || answers.at(-1)?.headers.get('connection') === 'close'
  if (wellFormed && answers.length !== requests.length && !(mayBreakOff && answers.length < requests.length))
    violations.push(`${answers.length} answers to ${requests.length} requests`)
  return violations
}

/** A plain GET of each blob: what was asked before has spoilt nothing. */
function everyBlob({ opened }: World): RawRequest[] {
  return [...opened.catalog.repositories].flatMap(([name, { blobs }]) =>
    [...blobs.keys()].map((digest) => {
      const target = `/v2/${name}/blobs/${digest}`
      const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
      return { bytes, requests: [{ method: 'GET', target }], wellFormed: true }
    }),
  )
}

/** A copy of the bundle with one bit of one layer flipped. */
async function damageLayer(
  { bundle, opened }: World,
  file: string,
  random: Random,
): Promise<{ readonly file: string; readonly damaged: string }> {
  const { digest, size } = random.pick([...opened.graph.layers.values()].filter((layer) => layer.size > 0))
  const at = opened.places.get(digest)!.offset + random.below(size)
  await copyFile(bundle, file)
  const handle = await open(file, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await handle.read(byte, 0, 1, at)
    await handle.write(Buffer.from([byte[0]! ^ (1 << random.below(8))]), 0, 1, at)
  } finally {
    await handle.close()
  }
  return { file, damaged: digest }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
