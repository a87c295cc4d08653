/** The four nodes of workflow 3, which reach each other only along the chain: consumer, cs, ps, provider. */
import { startMarket, type Market, type MarketConfig, type MarketOptions } from './market.ts'
import { CONSUMER, provider } from './scenario.ts'

export type FourNodes = 'consumer' | 'cs' | 'ps' | 'provider'

export interface FourNodesOptions {
  /** What the supernodes add to a price, for example `10%`. */
  readonly margins?: { readonly cs?: string; readonly ps?: string }
  /** Cores that the provider sells; 4 unless given. */
  readonly cpu?: string
  /** For how long the provider holds what was reserved; two minutes unless given. */
  readonly hold?: string
  /** What the consumer's supernode has besides. */
  readonly cs?: Partial<MarketConfig>
  /** Where they keep their objects. */
  readonly market?: MarketOptions
}

export async function fourNodes(seed: number, options: FourNodesOptions = {}): Promise<Market<FourNodes>> {
  const { margins = {}, cpu = '4', hold, cs: more = {} } = options
  const supernode = (domain: string, trusts: string, peers: string[], margin?: string): MarketConfig => ({
    role: 'supernode',
    domain,
    trusts: [trusts],
    peers,
    ...(margin ? { supernode: { margin } } : {}),
  })
  const market = await startMarket(
    seed,
    {
      cs: { ...more, ...supernode('buyers.example', 'sellers.example', ['ps'], margins.cs) },
      ps: supernode('sellers.example', 'buyers.example', ['cs'], margins.ps),
      consumer: { ...CONSUMER, domain: 'buyers.example', peers: ['cs'] },
      provider: {
        ...provider(cpu, '2'),
        domain: 'sellers.example',
        peers: ['ps'],
        ...(hold ? { contracts: { hold } } : {}),
      },
    },
    options.market,
  )
  const { consumer, cs, ps, provider: seller } = market.nodes
  market.network.partition(consumer.address, ps.address)
  market.network.partition(consumer.address, seller.address)
  market.network.partition(cs.address, seller.address)
  await market.simulation.advance(2_000)
  return market
}
