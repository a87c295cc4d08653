/** Which pools a configuration asks for. Pure. */
import type { Config } from '../config/index.ts'
import type { PoolSpec } from '../objects/pool.ts'
import { canonical } from '../quantity/index.ts'
import { localArchitecture } from './measured-capacity.ts'

const FREE: PoolSpec['price'] = { amount: '', currency: '', period: '' }

/** @returns the pools that a configuration asks for. Pure. */
export function poolSpecs(
  config: Pick<Config, 'sell' | 'offers'>,
): readonly { readonly name: string; readonly spec: PoolSpec }[] {
  const pools: { name: string; spec: PoolSpec }[] = []
  const { sell } = config
  if (sell) {
    const capacity = Object.fromEntries(
      Object.entries(sell.capacity).map(([resource, amount]) => [resource, canonical(amount)]),
    )
    pools.push({
      name: 'compute',
      spec: {
        flavorType: 'k8slice',
        capacity: { pods: '110', ...capacity },
        partition: { ...sell.partition },
        data: { architecture: localArchitecture(), properties: sell.properties ?? {} },
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
