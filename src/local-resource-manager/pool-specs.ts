/** Which pools a configuration asks for. Pure. */
import type { EffectiveConfig } from '../config/index.ts'
import type { GuestTerms } from '../objects/guests.ts'
import type { PoolSpec } from '../objects/pool.ts'
import { canonical } from '../quantity/index.ts'
import { localArchitecture } from './measured-capacity.ts'

/** What a configuration puts up for sale. */
export type ForSale = Partial<Pick<EffectiveConfig, 'sell' | 'offers'>>

const FREE: PoolSpec['price'] = { amount: '', currency: '', period: '' }

/**
 * @param terms what buyers of compute get; where they are refused there is no such pool
 * @returns the pools that a configuration asks for. Pure.
 */
export function poolSpecs(
  config: ForSale,
  terms?: GuestTerms,
): readonly { readonly name: string; readonly spec: PoolSpec }[] {
  const pools: { name: string; spec: PoolSpec }[] = []
  const { sell } = config
  if (sell && terms?.status !== 'Refused') {
    const capacity = Object.fromEntries(
      Object.entries(sell.capacity).map(([resource, amount]) => [resource, canonical(amount)]),
    )
    pools.push({
      name: 'compute',
      spec: {
        flavorType: 'k8slice',
        capacity: { pods: '110', ...capacity },
        partition: { ...sell.partition },
        data: {
          architecture: localArchitecture(),
          properties: { ...sell.properties, ...guestProperties(terms) },
        },
        price: sell.price ?? FREE,
        ...(sell.location ? { location: sell.location } : {}),
        ...(sell.visibility ? { visibility: sell.visibility } : {}),
      },
    })
  }
  for (const offer of config.offers ?? []) {
    pools.push({
      name: `offer-${offer.name}`,
      spec: {
        flavorType: offer.type,
        capacity: { units: String(offer.units ?? 1) },
        partition: {},
        data: { ...offer.data },
        price: offer.price ?? FREE,
        ...(offer.location ? { location: offer.location } : {}),
        ...(offer.visibility ? { visibility: offer.visibility } : {}),
        ...(offer.access ? { access: offer.access } : {}),
      },
    })
  }
  return pools
}

/** @returns what of the terms an offer says: what runs a program, what it reaches, what is kept and how */
function guestProperties(terms: GuestTerms | undefined): Readonly<Record<string, string | boolean>> {
  if (terms?.status !== 'Taken') return {}
  const { runner, images, commands, egress, limits } = terms
  return { runner, images, ...(commands !== undefined && { commands }), egress, limits }
}
