/**
 * The limits that can be put on processes. Pure.
 */
import type { Amounts } from '../../quantity/amounts.ts'
import { milliUnits, parseQuantity, wholeUnits } from '../../quantity/index.ts'
import type { ProcessLimits } from './runner.ts'

/** @returns the limits that can be put on processes, out of `amounts` */
export function processLimits(amounts: Amounts): ProcessLimits {
  return {
    ...(amounts.cpu !== undefined && { cpuMillis: Number(milliUnits(parseQuantity(amounts.cpu))) }),
    ...(amounts.memory !== undefined && { memoryBytes: Number(wholeUnits(parseQuantity(amounts.memory))) }),
  }
}
