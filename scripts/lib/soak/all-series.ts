import { exportFaults } from './export-faults.ts'
import { exportKill } from './export-kill.ts'
import { flip } from './flip.ts'
import { pushKill } from './push-kill.ts'
import { serveFuzz } from './serve-fuzz.ts'
import type { Series } from './series.ts'

export const ALL_SERIES: readonly Series[] = [exportKill, exportFaults, pushKill, flip, serveFuzz]
