import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ferry } from '../../../test/peers/ferry.ts'
import { compareBundle } from './compare-bundle.ts'
import { afterMilliseconds, killFerry, whenHolding, whenThere, type Moment } from './killed-ferry.ts'
import { losePower } from './power-loss.ts'
import type { Random } from './random.ts'
import type { RoundContext, RoundResult, Series } from './series.ts'
import { EPOCH, type World } from './world.ts'

/** Exports killed at random moments, some several times in a row or as if power was lost, then finished by one more run. */
export const exportKill: Series = {
  name: 'export-kill',
  rounds: 30,
  start(world) {
    const stop = (): Promise<void> => {
      world.setFault()
      return Promise.resolve()
    }
    return Promise.resolve({ round: (context) => runRound(world, context), stop })
  },
}

async function runRound(world: World, { random, folder }: RoundContext): Promise<RoundResult> {
  const { delivery, definition } = world
  const out = join(folder, 'out.tar')
  const violations: string[] = []
  const counts = { kills: 0, 'power losses': 0, 'done before the last run': 0 }
  // Some upstreams are slow, so that kills meet downloads; with others they meet the first and last steps.
  const pace = random.pick([0, 100, 300, 800])
  world.setFault(() => (pace === 0 ? undefined : { spreadOverMs: pace }))
  const args = ['export', definition, '--frozen', '--key', delivery.key, '--out', out]
  const wanted = random.pick([1, 1, 2, 3, 4, 6])
  for (let kill = 0; kill < wanted && !existsSync(out); kill++) {
    const concurrency = ['--concurrency', String(random.between(1, 8))]
    const moment = chooseMoment(random, { out, world, pace })
    const signal = random.chance(0.25) ? 'SIGTERM' : 'SIGKILL'
    const { killed, code, stderr } = await killFerry([...args, ...concurrency], { moment, signal, env: EPOCH })
    if (killed) counts.kills++
    if (random.chance(0.3) && (await losePower(out, random))) counts['power losses']++
    if (stderr.includes('mistake in Ferry') || (!killed && code !== 0))
      violations.push(`kill ${kill + 1}: exit ${code}: ${stderr.trim()}`)
  }
  // Where an issue time has been noted the run that goes on keeps it.
  const journal = await readFile(`${out}.partial.journal`, 'utf8').catch(() => '')
  const env = journal.includes('"issuedAt"') && random.chance(0.5) ? {} : EPOCH
  const done = existsSync(out)
  if (done) counts['done before the last run']++
  world.setFault()
  const last = await ferry(args, { env })
  if (last.code !== (done ? 1 : 0) || (done && !last.stderr.includes('exists already')))
    violations.push(`the last run: exit ${last.code}: ${last.stderr.trim()}`)
  violations.push(...(await compareBundle(out, { signed: world.signed, pub: delivery.pub })))
  const left = (await readdir(folder)).filter((name) => name !== 'out.tar')
  if (left.length > 0) violations.push(`left over beside the bundle: ${left.join(', ')}`)
  return { violations, counts }
}

interface Run {
  readonly out: string
  readonly world: World
  /** Milliseconds that each download is spread over. */
  readonly pace: number
}

function chooseMoment(random: Random, { out, world: { signed, exportMs }, pace }: Run): Moment {
  const partial = `${out}.partial`
  const bytes = Math.floor((signed.length * random.below(1000)) / 1000)
  const late = random.below(10 + pace)
  switch (random.below(7)) {
    case 0:
    case 1:
      return afterMilliseconds(random.below(Math.round(exportMs * 1.1) + 2 * pace))
    case 2:
      // In the last steps: written whole, synced, renamed, cleaned up.
      return async (signal) => {
        await whenHolding(partial, signed.length - 64 * 1024)(signal)
        await afterMilliseconds(late)(signal)
      }
    case 3:
      return whenThere(out)
    default:
      return whenHolding(partial, bytes)
  }
}
