import { describe, expect, it } from 'vitest'
import { testIdentity } from '../../test/support/identities.ts'
import type { PlannedPurchase } from '../node-orchestrator/index.ts'
import { purchaseLines, totalLines, type Known } from './purchase-lines.ts'

const beta = testIdentity('beta').id
const purchase = (amount: string, cost: string, currency = 'EUR'): PlannedPurchase => ({
  flavorID: 'f',
  provider: { nodeID: beta, domain: 'example.org' },
  amounts: { cpu: '1' },
  price: { amount, currency, period: 'hour' },
  duration: '24h',
  until: '2030-01-02T00:00:00Z',
  cost: { amount: cost, currency },
  weights: { price: 3, rating: 3, latency: 2, location: 1, carbon: 1, fit: 2 },
})
const known: Known = { names: new Map([[beta, 'beta']]) }

describe('a planned purchase', () => {
  it('says of whom, for how much, until when, and what makes its score', () => {
    expect(purchaseLines(purchase('0.01', '0.24'), known)).toEqual([
      '    from       beta (example.org)',
      '    costs      0.01 EUR/hour, 0.24 EUR in all',
      '    lasts      24h, until 2030-01-02T00:00:00Z',
      '    weights    price 3, rating 3, latency 2, location 1, carbon 1, fit 2',
      '               (score = sum of weight × score / sum of weights)',
    ])
    expect(purchaseLines(purchase('', '0'), known).join()).toContain('costs      nothing,')
  })

  it('says what is still in the way', () => {
    expect(
      purchaseLines({ ...purchase('1', '24'), obstacle: 'it does not accept this node' }, known).at(-1),
    ).toBe('    in the way beta: it does not accept this node')
    const through = { ...purchase('1', '24'), through: testIdentity('relay').id }
    expect(purchaseLines(through, known)[0]).toMatch(/from       beta \(example.org\), through z6M/)
  })

  it('adds up with the others, exactly, each currency apart', () => {
    const parts = [
      purchase('0.1', '2.4'),
      purchase('0.2', '4.8'),
      purchase('1', '24', 'USD'),
      purchase('', '0'),
    ]
    expect(totalLines(parts)).toEqual([
      '',
      '  in all     0.3 EUR/hour + 1 USD/hour, 7.2 EUR + 24 USD until 2030-01-02T00:00:00Z',
    ])
    expect(totalLines([purchase('', '0')])).toEqual([])
  })
})
