/** Attacks of a buyer that reserves and never buys: it costs it nothing, and nobody else can buy. */
import { describe } from 'vitest'
import type { Config } from '../../src/config/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { FlavorKind } from '../../src/objects/flavor.ts'
import { TransactionKind } from '../../src/objects/transaction.ts'
import { SampleKind } from '../../src/objects/sample.ts'
import { isProblem } from '../../src/rear/problem.ts'
import { RearClient } from '../../src/rear/client.ts'
import { testIdentity } from '../support/identities.ts'
import { startMarket, type Market } from '../support/market.ts'
import { activeContracts } from '../support/invariants.ts'
import { clientOf, CONSUMER, intent, passing, provider, run } from '../support/scenario.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

type Names = 'seller' | 'greedy' | 'twin'
type Holds = NonNullable<NonNullable<Config['contracts']>['holds']>

/** The time that a report says: recognisable among those that were really measured. */
const NEVER_MEASURED = '2030-01-01T00:00:30.5Z'

const NO_LIMITS: Holds = { perBuyer: 100_000, perDomain: 100_000, perMinute: 100_000, share: 1 }

async function withSeller(
  holds: Holds | undefined,
  tries: (market: Market<Names>, reserve: Reserve) => Promise<Tried>,
): Promise<Tried> {
  const market = await startMarket(91, {
    seller: { ...provider('1000', '1'), ...(holds && { contracts: { holds } }) },
    greedy: { ...CONSUMER, peers: ['seller'] },
    twin: { ...CONSUMER, peers: ['seller'] },
  })
  try {
    await market.simulation.advance(1_000)
    const clients = { greedy: clientOf(market, 'greedy'), twin: clientOf(market, 'twin') }
    return await tries(market, (name, key, cpu, more) => reserve(market, clients[name], name, key, cpu, more))
  } finally {
    await market.stop()
  }
}

type Reserve = (name: 'greedy' | 'twin', key: string, cpu: string, more?: object) => Promise<string>

/** @returns `held`, or the code and detail of the refusal */
async function reserve(
  market: Market<Names>,
  client: RearClient,
  name: 'greedy' | 'twin',
  key: string,
  cpu: string,
  more: object = {},
): Promise<string> {
  const { seller } = market.nodes
  const [flavor] = (await seller.store.list(FlavorKind)).items
  const { id, address, domain } = market.nodes[name]
  try {
    await passing(
      market,
      client.call(
        { address: seller.address },
        {
          method: 'POST',
          path: '/api/v2/reservations',
          body: {
            flavorID: flavor?.metadata.name ?? 'none',
            buyerID: { ID: id, IP: address, domain },
            configuration: {
              type: 'k8slice',
              data: { cpu, memory: cpu === '0' ? '0' : '64Mi', pods: cpu === '0' ? '0' : '1' },
            },
            key,
            ...more,
          },
        },
      ),
    )
    return 'held'
  } catch (error) {
    if (isProblem(error)) return `${error.code}: ${error.detail}`
    throw error
  }
}

/** Holds again and again; succeeds when all are held. */
async function many(
  reserve: Reserve,
  count: number,
  cpu: string,
  who: readonly ('greedy' | 'twin')[],
): Promise<Tried> {
  for (let index = 0; index < count; index++) {
    const outcome = await reserve(who[index % who.length]!, `k${index}`, cpu)
    if (outcome !== 'held') return failed(outcome)
  }
  return succeeded(`${count} held`)
}

describe('holds', () => {
  const small: Holds = { ...NO_LIMITS, perBuyer: 5 }
  attack('a buyer holds ever more parts at a time', {
    defended: () => withSeller(small, (_, reserve) => many(reserve, 10, '500m', ['greedy'])),
    stoppedBy: /^too-many-requests: a buyer may hold 5 parts at a time/,
    control: () => withSeller(NO_LIMITS, (_, reserve) => many(reserve, 10, '500m', ['greedy'])),
  })

  const domain: Holds = { ...NO_LIMITS, perDomain: 8 }
  attack('the nodes of one domain hold together what none of them may hold alone', {
    defended: () => withSeller(domain, (_, reserve) => many(reserve, 10, '500m', ['greedy', 'twin'])),
    stoppedBy: /^too-many-requests: the buyers of a domain may hold 8/,
    control: () => withSeller(NO_LIMITS, (_, reserve) => many(reserve, 10, '500m', ['greedy', 'twin'])),
  })

  attack('a buyer holds most of a pool again and again, each time when the hold has run out', {
    defended: () => withSeller(undefined, again),
    stoppedBy: /^too-many-requests: who lets holds run out may hold 50 % of a pool/,
    control: () => withSeller(NO_LIMITS, again),
  })

  const slow: Holds = { ...NO_LIMITS, perMinute: 5 }
  attack('a buyer reserves so often that the seller does nothing else', {
    defended: () => withSeller(slow, often),
    stoppedBy: /^too-many-requests: a buyer may hold 5 parts a minute/,
    control: () => withSeller(NO_LIMITS, often),
  })

  attack('a buyer fills the ledger with holds of nothing', {
    defended: () => withSeller(undefined, (_, reserve) => many(reserve, 3, '0', ['greedy'])),
    stoppedBy: /^(wrong-configuration: nothing is asked for|not-partitionable)/,
    control: () => withSeller(undefined, (_, reserve) => many(reserve, 3, '500m', ['greedy'])),
  })
})

async function again(market: Market<Names>, reserve: Reserve): Promise<Tried> {
  for (const key of ['one', 'two', 'three']) {
    const outcome = await reserve('greedy', key, '900')
    if (outcome !== 'held') return failed(outcome)
    await market.simulation.advance(125_000)
  }
  return succeeded('held most of the pool three times')
}

async function often(market: Market<Names>, reserve: Reserve): Promise<Tried> {
  for (let index = 0; index < 10; index++) {
    const outcome = await reserve('greedy', `k${index}`, '500m')
    if (outcome !== 'held') return failed(outcome)
    await market.simulation.advance(10)
  }
  return succeeded('ten in a second')
}

describe('what a buyer has stored', () => {
  const long = 'x'.repeat(40_000)
  const storedCharacters = async (market: Market<Names>): Promise<number> =>
    JSON.stringify((await market.nodes.seller.store.list(TransactionKind)).items).length

  for (const [what, more] of [
    [
      'a domain of forty thousand characters',
      (id: string) => ({ buyerID: { ID: id, IP: 'x:1', domain: long } }),
    ],
    [
      'an address of forty thousand characters',
      (id: string) => ({ buyerID: { ID: id, IP: long, domain: 'd' } }),
    ],
    [
      'a cluster id of forty thousand characters',
      (id: string) => ({
        buyerID: { ID: id, IP: 'x:1', domain: 'd', additionalInformation: { liqoID: long } },
      }),
    ],
    [
      'a member of its identity that nobody knows',
      (id: string) => ({
        buyerID: { ID: id, IP: 'x:1', domain: 'd', additionalInformation: { more: long } },
      }),
    ],
  ] as readonly (readonly [string, (id: string) => object])[]) {
    attack(`a buyer has the seller store ${what}`, {
      defended: () =>
        withSeller(undefined, (market, reserve) => store(market, reserve, more(market.nodes.greedy.id))),
      stoppedBy: /malformed-body|stored \d{1,4} characters/,
      // Longer ones are stored where they belong: in the configuration, which is echoed; and the body bounds them.
      control: () =>
        withSeller(undefined, (market, reserve) =>
          store(market, reserve, {
            configuration: { type: 'k8slice', data: { cpu: '1', memory: '1Gi', pods: '1', note: long } },
          }),
        ),
    })
  }

  async function store(market: Market<Names>, reserve: Reserve, more: object): Promise<Tried> {
    const outcome = await reserve('greedy', 'k', '500m', more)
    if (outcome !== 'held') return failed(outcome)
    const stored = await storedCharacters(market)
    return stored > 40_000 ? succeeded(`stored ${stored} characters`) : failed(`stored ${stored} characters`)
  }

  attack('a side of a contract has the other store what is no measurement, with its telemetry', {
    defended: () => report({ note: long.slice(0, 3_000) }),
    stoppedBy: /^stored: at available by bytesIn|^stored: at available by$/,
    // What is one is kept.
    control: () => report({ pods: 3 }),
  })

  async function report(more: object): Promise<Tried> {
    return withSeller(undefined, async (market) => {
      const { greedy, seller } = market.nodes
      await run(market, greedy, intent('job', '1'))
      const [contract] = await activeContracts(greedy)
      const { name } = contract!.metadata
      await passing(market, reportAs(market, name, more))
      const kept = (await seller.store.list(SampleKind)).items
        .flatMap(({ status }) => status?.measurements ?? [])
        .filter(({ by, at }) => by === greedy.id && at === NEVER_MEASURED)
      const members = Object.keys(kept.at(-1) ?? {}).sort()
      const saw = `stored: ${members.join(' ')}`
      return members.some((member) => member in more) ? succeeded(saw) : failed(saw)
    })
  }

  function reportAs(market: Market<Names>, contractID: string, more: object): Promise<unknown> {
    const transport = market.network.transport(testIdentity('greedy'), 'reporter.example:1')
    const client = new RearClient({ transport, system: market.simulation.named('reporter'), log: silentLog })
    return client.call(
      { address: market.nodes.seller.address },
      {
        method: 'POST',
        path: `/api/v2/contracts/${contractID}/telemetry`,
        body: { at: NEVER_MEASURED, by: 'whoever', available: true, ...more },
      },
    )
  }
})
