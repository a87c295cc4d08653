/**
 * Unit prices: what one of each resource costs per period. The price of any part is their sum, so that parts cost
 * together what the whole costs, and what remains of a pool costs what it cost before. Exact; a sum is rounded up once.
 */
import type { Amounts } from './amounts.ts'
import { parseQuantity } from './index.ts'
import { ceilDivide, formatMoney, parseMoney } from './money.ts'

/** Decimal text by resource: per GiB of what is measured in bytes, per one of anything else. */
export type UnitPrices = Readonly<Record<string, string>>

const NANOS = 1_000_000_000n
const BYTES = /^(memory|storage|ephemeral-storage|gpu\.memory|hugepages-.*)$/

/** @returns how many nano-units of a resource its unit price is for */
function unitOf(resource: string): bigint {
  return (BYTES.test(resource) ? 1024n ** 3n : 1n) * NANOS
}

/** @returns billionths that `part` costs, rounded up; a resource without a price costs nothing */
export function sumOf(units: UnitPrices, part: Amounts): bigint {
  let sum = 0n
  for (const [resource, unit] of Object.entries(units)) {
    const amount = Object.hasOwn(part, resource) ? part[resource] : undefined
    // Over one denominator, which the largest unit is: the sum is exact until it is rounded.
    if (amount !== undefined)
      sum += parseMoney(unit) * parseQuantity(amount).nanos * (LARGEST_UNIT / unitOf(resource))
  }
  return ceilDivide(sum, LARGEST_UNIT)
}
const LARGEST_UNIT = unitOf('memory')

/**
 * Of a price that is stated for the whole alone: half of it is for the CPU and half for the memory, all of it for one of
 * them where there is none of the other.
 * @param billionths what the whole costs
 * @returns rounded up, so that the whole costs at least that
 */
export function unitPricesOf(billionths: bigint, whole: Amounts): UnitPrices {
  const priced = ['cpu', 'memory'].filter((resource) => parseQuantity(whole[resource] ?? '0').nanos > 0n)
  const resources =
    priced.length > 0 ? priced : Object.keys(whole).filter((each) => parseQuantity(whole[each]!).nanos > 0n)
  const share = BigInt(resources.length)
  return Object.fromEntries(
    resources.map((resource) => [
      resource,
      formatMoney(ceilDivide(billionths * unitOf(resource), parseQuantity(whole[resource]!).nanos * share)),
    ]),
  )
}
