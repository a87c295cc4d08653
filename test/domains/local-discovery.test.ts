/** Finding each other on the local network: who is found there is known, and trusted no further than it proves. */
import { afterEach, describe, expect, it } from 'vitest'
import { KnownClusterKind } from '../../src/objects/known-cluster.ts'
import { PeerKind, type Peer } from '../../src/objects/peer.ts'
import { testIdentity } from '../support/identities.ts'
import { startMarket, type Market, type MarketNode } from '../support/market.ts'
import { outsider } from './ask.ts'

const LIST = { method: 'GET', path: '/api/v2/flavors' } as const
const ON = { neighbours: { mdns: true } }

let market: Market<string>
afterEach(() => market.stop())

async function peerOf(at: MarketNode, id: string): Promise<Peer | undefined> {
  return (await at.store.list(PeerKind)).items.find(({ spec }) => spec.nodeID === id)
}

describe('neighbours', () => {
  it('find each other without any configuration, and deal with each other in one domain', async () => {
    market = await startMarket(51, { alpha: ON, beta: ON, off: { neighbours: { mdns: false } } })
    await market.simulation.advance(5_000)
    const { alpha, beta, off } = market.nodes as Record<string, MarketNode>
    for (const [at, of] of [
      [alpha!, beta!],
      [beta!, alpha!],
    ] as const) {
      expect(await peerOf(at, of.id)).toMatchObject({
        spec: { address: of.address },
        status: { phase: 'Accepted', domain: 'example.org' },
      })
    }
    expect(await peerOf(alpha!, off!.id)).toBeUndefined()
    expect((await off!.store.list(PeerKind)).items).toEqual([])
  })

  it('of domains that nobody here trusts are seen, and get nothing', async () => {
    market = await startMarket(52, { alpha: ON, foreign: { ...ON, domain: 'example.com' } })
    await market.simulation.advance(5_000)
    const { alpha, foreign } = market.nodes as Record<string, MarketNode>
    expect((await peerOf(alpha!, foreign!.id))?.status?.phase).toBe('Unknown')
    expect(await outsider(market, 'foreign').outcome(alpha!, LIST)).toBe('peer-unknown')
  })

  it('that are not there, and that nobody vouches for, are forgotten', async () => {
    market = await startMarket(53, { alpha: ON })
    const { alpha } = market.nodes as Record<string, MarketNode>
    const ghost = testIdentity('ghost').id
    const txt = { id: ghost, role: 'node' }
    market.localNetwork.shout({ name: 'ghost', port: 7000, txt, addresses: ['10.9.9.9'], sender: '10.9.9.9' })
    await market.simulation.advance(1_000)
    expect(await peerOf(alpha!, ghost)).toBeDefined()
    // It is said to be there all the time; it is never there for long in our table.
    let absent = 0
    for (let i = 0; i < 300; i++) {
      await market.simulation.advance(2_000)
      if ((await peerOf(alpha!, ghost)) === undefined) absent++
    }
    expect(absent).toBeGreaterThan(0)
  })

  it('are got to know when the user writes down where they are, as for an upstream node', async () => {
    market = await startMarket(55, { alpha: {}, beta: {} })
    const { alpha, beta } = market.nodes as Record<string, MarketNode>
    const write = (name: string, address: string) =>
      alpha!.store.create(KnownClusterKind, { metadata: { name, namespace: 'default' }, spec: { address } })
    await write('knowncluster-beta', beta!.address)
    await write('knowncluster-nonsense', 'nowhere')
    await market.simulation.advance(2_000)
    expect((await alpha!.store.list(PeerKind)).items).toMatchObject([
      { spec: { nodeID: beta!.id, address: beta!.address }, status: { name: 'beta', phase: 'Accepted' } },
    ])
    await alpha!.kill()
    await alpha!.restart()
    await market.simulation.advance(2_000)
    expect((await alpha!.store.list(PeerKind)).items).toHaveLength(1)
  })

  it('of the upstream kind are noted from their datagrams, and hear of us where we speak plain HTTP only', async () => {
    const group = { group: '239.11.11.1', port: 4000 }
    market = await startMarket(54, {
      alpha: { neighbours: { mdns: false, multicast: { address: '239.11.11.1:4000' } } },
    })
    const { alpha } = market.nodes as Record<string, MarketNode>
    market.datagrams.shout(group, 'null')
    market.datagrams.shout(group, '{"domain":"fluidos.eu","nodeID":"node-cons","ip":"10.99.0.2:3005"}')
    await market.simulation.advance(6_000)
    expect((await alpha!.store.list(KnownClusterKind)).items).toMatchObject([
      { metadata: { name: 'knowncluster-node-cons' }, spec: { address: '10.99.0.2:3005' } },
    ])
    expect(market.datagrams.sent).toEqual([])
    await market.simulation.advance(20_000)
    expect((await alpha!.store.list(KnownClusterKind)).items).toEqual([])
  })
})
