/** A buyer, or a stranger, gets at RESERVE what LIST would not show it, or what only PURCHASE gives. */
import { describe } from 'vitest'
import { accessOf, type WireTransaction } from '../../src/rear/wire/index.ts'
import type { PoolSpec } from '../../src/objects/pool.ts'
import { isProblem } from '../../src/rear/problem.ts'
import { testIdentity } from '../support/identities.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'
import { whileSelling, type Selling } from './support/selling.ts'

const stranger = testIdentity('stranger')
const PASSWORD = 'correct horse battery staple'
const SERVICE: PoolSpec = {
  flavorType: 'service',
  capacity: { units: '2' },
  partition: {},
  data: {
    ...{ name: 'db', description: '', category: 'database', tags: [] },
    hostingPolicies: ['Provider'],
    configurationTemplate: {
      type: 'object',
      properties: { size: { enum: ['small', 'large'] } },
      additionalProperties: false,
    },
  },
  price: { amount: '1', currency: 'EUR', period: 'hour' },
  access: { url: 'postgres://db.example', password: PASSWORD },
}

async function told(attempt: () => Promise<Tried>): Promise<Tried> {
  try {
    return await attempt()
  } catch (error) {
    if (!isProblem(error)) throw error
    return failed(error.message)
  }
}

describe('a stranger', () => {
  for (const visibility of ['internal', 'listed'] as const) {
    const reserve = (audience: 'public' | 'internal'): Promise<Tried> =>
      whileSelling(
        { ...SERVICE, visibility },
        () => audience,
        ({ reserve: ask }) => told(async () => succeeded((await ask(stranger)).transactionID)),
      )
    attack(`that knows the id of a flavor reserves what is ${visibility}, and so not listed to it`, {
      defended: () => reserve('public'),
      stoppedBy: /flavor-not-found/,
      control: () => reserve('internal'),
    })
  }
})

describe('a buyer', () => {
  const found = (text: string): Tried =>
    text.includes(PASSWORD) ? succeeded(text) : failed(text.slice(0, 4_000))

  attack('reads the access data of a service before it has paid', {
    defended: () =>
      whileSelling(
        SERVICE,
        () => 'public',
        async ({ reserve }) => found(JSON.stringify(await reserve(stranger))),
      ),
    stoppedBy: /"contractID"/,
    // It stood in the draft.
    control: () =>
      whileSelling(
        SERVICE,
        () => 'public',
        async ({ reserve }) => {
          const answer = await reserve(stranger)
          const contract = { ...answer.contract, extraInformation: SERVICE.access }
          return found(JSON.stringify({ ...answer, contract }))
        },
      ),
  })

  const readTraces = async ({ reserve, purchase, events }: Selling, all: boolean): Promise<Tried> => {
    const contract = await purchase(stranger, await reserve(stranger))
    return found(JSON.stringify(all ? [events, contract] : events))
  }
  attack('reads the access data of others in the traces of the seller', {
    defended: () =>
      whileSelling(
        SERVICE,
        () => 'public',
        (selling) => readTraces(selling, false),
      ),
    stoppedBy: /^\[/,
    // What is answered to the buyer itself has it: if it were noted, it would be found.
    control: () =>
      whileSelling(
        SERVICE,
        () => 'public',
        (selling) => readTraces(selling, true),
      ),
  })

  const other = testIdentity('other')
  const fetchContract = (as: typeof stranger): Promise<Tried> =>
    whileSelling(
      SERVICE,
      () => 'public',
      async ({ reserve, purchase, seller }) => {
        const transaction: WireTransaction = await reserve(stranger)
        await purchase(stranger, transaction)
        return told(async () => {
          const again = await seller.purchase(transaction.transactionID, {}, as.id)
          return found(JSON.stringify(accessOf(again as never)))
        })
      },
    )
  attack('fetches the access data that another one paid for, with the id of its transaction', {
    defended: () => fetchContract(other),
    stoppedBy: /not-a-party/,
    control: () => fetchContract(stranger),
  })

  const configure = (pool: PoolSpec, data: object): Promise<Tried> =>
    whileSelling(
      pool,
      () => 'public',
      ({ reserve }) =>
        told(async () =>
          succeeded(JSON.stringify((await reserve(stranger, { type: 'service', data })).contract)),
        ),
    )
  const { configurationTemplate: _, hostingPolicies: __, ...unlimited } = SERVICE.data
  attack('has a service set up in a way that its template does not allow', {
    defended: () => configure(SERVICE, { configurationData: { size: 'huge' } }),
    stoppedBy: /\$\.configuration\.data\.configurationData\.size: must be equal to one of/,
    control: () => configure({ ...SERVICE, data: unlimited }, { configurationData: { size: 'huge' } }),
  })
  attack('has a service hosted where the seller does not host it', {
    defended: () => configure(SERVICE, { hostingPolicy: 'Consumer' }),
    stoppedBy: /\$\.configuration\.data\.hostingPolicy: must be one of Provider/,
    control: () =>
      configure(
        { ...SERVICE, data: { ...SERVICE.data, hostingPolicies: ['Consumer'] } },
        { hostingPolicy: 'Consumer' },
      ),
  })
})
