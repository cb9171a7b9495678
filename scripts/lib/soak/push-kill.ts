import { compareRegistry } from '../../../test/peers/compare-registry.ts'
import { ferry, ferryOrThrow } from '../../../test/peers/ferry.ts'
import { startRegistry } from '../../../test/peers/registry.ts'
import { afterMilliseconds, killFerry } from './killed-ferry.ts'
import type { RoundContext, RoundResult, Series } from './series.ts'
import type { World } from './world.ts'

/** Pushes to a fresh docker-registry, killed at random moments, then finished; everything is read back and hashed. */
export const pushKill: Series = {
  name: 'push-kill',
  rounds: 20,
  async start(world) {
    const pushMs = await measurePush(world)
    return { round: (context) => runRound(world, context, pushMs), stop: () => Promise.resolve() }
  },
}

const pushArgs = ({ bundle, delivery }: World, host: string): string[] => [
  'push',
  bundle,
  '--pub',
  delivery.pub,
  '--to',
  `${host}/site`,
  '--plain-http',
]

async function measurePush(world: World): Promise<number> {
  const registry = await startRegistry({ parent: world.delivery.folder })
  try {
    const started = Date.now()
    await ferryOrThrow(pushArgs(world, registry.host))
    return Date.now() - started
  } finally {
    await registry.stop()
  }
}

async function runRound(world: World, { random, folder }: RoundContext, pushMs: number): Promise<RoundResult> {
  const violations: string[] = []
  let kills = 0
  const registry = await startRegistry({ parent: folder })
  try {
    const args = pushArgs(world, registry.host)
    const wanted = random.pick([1, 2, 3, 5])
    for (let kill = 0; kill < wanted; kill++) {
      const concurrency = ['--concurrency', String(random.between(1, 8))]
      // The first part of the time is Node's own start.
      const moment = afterMilliseconds(random.between(Math.round(pushMs * 0.15), Math.round(pushMs * 1.05)))
      const signal = random.chance(0.15) ? 'SIGTERM' : 'SIGKILL'
      const { killed, code, stderr } = await killFerry([...args, ...concurrency], { moment, signal })
      if (killed) kills++
      if (stderr.includes('mistake in Ferry') || (!killed && code !== 0))
        violations.push(`kill ${kill + 1}: exit ${code}: ${stderr.trim()}`)
    }
    const last = await ferry(args)
    if (last.code !== 0) violations.push(`the last run: exit ${last.code}: ${last.stderr.trim()}`)
    const { wrong, compared } = await compareRegistry(world.opened, `${registry.host}/site`)
    violations.push(...wrong)
    const again = await ferry(args)
    if (again.code !== 0 || !again.stdout.includes('0 B sent'))
      violations.push(`a push of what is there: exit ${again.code}: ${again.stdout}${again.stderr}`)
    return { violations, counts: { kills, 'tags, manifests and blobs compared': compared } }
  } finally {
    await registry.stop()
  }
}
