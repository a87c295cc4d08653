import { afterEach, describe, expect, it } from 'vitest'
import { startMarket, type Market } from '../../test/support/market.ts'
import { PeeringCandidateKind } from '../objects/peering-candidate.ts'

const OFFERS = 12
const MINUTE_MS = 60_000

describe('advertising', () => {
  let market: Market<'catalog' | 'provider'>
  afterEach(() => market.stop())

  it('refreshes all offers with one message, in time', async () => {
    market = await startMarket(21, {
      catalog: { role: 'catalog' },
      provider: {
        peers: ['catalog'],
        offers: Array.from({ length: OFFERS }, (_, index) => ({
          name: `service-${index}`,
          type: 'service' as const,
          data: { name: `service ${index}`, description: 'a service', category: 'database', tags: ['sql'] },
        })),
      },
    })
    await market.simulation.advance(MINUTE_MS)
    let messages = 0
    market.network.intercept(({ direction, method, path }) => {
      if (direction === 'request' && method === 'POST' && path === '/api/v2/advertisements') messages++
      return undefined
    })
    for (let minute = 0; minute < 20; minute++) {
      await market.simulation.advance(MINUTE_MS)
      const { items } = await market.nodes.catalog.store.list(PeeringCandidateKind)
      expect(items.filter(({ spec }) => spec.withdrawnAt === undefined)).toHaveLength(OFFERS)
    }
    // An offer holds for five minutes, and is refreshed after a third of them.
    expect(messages).toBeGreaterThanOrEqual(20 / 2)
    expect(messages).toBeLessThanOrEqual(20 / 1.5 + 1)
  })
})
