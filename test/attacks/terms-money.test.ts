/** A seller, or a relay, has a buyer sign a price that the buyer did not read as what it is. */
import { describe } from 'vitest'
import { decodeFlavor } from '../../src/rear/wire/index.ts'
import { attack } from './support/attack.ts'
import { asBefore, asNow, askToSign, draft, listTo, offer } from './support/dealing.ts'

const PRICES = [
  ['1e9', { amount: '1e9', currency: 'EUR', period: 'hour' }],
  ['1,000,000.00', { amount: '1,000,000.00', currency: 'EUR', period: 'hour' }],
  ['an amount with 19 decimals', { amount: `9999.${'9'.repeat(19)}`, currency: 'EUR', period: 'hour' }],
  ['an amount in Arabic digits', { amount: '٩٩٩', currency: 'EUR', period: 'hour' }],
  ['a negative amount', { amount: '-1', currency: 'EUR', period: 'hour' }],
] as const

describe('a seller', () => {
  for (const [what, price] of PRICES) {
    attack(`has a buyer that pays at most 0.05 an hour sign ${what}`, {
      defended: async () => askToSign(asNow, draft({ price })),
      stoppedBy: /is not an amount/,
      control: async () => askToSign(asBefore, draft({ price })),
    })
  }

  attack('has its offer at 1e9 a fortnight taken by a buyer that pays at most 0.05 an hour', {
    defended: async () =>
      listTo(decodeFlavor, offer({ price: { amount: '1e9', currency: 'EUR', period: 'fortnight' } })),
    stoppedBy: /\$\.price: "1e9" is not an amount/,
    // Once it was read like this.
    control: async () =>
      listTo(
        (json) => decodeFlavor({ ...json, price: { amount: '0', currency: 'EUR', period: 'hour' } }),
        offer({ price: { amount: '1e9', currency: 'EUR', period: 'fortnight' } }),
      ),
  })

  attack('asks 1 EUR a fortnight, of which a buyer does not know how long it is', {
    defended: async () =>
      askToSign(asNow, draft({ price: { amount: '0.01', currency: 'EUR', period: 'fortnight' } })),
    stoppedBy: /"fortnight" is not a period/,
    control: async () =>
      askToSign(
        (asked, terms) => {
          const { amount } = terms['price'] as { amount: string }
          return Number(amount) > Number(asked.spec.price?.amount) ? 'too dear' : undefined
        },
        draft({ price: { amount: '0.01', currency: 'EUR', period: 'fortnight' } }),
      ),
  })

  attack('hides the price of a draft under another spelling of its name, which contracts are read by', {
    defended: async () => {
      const { price: _, ...terms } = draft()
      return askToSign(asNow, { ...terms, Price: { amount: '5000', currency: 'EUR', period: 'hour' } })
    },
    stoppedBy: /costs 5000 EUR\/hour, offered was 0.05/,
    control: async () => {
      const { price: _, ...terms } = draft()
      return askToSign(asBefore, { ...terms, Price: { amount: '5000', currency: 'EUR', period: 'hour' } })
    },
  })
})
