import { expect, it } from 'vitest'
import { NOTHING } from '../spending/index.ts'
import { plannedPurchase } from './planned-purchase.ts'

it('a planned purchase costs its price per period over the whole duration, rounded up, and ends with it', () => {
  const candidate = {
    spec: { flavor: { metadata: { name: 'f' }, spec: { owner: { nodeID: 'o', domain: 'd' } } } },
  }
  const price = { amount: '0.1', currency: 'EUR', period: 'day' }
  const choice = {
    candidate: candidate as never,
    amounts: { cpu: '1' },
    price,
    commitment: NOTHING,
    score: 1,
  }
  const planned = plannedPurchase(
    { spec: { intentID: 'i', duration: '1h', weights: { price: 9 } } },
    choice,
    Date.UTC(2030, 0, 1),
  )
  expect(planned).toMatchObject({
    ...{ flavorID: 'f', provider: { nodeID: 'o', domain: 'd' }, price, duration: '1h' },
    until: '2030-01-01T01:00:00Z',
    cost: { amount: '0.004166667', currency: 'EUR' },
    weights: { price: 9, rating: 3 },
  })
  expect(plannedPurchase({ spec: { intentID: 'i' } }, choice, 0)).toMatchObject({
    duration: '24h',
    cost: { amount: '0.1' },
  })
})
