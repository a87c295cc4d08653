/** Attacks on traces: who was asked tries to see, or to drown, what was done for somebody else. */
import { randomBytes } from 'node:crypto'
import { describe } from 'vitest'
import { tooMany } from '../../src/kernel/retention/due-objects.ts'
import type { RearClient } from '../../src/rear/client.ts'
import { isProblem } from '../../src/rear/problem.ts'
import { TraceKind } from '../../src/objects/trace.ts'
import { startMarket, type Market } from '../support/market.ts'
import { clientOf, CONSUMER, intent, passing, provider, run } from '../support/scenario.ts'
import { without } from './support/without.ts'
import { TraceGathering } from '../../src/telemetry/index.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

const MEMBERS = ['seller', 'nosy'] as const

/** A consumer buys of `seller`; `nosy` was asked, and so knows the id of the trace. */
async function afterADeal<T>(
  then: (market: Market<'consumer' | 'seller' | 'nosy'>, traceID: string) => Promise<T>,
): Promise<T> {
  const market = await startMarket(71, {
    consumer: { ...CONSUMER, peers: [...MEMBERS] },
    seller: { ...provider('4', '1'), peers: ['nosy'] },
    nosy: { ...provider('4', '9'), peers: ['seller', 'consumer'] },
  })
  try {
    await market.simulation.advance(1_000)
    const done = await run(market, market.nodes.consumer, intent('job', '1'))
    await market.simulation.advance(2_000)
    return await then(market, done.status!.traceID!)
  } finally {
    await market.stop()
  }
}

/** What `reader` is shown of the trace at `of`. */
async function read(
  market: Market<'consumer' | 'seller' | 'nosy'>,
  reader: RearClient,
  of: 'consumer' | 'seller',
  traceID: string,
): Promise<Tried> {
  try {
    const { body } = await passing(
      market,
      reader.call(
        { address: market.nodes[of].address },
        { method: 'GET', path: `/api/v2/traces/${traceID}` },
      ),
    )
    const actions = (body as { events: { action: string }[] }).events.map(({ action }) => action)
    const saw = [...new Set(actions)].join(' ')
    return actions.includes('contract-drafted') || actions.includes('intent-accepted')
      ? succeeded(saw)
      : failed(saw)
  } catch (error) {
    if (!isProblem(error)) throw error
    return failed(error.code)
  }
}

/** `nosy` makes itself part of the trace: it sends a question of its own under the id. */
async function join(market: Market<string>, nosy: RearClient, at: string, traceID: string): Promise<void> {
  await passing(
    market,
    nosy.call(
      { address: market.nodes[at]!.address },
      {
        method: 'GET',
        path: '/api/v2/flavors',
        headers: { traceparent: `00-${traceID}-${randomBytes(8).toString('hex')}-01` },
      },
    ),
  )
}

/** As if who knows the id of a trace could see what was done for the consumer. */
function idsAreEnough(market: Market<string>, attempt: () => Promise<Tried>): Promise<Tried> {
  const { gather } = TraceGathering.prototype
  const { id } = market.nodes['consumer']!
  return without(
    TraceGathering.prototype,
    'gather',
    function (this: TraceGathering, traceID, _reader, hops, signal) {
      return gather.call(this, traceID, id, hops, signal)
    },
    attempt,
  )
}

describe('a trace of another', () => {
  attack('a provider that was asked reads at its competitor what that one did for the consumer', {
    defended: () =>
      afterADeal((market, traceID) => read(market, clientOf(market, 'nosy'), 'seller', traceID)),
    stoppedBy: /^not-found$/,
    control: () =>
      afterADeal((market, traceID) =>
        idsAreEnough(market, () => read(market, clientOf(market, 'nosy'), 'seller', traceID)),
      ),
  })

  attack('a provider that was asked joins the trace by a question of its own, and then reads it', {
    defended: () =>
      afterADeal(async (market, traceID) => {
        const nosy = clientOf(market, 'nosy')
        for (const at of ['seller', 'consumer'] as const) await join(market, nosy, at, traceID)
        const atConsumer = await read(market, nosy, 'consumer', traceID)
        return atConsumer.succeeded ? atConsumer : read(market, nosy, 'seller', traceID)
      }),
    stoppedBy: /^flavors-looked-up flavors-answered$/,
    control: () =>
      afterADeal(async (market, traceID) => {
        const nosy = clientOf(market, 'nosy')
        for (const at of ['seller', 'consumer'] as const) await join(market, nosy, at, traceID)
        return idsAreEnough(market, () => read(market, nosy, 'seller', traceID))
      }),
  })

  attack('a provider that was asked pushes the consumer’s steps out with a thousand questions under its id', {
    defended: () => afterADeal((market, traceID) => drown(market, traceID, 'nosy')),
    stoppedBy: /kept/,
    // What the consumer itself sends is its own, and the oldest of it goes.
    control: () => afterADeal((market, traceID) => drown(market, traceID, 'consumer')),
    timeout: 120_000,
  })

  attack('a peer pushes the traces of everybody else out by asking under ever new ids', {
    defended: async () => push((trace) => trace.from),
    stoppedBy: /all 10 of ours and 10 of another are left/,
    // The oldest go, whoever made them necessary.
    control: async () => push(() => undefined),
  })
})

async function drown(
  market: Market<'consumer' | 'seller' | 'nosy'>,
  traceID: string,
  by: 'consumer' | 'nosy',
): Promise<Tried> {
  const client = clientOf(market, by)
  const { address } = market.nodes.seller
  const ask = () =>
    client.call(
      { address },
      {
        method: 'GET',
        path: '/api/v2/flavors',
        headers: { traceparent: `00-${traceID}-${randomBytes(8).toString('hex')}-01` },
      },
    )
  for (let round = 0; round < 11; round++) await passing(market, Promise.all(Array.from({ length: 50 }, ask)))
  await market.simulation.advance(3_000)
  const traces = (await market.nodes.seller.store.list(TraceKind)).items
  const drafted = traces.some(({ status }) =>
    status?.events.some(({ action }) => action === 'contract-drafted'),
  )
  return drafted ? failed('the steps are kept') : succeeded('the steps are gone')
}

/** Ours, those of a peer, and then 500 of an attacker, where 100 are kept. */
function push(of: (trace: { readonly from?: string }) => string | undefined): Tried {
  const made = (count: number, from?: string) =>
    Array.from({ length: count }, () => (from === undefined ? {} : { from }))
  const all = [...made(10), ...made(10, 'friend'), ...made(500, 'attacker')]
  const going = new Set<object>(tooMany(all, all.length - 100, 50, of))
  const left = all.filter((trace) => !going.has(trace))
  const count = (from?: string): number =>
    left.filter((trace: { from?: string }) => trace.from === from).length
  return count() === 10 && count('friend') === 10
    ? failed('all 10 of ours and 10 of another are left')
    : succeeded(`${count()} of ours and ${count('friend')} of another are left`)
}
