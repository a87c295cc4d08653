/** With whom a node deals: the four policies, and the word of the user, which goes before each of them. */
import { afterEach, describe, expect, it } from 'vitest'
import { mutate } from '../../src/kernel/object-store.ts'
import { PeerKind } from '../../src/objects/peer.ts'
import { startMarket, type Market, type MarketConfig } from '../support/market.ts'
import { outsider } from './ask.ts'

const LIST = { method: 'GET', path: '/api/v2/flavors' } as const
/** Refused as malformed by whoever lets the caller come so far. */
const RESERVE = { method: 'POST', path: '/api/v2/reservations', body: {} } as const

type Names = 'seller' | 'member' | 'configured' | 'foreign' | 'stranger'

describe('acceptance', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  async function begin(acceptance: MarketConfig['acceptance']): Promise<void> {
    const seller: MarketConfig = {
      ...(acceptance === undefined ? {} : { acceptance }),
      trusts: ['example.com'],
      peers: ['configured'],
      sell: { capacity: { cpu: '4', memory: '4Gi', pods: '10' } },
      allowWorkloads: true,
    }
    market = await startMarket(31, {
      seller,
      member: { peers: ['seller'] },
      configured: { domain: 'example.net', peers: ['seller'] },
      foreign: { domain: 'example.com', peers: ['seller'], trusts: ['example.org'] },
      stranger: { domain: 'example.edu', peers: ['seller'] },
    })
    await market.simulation.advance(5_000)
  }

  /** What the seller lets a node do, and what the user of the seller sees of it. */
  async function dealing(name: Names): Promise<string> {
    const { seller } = market.nodes
    const caller = outsider(market, name)
    const may = async (call: Parameters<typeof caller.outcome>[1]): Promise<boolean> => {
      const outcome = await caller.outcome(seller, call)
      return !['peer-not-accepted', 'peer-unknown', 'peer-rejected'].includes(outcome)
    }
    const peer = (await seller.store.list(PeerKind)).items.find(({ spec }) => spec.nodeID === caller.id)
    const rights = [...((await may(LIST)) ? ['lists'] : []), ...((await may(RESERVE)) ? ['buys'] : [])]
    return [peer?.status?.phase, ...rights].join(' ')
  }

  async function all(): Promise<Readonly<Record<string, string>>> {
    const names = ['member', 'configured', 'foreign', 'stranger'] as const
    return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await dealing(name)])))
  }

  async function decide(name: Names, accepted: boolean | undefined): Promise<void> {
    const { seller } = market.nodes
    const id = outsider(market, name).id
    const peer = (await seller.store.list(PeerKind)).items.find(({ spec }) => spec.nodeID === id)!
    await mutate(seller.store, PeerKind, { name: peer.metadata.name }, ({ spec, ...rest }) => {
      const { accepted: _, ...others } = spec
      return { ...rest, spec: accepted === undefined ? others : { ...others, accepted } }
    })
    await market.simulation.settle()
  }

  it('"domain" deals with members of our and of trusted domains, and lets those look whom we configured', async () => {
    await begin('domain')
    expect(await all()).toEqual({
      member: 'Accepted lists buys',
      configured: 'Known lists',
      foreign: 'Accepted lists buys',
      stranger: 'Unknown',
    })
  })

  it('"ask" deals with nobody until the user says so', async () => {
    await begin('ask')
    expect(await all()).toEqual({
      member: 'Known lists',
      configured: 'Known lists',
      foreign: 'Known lists',
      stranger: 'Unknown',
    })
    await decide('foreign', true)
    await decide('stranger', true)
    await decide('member', false)
    expect(await all()).toEqual({
      member: 'Rejected',
      configured: 'Known lists',
      foreign: 'Accepted lists buys',
      stranger: 'Accepted lists buys',
    })
    await decide('stranger', undefined)
    await decide('member', true)
    expect(await all()).toMatchObject({ stranger: 'Unknown', member: 'Accepted lists buys' })
  })

  it('"listed" deals with those of the configuration, whoever else vouches for the rest', async () => {
    await begin('listed')
    expect(await all()).toEqual({
      member: 'Known lists',
      configured: 'Accepted lists buys',
      foreign: 'Known lists',
      stranger: 'Unknown',
    })
    await decide('configured', false)
    expect(await dealing('configured')).toBe('Rejected')
  })

  it('"anyone-for-listing" lets everybody look, and nobody buy', async () => {
    await begin('anyone-for-listing')
    expect(await all()).toEqual({
      member: 'Known lists',
      configured: 'Known lists',
      foreign: 'Known lists',
      stranger: 'Known lists',
    })
    await decide('stranger', true)
    expect(await dealing('stranger')).toBe('Accepted lists buys')
  })

  it('keeps what the user decided over a restart, whatever the peer says of itself', async () => {
    await begin('domain')
    await decide('member', false)
    const { seller } = market.nodes
    await seller.kill()
    await seller.restart()
    await market.simulation.advance(70_000)
    expect(await dealing('member')).toBe('Rejected')
    expect(await dealing('foreign')).toBe('Accepted lists buys')
  })
})
