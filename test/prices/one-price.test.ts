/** A price is the same wherever it is said: in the flavor, the plan, the draft of each hop and the contract. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flavorOf, priceOf } from '../../src/available-resources/index.ts'
import type { Pool } from '../../src/objects/pool.ts'
import { offeredPrice } from '../../src/peering-candidates/index.ts'
import { addAmounts, subtractAmounts, type Amounts } from '../../src/quantity/amounts.ts'
import { formatMoney, parseMoney } from '../../src/quantity/money.ts'
import { decodeFlavor, embeddedFlavorFromWire, flavorToWire } from '../../src/rear/wire/index.ts'

const OWNER = { nodeID: 'did:key:owner', ip: 'owner:1', domain: 'example.org' }
const RUNS = 10_000

const part = (cpu: number, mebi: number, pods: number): Amounts => ({
  cpu: `${cpu}m`,
  memory: `${mebi}Mi`,
  pods: String(pods),
})
const money = fc.bigInt({ min: 0n, max: 10n ** 13n }).map(formatMoney)
const price = fc.oneof(
  money.map((amount) => ({ amount, currency: 'EUR', period: 'hour' })),
  fc
    .record({ cpu: money, memory: money, pods: money }, { requiredKeys: [] })
    .map((units) => ({ amount: '0', currency: 'EUR', period: 'month', units })),
)
const share = fc.record({
  cpu: fc.integer({ min: 1, max: 4_000 }),
  memory: fc.integer({ min: 1, max: 8_192 }),
  pods: fc.integer({ min: 1, max: 5 }),
})
const margin = fc.option(
  fc
    .tuple(fc.integer({ min: 0, max: 999 }), fc.integer({ min: 0, max: 9_999 }))
    .map(([a, b]) => `${a}.${b}%`),
  { nil: undefined },
)
const hops = fc.array(
  margin.map((each) => (each === undefined ? {} : { margin: each })),
  { maxLength: 4 },
)

const market = fc
  .record({ price, sales: fc.array(share, { maxLength: 6 }), request: share, spare: share, hops })
  .map(({ sales, request, spare, ...rest }) => {
    const of = (each: typeof request): Amounts => part(each.cpu, each.memory, each.pods)
    const sold = sales.map(of)
    const free = addAmounts(of(request), of(spare))
    return { ...rest, sold, free, request: of(request), capacity: sold.reduce(addAmounts, free) }
  })

function poolWith(capacity: Amounts, free: Amounts, asked: Pool['spec']['price']): Pool {
  return {
    apiVersion: 'tributary.io/v1alpha1',
    kind: 'Pool',
    metadata: { name: 'p', uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: '' },
    spec: {
      flavorType: 'k8slice',
      capacity,
      partition: {},
      data: { architecture: 'amd64' },
      price: asked,
    },
    status: { revision: 1, free, holds: 0, allocations: 0 },
  }
}

describe('a price', () => {
  it('is the same in plan, draft and contract, and the sum over the hops, to the last digit', () => {
    fc.assert(
      fc.property(market, ({ price: asked, request, free, capacity, hops: relays }) => {
        const pool = poolWith(capacity, free, asked)
        const { id, spec } = flavorOf(pool, OWNER)!
        // As it travels: through JSON, with its unit prices.
        const made = flavorToWire({
          metadata: { name: id },
          spec: { ...spec, timestamp: '2030-01-01T00:00:00Z' },
        })
        const offered = embeddedFlavorFromWire(decodeFlavor(JSON.parse(JSON.stringify(made))))
        const plan = offeredPrice(offered, relays, request)
        // The owner drafts from its pool; each hop reckons with those behind it.
        const drafts = [
          priceOf(pool.spec, request),
          ...relays.map((_, index) =>
            offeredPrice(offered, relays.slice(relays.length - 1 - index), request),
          ),
        ].map(({ amount }) => parseMoney(amount))
        expect(formatMoney(drafts.at(-1)!)).toBe(plan.amount)
        expect(offeredPrice(offered, [], request).amount).toBe(formatMoney(drafts[0]!))
        const added = drafts.slice(1).map((each, index) => each - drafts[index]!)
        expect(added.every((each) => each >= 0n)).toBe(true)
        expect(formatMoney(added.reduce((sum, each) => sum + each, drafts[0]!))).toBe(plan.amount)
      }),
      { numRuns: RUNS },
    )
  })

  it('of what remains of a pool is what it was before anything was sold', () => {
    fc.assert(
      fc.property(market, ({ price: asked, request, free, capacity }) => {
        const whole = flavorOf(poolWith(capacity, capacity, asked), OWNER)!
        const rest = flavorOf(poolWith(capacity, free, asked), OWNER)!
        expect(offeredPrice(rest, [], request)).toEqual(offeredPrice(whole, [], request))
      }),
      { numRuns: RUNS / 10 },
    )
  })

  it('of parts is together that of the whole, but for what is rounded up of each', () => {
    fc.assert(
      fc.property(market, ({ price: asked, sold, request, free, capacity }) => {
        const { spec } = poolWith(capacity, free, asked)
        const parts = [...sold, request, subtractAmounts(free, request)]
        const sum = parts.reduce((total, each) => total + parseMoney(priceOf(spec, each).amount), 0n)
        const whole = parseMoney(priceOf(spec, capacity).amount)
        expect(sum - whole).toBeGreaterThanOrEqual(0n)
        expect(sum - whole).toBeLessThan(BigInt(parts.length))
      }),
      { numRuns: RUNS / 10 },
    )
  })

  it('of the last 200m of a pool is what it is signed at', () => {
    const capacity = { cpu: '4', memory: '8Gi', pods: '20' }
    const free = { cpu: '200m', memory: '7Gi', pods: '19' }
    const pool = poolWith(capacity, free, { amount: '0.2', currency: 'EUR', period: 'hour' })
    const request = { cpu: '200m', memory: '256Mi', pods: '1' }
    const shown = offeredPrice(flavorOf(pool, OWNER)!, [], request)
    expect(shown).toEqual(priceOf(pool.spec, request))
    expect(shown.amount).toBe('0.008125')
  })
})

describe('an offer', () => {
  it('whose amount is not the sum of its unit prices is refused', () => {
    const { id, spec } = flavorOf(
      poolWith(
        { cpu: '4', memory: '8Gi', pods: '1' },
        { cpu: '4', memory: '8Gi', pods: '1' },
        {
          ...{ amount: '8', currency: 'EUR', period: 'hour' },
        },
      ),
      OWNER,
    )!
    const wire = flavorToWire({ metadata: { name: id }, spec })
    expect(() => decodeFlavor({ ...wire, price: { ...wire.price, amount: '0.1' } })).toThrow(
      /\$\.price\.amount: is 0\.1, its unit prices sum to 8/,
    )
    expect(() => decodeFlavor({ ...wire, price: { ...wire.price, units: { cpu: '1e9' } } })).toThrow(
      /"1e9" is not an amount/,
    )
  })

  it('of an upstream node states none: a part costs its dominant share, then the margins', () => {
    const { spec } = flavorOf(
      poolWith(
        { cpu: '4', memory: '8Gi', pods: '10' },
        { cpu: '4', memory: '8Gi', pods: '10' },
        {
          ...{ amount: '8', currency: 'EUR', period: 'hour' },
        },
      ),
      OWNER,
    )!
    const { units: _, ...plain } = spec.price
    const offered = { spec: { ...spec, price: plain } }
    expect(offeredPrice(offered, [{ margin: '10%' }], { cpu: '1', memory: '4Gi', pods: '1' }).amount).toBe(
      '4.4',
    )
  })
})
