/**
 * The limits that can be put on processes. Pure.
 */
import type { Amounts } from '../../quantity/amounts.ts'
import { milliUnits, parseQuantity, wholeUnits } from '../../quantity/index.ts'
import type { GroupLimits, ProcessLimits } from './runner.ts'

/** @returns the limits that can be put on processes, out of `amounts` */
export function processLimits(amounts: Amounts): ProcessLimits {
  return {
    ...(amounts.cpu !== undefined && { cpuMillis: Number(milliUnits(parseQuantity(amounts.cpu))) }),
    ...(amounts.memory !== undefined && { memoryBytes: Number(wholeUnits(parseQuantity(amounts.memory))) }),
  }
}

/** @returns the limits of all that runs under a contract, out of what it gives */
export function groupLimits(amounts: Amounts): GroupLimits {
  const disk = amounts['ephemeral-storage'] ?? amounts.storage
  return {
    ...processLimits(amounts),
    ...(disk !== undefined && { diskBytes: Number(wholeUnits(parseQuantity(disk))) }),
  }
}
