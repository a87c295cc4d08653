/** What a part of an offer costs, with what all that stand in between add to it. Pure. */
import { k8sliceOf, type K8Slice } from '../objects/flavor.ts'
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { partialPrice, type Price } from '../quantity/price.ts'
import { priceThrough, relaysOf } from './relays.ts'

/**
 * @param amounts what would be bought of a k8slice, the whole when undefined; anything else is sold by the unit
 * @throws UnreadableError
 */
export function offeredPrice(candidate: Pick<PeeringCandidate, 'spec'>, amounts: Amounts | undefined): Price {
  const { flavor } = candidate.spec
  const slice = k8sliceOf(flavor)
  const own =
    slice && amounts ? partialPrice(flavor.spec.price, amounts, flavorAmounts(slice)) : flavor.spec.price
  return priceThrough(own, relaysOf(candidate))
}

/** @returns the amounts of a k8slice flavor by resource */
export function flavorAmounts(slice: K8Slice): Amounts {
  const { cpu, memory, pods, storage, gpu } = slice.characteristics
  return {
    cpu,
    memory,
    pods,
    ...(storage === undefined ? {} : { storage }),
    ...(gpu?.cores === undefined ? {} : { 'gpu.cores': gpu.cores }),
    ...(gpu?.memory === undefined ? {} : { 'gpu.memory': gpu.memory }),
  }
}
