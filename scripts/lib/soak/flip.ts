import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rangeHasher } from '../../../src/adapters/hash/range-hasher.ts'
import { systemClock } from '../../../src/adapters/clock/system-clock.ts'
import { openRandomAccessFile } from '../../../src/adapters/tar/random-access-file.ts'
import { verifyBundle } from '../../../src/app/verify.ts'
import { exitCodeOf, reasonOf } from '../../../src/errors.ts'
import { parsePublicKey, type PublicKey } from '../../../src/trust/key.ts'
import { ferry } from '../../../test/peers/ferry.ts'
import { damage } from './damage.ts'
import type { RoundContext, RoundResult, Series } from './series.ts'
import type { World } from './world.ts'

const IN_PROCESS = 40
const BY_COMMAND = 2

/** Damage of every kind at random places: verify says 3, every time. */
export const flip: Series = {
  name: 'flip',
  rounds: 20,
  async start(world) {
    const key = parsePublicKey(await readFile(world.delivery.pub, 'utf8'), world.delivery.pub)
    // Unless what is whole is accepted, a refusal says nothing.
    const whole = await refusalOf(world.bundle, key)
    if (whole !== undefined) throw new Error(`the undamaged bundle is refused: ${reasonOf(whole)}`)
    return { round: (context) => runRound(world, key, context), stop: () => Promise.resolve() }
  },
}

async function runRound(world: World, key: PublicKey, { random, folder }: RoundContext): Promise<RoundResult> {
  const violations: string[] = []
  const path = join(folder, 'damaged.tar')
  for (let i = 0; i < IN_PROCESS + BY_COMMAND; i++) {
    const { bytes, what } = damage(world.bytes, world.opened.layout, random)
    await writeFile(path, bytes)
    if (i < IN_PROCESS) {
      const refusal = await refusalOf(path, key)
      if (refusal === undefined) violations.push(`accepted: ${what}`)
      else if (exitCodeOf(refusal) !== 3) violations.push(`exit ${exitCodeOf(refusal)}: ${what}: ${reasonOf(refusal)}`)
    } else {
      const { code, stdout, stderr } = await ferry(['verify', path, '--pub', world.delivery.pub])
      if (code !== 3 || stdout !== '' || !/^ferry: /m.test(stderr))
        violations.push(`by command, exit ${code}: ${what}: ${stdout}${stderr}`)
    }
    // What was accepted stays for whoever looks into it.
    if (violations.length > 0) break
  }
  return { violations, counts: { 'in process': IN_PROCESS, 'by command': BY_COMMAND } }
}

/** What verify throws, undefined when it accepts. */
async function refusalOf(path: string, key: PublicKey): Promise<unknown> {
  const file = await openRandomAccessFile(path)
  try {
    const deps = { hasher: rangeHasher, clock: systemClock, emit: () => undefined }
    await verifyBundle(file, { trustedKeys: [key], now: new Date() }, deps)
    return undefined
  } catch (error) {
    return error
  } finally {
    await file.close()
  }
}
