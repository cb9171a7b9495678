import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ferry } from '../../../test/peers/ferry.ts'
import { compareBundle } from './compare-bundle.ts'
import { lastingFault, mendableFault } from './fault-plan.ts'
import type { RoundContext, RoundResult, Series } from './series.ts'
import { EPOCH, type World } from './world.ts'

/** Exports from a docker-registry and a web server that fail at random. */
export const exportFaults: Series = {
  name: 'export-faults',
  rounds: 20,
  async start(world) {
    const lock = await readFile(world.lock, 'utf8')
    const stop = (): Promise<void> => {
      world.setFault()
      return Promise.resolve()
    }
    return { round: (context) => runRound(world, lock, context), stop }
  },
}

async function runRound(world: World, lock: string, { random, seed, folder }: RoundContext): Promise<RoundResult> {
  const { definition, delivery, signed } = world
  const out = join(folder, 'out.tar')
  const violations: string[] = []
  // In every repository that has it: Ferry asks the one whose manifest came first.
  const lasting = random.chance(0.5) ? { ...lastingFault(seed), path: random.pick(world.contents) } : undefined
  let faults = 0
  world.setFault((request) => {
    const fault =
      lasting && basename(request.path) === basename(lasting.path) ? lasting.fault : mendableFault(request, seed)
    if (fault) faults++
    return fault
  })
  const args = ['export', definition, '--frozen', '--key', delivery.key, '--out', out]
  const exportIt = () => ferry([...args, '--concurrency', String(random.between(4, 8))], { env: EPOCH })
  const first = await exportIt()
  const told = `exit ${first.code}: ${first.stderr.trim()}`
  if (first.stderr.includes('mistake in Ferry')) violations.push(told)
  if (lasting) {
    const where = `${lasting.what} at ${lasting.path}`
    if (first.code !== 1) violations.push(`${where}: ${told}`)
    if (existsSync(out)) violations.push(`${where}: there is a bundle`)
    world.setFault()
    const second = await exportIt()
    if (second.code !== 0) violations.push(`after ${where} ended: exit ${second.code}: ${second.stderr.trim()}`)
  } else if (first.code !== 0) violations.push(`with faults that can be mended: ${told}`)
  violations.push(...(await compareBundle(out, { signed, pub: delivery.pub })))
  const left = (await readdir(folder)).filter((name) => name !== 'out.tar')
  if (left.length > 0) violations.push(`left over beside the bundle: ${left.join(', ')}`)
  if ((await readFile(world.lock, 'utf8')) !== lock) violations.push('the lock was changed')
  return { violations, counts: { 'faults met': faults, 'lasting faults refused': lasting ? 1 : 0 } }
}
