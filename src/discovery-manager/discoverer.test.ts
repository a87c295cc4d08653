import { afterEach, describe, expect, it } from 'vitest'
import { startMarket, type Market, type MarketNode } from '../../test/support/market.ts'
import { CONSUMER, provider, until } from '../../test/support/scenario.ts'
import { DiscoveryKind, type Discovery } from '../objects/discovery.ts'

type Names = 'consumer' | 'near' | 'far' | 'dead' | 'other'

describe('asking everybody', () => {
  let market: Market<Names>
  let count = 0
  afterEach(() => market.stop())

  /** One seller near by, one 200 ms away; two more that can be cut off. */
  async function start(): Promise<void> {
    market = await startMarket<Names>(11, {
      near: provider('4', '1'),
      far: provider('4', '1'),
      dead: provider('4', '1'),
      other: provider('4', '1'),
      consumer: { ...CONSUMER, peers: ['near', 'far', 'dead', 'other'] },
    })
    const { consumer } = market.nodes
    await until(
      market,
      consumer,
      async () => market.nodes.consumer.node.status().peers.filter(isAccepted).length === 4,
    )
    await market.simulation.advance(1_000)
  }

  function isAccepted({ phase }: { readonly phase?: string | undefined }): boolean {
    return phase === 'Accepted'
  }

  const cutOff = (name: Names): void =>
    market.network.setFaults({ loss: 1 }, [market.nodes.consumer.address, market.nodes[name].address])
  const bringBack = (name: Names): void =>
    market.network.setFaults({ loss: 0 }, [market.nodes.consumer.address, market.nodes[name].address])

  /** @returns how long a discovery took, in simulated milliseconds, and who answered */
  async function discover(): Promise<{ readonly ms: number; readonly answered: readonly string[] }> {
    const { consumer } = market.nodes
    const key = { namespace: 'default', name: `discovery-${++count}` }
    const start = market.simulation.now()
    await consumer.store.create(DiscoveryKind, {
      metadata: key,
      spec: { solverID: 's', subscribe: false, selector: { flavorType: 'K8Slice' } },
    })
    let end = start
    let found: Discovery | undefined
    while (found?.status?.phase.phase !== 'Solved') {
      expect(market.simulation.now() - start, JSON.stringify(found?.status)).toBeLessThan(10_000)
      await market.simulation.advance(5)
      end = market.simulation.now()
      found = await consumer.store.get(DiscoveryKind, key)
    }
    const answers = (found.status as unknown as { answers: readonly { peer: string; error?: string }[] })
      .answers
    return {
      ms: end - start,
      answered: answers.filter(({ error }) => error === undefined).map(({ peer }) => nameOf(peer)),
    }
  }

  function nameOf(id: string): string {
    const nodes = Object.entries(market.nodes) as [Names, MarketNode][]
    return nodes.find(([, node]) => node.id === id)![0]
  }

  it('waits for an endpoint that died once, and from then on as long as if it were not there', async () => {
    await start()
    const before = await discover()
    expect(before.answered).toHaveLength(4)
    cutOff('dead')
    const first = await discover()
    expect(first.ms).toBeGreaterThan(before.ms + 100)
    // While its silence is not yet long enough to be a failure, a little longer.
    expect((await discover()).ms).toBeLessThanOrEqual(1.5 * before.ms + 10)
    // Neither after that, nor when it is left out no longer.
    for (const pauseMs of [4_000, 4_000, 4_000, 60_000]) {
      await market.simulation.advance(pauseMs)
      const { ms, answered } = await discover()
      expect(ms).toBeLessThanOrEqual(before.ms + 10)
      expect(answered.toSorted()).toEqual(['far', 'near', 'other'])
    }
  })

  it('waits again for an endpoint that is back', async () => {
    await start()
    cutOff('dead')
    await discover()
    await discover()
    bringBack('dead')
    // Asked, although nobody waits for it.
    await market.simulation.advance(60_000)
    await discover()
    await market.simulation.advance(1_000)
    expect((await discover()).answered).toHaveLength(4)
  })

  it('waits for those that did not answer when nobody else is left', async () => {
    await start()
    for (const name of ['near', 'far', 'dead', 'other'] as const) cutOff(name)
    const { consumer } = market.nodes
    await consumer.store.create(DiscoveryKind, {
      metadata: { namespace: 'default', name: 'in-vain' },
      spec: { solverID: 's', subscribe: false, selector: { flavorType: 'K8Slice' } },
    })
    await market.simulation.advance(5_000)
    for (const name of ['near', 'far', 'dead', 'other'] as const) bringBack(name)
    expect((await discover()).answered).toHaveLength(4)
  })
})
