import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatMoney, parseMoney } from './money.ts'
import { costOver, partialPrice, withMargin, yearlyCost, type Price } from './price.ts'
import { UnreadableError } from './unreadable.ts'

const eur = (amount: string, period = 'hour'): Price => ({ amount, currency: 'EUR', period })
const WHOLE = { cpu: '4', memory: '8Gi', pods: '10' }

describe('the price of a part', () => {
  it('is that of its largest share', () => {
    expect(partialPrice(eur('8'), { cpu: '1', memory: '1Gi', pods: '1' }, WHOLE)).toEqual(eur('2'))
    expect(partialPrice(eur('8'), { cpu: '1', memory: '6Gi' }, WHOLE)).toEqual(eur('6'))
    expect(partialPrice(eur('8'), WHOLE, WHOLE)).toEqual(eur('8'))
  })

  it('is nothing where nothing is asked, and the whole for what is not a part', () => {
    expect(partialPrice(eur(''), { cpu: '1' }, WHOLE)).toEqual(eur(''))
    expect(partialPrice(eur('8'), { cpu: '40' }, WHOLE)).toEqual(eur('8'))
    expect(partialPrice(eur('8'), { gpu: '1' }, WHOLE)).toEqual(eur('0'))
  })

  it('is rounded up to a billionth', () => {
    expect(partialPrice(eur('1'), { cpu: '1' }, { cpu: '3' })).toEqual(eur('0.333333334'))
  })

  it('grows with the part, never exceeds the whole, and parts together cost at least the whole', () => {
    const share = fc.integer({ min: 0, max: 4_000 })
    fc.assert(
      fc.property(share, share, fc.integer({ min: 1, max: 10 ** 9 }), (one, other, amount) => {
        const price = eur(formatMoney(BigInt(amount)))
        const of = (milli: number): bigint =>
          parseMoney(partialPrice(price, { cpu: `${milli}m` }, { cpu: '4' }).amount)
        expect(of(one)).toBeLessThanOrEqual(BigInt(amount))
        if (one <= other) expect(of(one)).toBeLessThanOrEqual(of(other))
        expect(of(one) + of(4_000 - one)).toBeGreaterThanOrEqual(BigInt(amount))
      }),
    )
  })

  it('never is more than a buyer expects who reckons with the rest of a divided flavor', () => {
    const milli = fc.integer({ min: 1, max: 4_000 })
    const mebi = fc.integer({ min: 1, max: 8_192 })
    fc.assert(
      fc.property(
        milli,
        mebi,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (cpu, memory, x, y) => {
          const free = { cpu: `${cpu}m`, memory: `${memory}Mi` }
          const part = { cpu: `${Math.floor(cpu * x)}m`, memory: `${Math.floor(memory * y)}Mi` }
          const asked = partialPrice(eur('7'), part, WHOLE)
          const expected = partialPrice(partialPrice(eur('7'), free, WHOLE), part, free)
          expect(parseMoney(asked.amount)).toBeLessThanOrEqual(parseMoney(expected.amount))
        },
      ),
    )
  })
})

describe('a margin', () => {
  it('is added and rounded up; what is no percentage is an error', () => {
    expect(withMargin(eur('2'), '2.5%')).toEqual(eur('2.05'))
    expect(withMargin(eur('0.000000001'), '1%')).toEqual(eur('0.000000002'))
    for (const margin of [undefined, '']) expect(withMargin(eur('2'), margin)).toEqual(eur('2'))
    for (const margin of ['5', '-5%', '1000%', '5.55555%', 'x%'])
      expect(() => withMargin(eur('2'), margin)).toThrow(UnreadableError)
    expect(withMargin(eur(''), '5%')).toEqual(eur(''))
  })
})

describe('costs', () => {
  it('compare prices of different periods', () => {
    expect(yearlyCost(eur('1', 'hour'))).toBe(yearlyCost(eur('24', 'day')))
    expect(yearlyCost(eur('1', 'Hourly'))).toBe(yearlyCost(eur('1', 'hour')))
    expect(() => yearlyCost(eur('1', 'fortnight'))).toThrow(UnreadableError)
  })

  it('are what a time costs, rounded up', () => {
    expect(costOver(eur('3.6', 'hour'), 1_000)).toBe(1_000_000_000n)
    expect(costOver(eur('1', 'day'), 1)).toBe(11_575n)
    expect(() => costOver(eur('1', 'x'), 1)).toThrow(UnreadableError)
  })
})
