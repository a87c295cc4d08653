/** What a buyer chose is one thing, what it is asked to sign another. */
import { describe } from 'vitest'
import { configurationOf } from '../../src/rear/configured-amounts.ts'
import { attack } from './support/attack.ts'
import { asBefore, asNow, askToSign, draft, offer, relay, reservation } from './support/dealing.ts'

const slice = (change: object): object => {
  const { type } = offer() as { type: { name: string; data: object } }
  return { type: { ...type, data: { ...type.data, ...change } } }
}

const SWAPS = [
  [
    'the place: Pyongyang for Berlin',
    { location: { altitude: 'KP', city: 'Pyongyang' } },
    /location-mismatch: KP/,
  ],
  [
    'what it is: a sensor for a slice',
    { type: { name: 'sensor', data: {} } },
    /of a flavor that is a sensor/,
  ],
  [
    'the security standards: none for GDPR',
    slice({ properties: { additionalProperties: { TEE: true } } }),
    /security-standard-missing: GDPR/,
  ],
  [
    'a property: no TEE for one',
    slice({ properties: { securityStandards: ['GDPR'], additionalProperties: { TEE: false } } }),
    /property-mismatch: TEE/,
  ],
] as const

describe('between offer and draft a seller swaps', () => {
  for (const [what, change, stoppedBy] of SWAPS) {
    const terms = (): ReturnType<typeof draft> => draft({ flavor: offer(change as never) })
    attack(what, {
      defended: async () => askToSign(asNow, terms()),
      stoppedBy,
      control: async () => askToSign(asBefore, terms()),
    })
  }
})

describe('a seller', () => {
  attack('puts a flavor into the draft that its owner never signed', {
    defended: async () =>
      askToSign(asNow, draft({ flavor: { ...offer(), location: { altitude: 'DE', city: 'Bonn' } } })),
    stoppedBy: /its owner did not sign/,
    control: async () =>
      askToSign(asBefore, draft({ flavor: { ...offer(), location: { altitude: 'DE', city: 'Bonn' } } })),
  })

  attack('sells a GPU along that nobody asked for', {
    defended: async () =>
      askToSign(
        asNow,
        draft({ configuration: configurationOf({ cpu: '1', memory: '1Gi', pods: '1', 'gpu.cores': '8' }) }),
      ),
    stoppedBy: /gives 8 gpu.cores, asked was none/,
    control: async () =>
      askToSign(
        asBefore,
        draft({ configuration: configurationOf({ cpu: '1', memory: '1Gi', pods: '1', 'gpu.cores': '8' }) }),
      ),
  })

  attack(
    'gives the draft the id of a contract that the buyer has already, which it then takes for this one',
    {
      defended: async () => askToSign(asNow, draft({ contractID: 'contract-0123456789abcdef' })),
      stoppedBy: /is of another transaction/,
      control: async () => askToSign(asBefore, draft({ contractID: 'contract-0123456789abcdef' })),
    },
  )
})

describe('a relay', () => {
  /** It said 1 % when the offer was chosen. */
  const asked = (price: { amount: string } | undefined) => {
    const spec = reservation({
      seller: { nodeID: relay.id, ip: 'there:1', domain: 'example.org' },
      margin: '1%',
    }).spec
    const { price: _, ...rest } = spec
    return reservation({
      ...rest,
      ...(price ? { price: { ...price, currency: 'EUR', period: 'hour' } } : { price: undefined as never }),
    })
  }
  const terms = (amount: string, margin: string): ReturnType<typeof draft> =>
    draft({
      seller: { ID: relay.id, IP: 'there:1', domain: 'example.org' },
      price: { amount, currency: 'EUR', period: 'hour' },
      extraInformation: { 'tributary.io/margin': margin },
    })

  attack('raises its margin from 1 to 100 percent after it was chosen, toward another relay', {
    defended: async () => askToSign(asNow, terms('0.0999', '100%'), asked({ amount: '0.0505' })),
    stoppedBy: /costs 0.0999 EUR\/hour, offered was 0.0505/,
    // Relays did not say in a reservation what they expect to pay at the next hop.
    control: async () => askToSign(asBefore, terms('0.0999', '100%'), asked(undefined)),
  })

  attack('takes another margin than it stated, from a price that the owner lowered for the buyer', {
    defended: async () => askToSign(asNow, terms('0.0505', '5%'), asked({ amount: '0.0505' })),
    stoppedBy: /adds a margin of 5%, stated was 1%/,
    control: async () => askToSign(asBefore, terms('0.0505', '5%'), asked({ amount: '0.0505' })),
  })
})
