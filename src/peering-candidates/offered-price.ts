/** What a part of an offer costs, with what all that stand in between add to it. Pure. */
import { k8sliceOf, type EmbeddedFlavor, type K8Slice } from '../objects/flavor.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { partialPrice, unitsWithMargin, type Price } from '../quantity/price.ts'
import type { WireRelay } from '../rear/wire/index.ts'
import { priceThrough } from './relays.ts'

/** Somebody in between, with what it adds. */
type Hop = Pick<WireRelay, 'margin'>

/**
 * The one rule of prices: of the plan, the ranking, the draft and the contract, at every hop. Margins are added to unit
 * prices; where an upstream node states none, to the price of the part.
 * @param relays nearest to the buyer first
 * @param amounts what would be bought of a k8slice, the whole when undefined; anything else is sold by the unit
 * @throws UnreadableError
 */
export function offeredPrice(
  { spec }: Pick<EmbeddedFlavor, 'spec'>,
  relays: readonly Hop[],
  amounts: Amounts | undefined,
): Price {
  const { price } = spec
  const slice = k8sliceOf({ spec })
  if (slice === undefined) return priceThrough(price, relays)
  const whole = flavorAmounts(slice)
  const part = amounts ?? whole
  if (price.units === undefined) return priceThrough(partialPrice(price, part, whole), relays)
  const units = relays.toReversed().reduce((sum, { margin }) => unitsWithMargin(sum, margin), price.units)
  return partialPrice({ ...price, units }, part, whole)
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
