import { open, stat } from 'node:fs/promises'
import type { Random } from './random.ts'

const PAGE = 4096

/**
 * What a power loss does beyond a kill: pages of the file that had not reached the disk are zeros, the journal is shorter.
 * @returns false when there is no unfinished export.
 */
export async function losePower(out: string, random: Random): Promise<boolean> {
  const partial = await stat(`${out}.partial`).catch(() => undefined)
  const journal = await stat(`${out}.partial.journal`).catch(() => undefined)
  if (!partial || !journal || partial.size < PAGE) return false
  const file = await open(`${out}.partial`, 'r+')
  try {
    for (let times = random.between(1, 10); times > 0; times--) {
      const pages = random.pick([1, 1, 8, 256])
      const at = random.below(Math.floor(partial.size / PAGE)) * PAGE
      await file.write(Buffer.alloc(Math.min(pages * PAGE, partial.size - at)), 0, null, at)
    }
  } finally {
    await file.close()
  }
  const lines = await open(`${out}.partial.journal`, 'r+')
  try {
    // The first lines were there long before.
    if (journal.size > 600 && random.chance(0.5)) await lines.truncate(journal.size - random.below(200))
  } finally {
    await lines.close()
  }
  return true
}
