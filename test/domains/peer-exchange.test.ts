/** Getting to know the others of a domain through its supernode, and what a lying one can do. */
import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/kernel/log.ts'
import { PeerKind, type Peer } from '../../src/objects/peer.ts'
import { createRearApp, type Route } from '../../src/rear/route.ts'
import { testIdentity } from '../support/identities.ts'
import { startMarket, type Market, type MarketNode } from '../support/market.ts'
import { outsider } from './ask.ts'

const LIST = { method: 'GET', path: '/api/v2/peers' } as const

let market: Market<string>
afterEach(() => market.stop())

async function peerOf(at: MarketNode, id: string): Promise<Peer | undefined> {
  return (await at.store.list(PeerKind)).items.find(({ spec }) => spec.nodeID === id)
}

describe('peer exchange through the supernode', () => {
  it('make two nodes that each know the supernode only know each other', async () => {
    market = await startMarket(21, {
      super: { role: 'supernode' },
      alpha: { peers: ['super'] },
      beta: { peers: ['super'] },
    })
    await market.simulation.advance(10_000)
    const { alpha, beta } = market.nodes as Record<string, MarketNode>
    for (const [at, of] of [
      [alpha!, beta!],
      [beta!, alpha!],
    ] as const) {
      expect(await peerOf(at, of.id)).toMatchObject({
        spec: { address: of.address },
        status: { phase: 'Accepted', domain: 'example.org', role: 'node' },
      })
    }
  })

  it('reach a node that joins later, and the node that joins, within a minute', async () => {
    market = await startMarket(22, {
      super: { role: 'supernode' },
      alpha: { peers: ['super'] },
      late: { peers: ['super'] },
    })
    const { alpha, late } = market.nodes as Record<string, MarketNode>
    await late!.kill()
    await market.simulation.advance(120_000)
    await late!.restart()
    await market.simulation.advance(61_000)
    expect((await peerOf(late!, alpha!.id))?.status?.phase).toBe('Accepted')
    expect((await peerOf(alpha!, late!.id))?.status?.phase).toBe('Accepted')
  })

  it('say of who cannot be reached why, also before it was ever known who is there, and try again soon', async () => {
    market = await startMarket(29, { alpha: { peers: [{ node: 'late', id: false }] }, late: {} })
    const { alpha, late } = market.nodes as Record<string, MarketNode>
    await late!.kill()
    await alpha!.kill()
    await market.simulation.advance(1_000)
    await alpha!.restart()
    await market.simulation.advance(120_000)
    const { items } = await alpha!.store.list(PeerKind)
    const unknown = items.find(({ spec }) => spec.nodeID === undefined)
    expect(unknown?.status).toMatchObject({ phase: 'Unreachable' })
    expect(unknown?.status?.message).toContain(late!.address)
    await late!.restart()
    await market.simulation.advance(11_000)
    expect(await peerOf(alpha!, late!.id)).toMatchObject({ status: { phase: 'Accepted' } })
  })

  it('make a node known, not trusted, where the user is to be asked', async () => {
    market = await startMarket(23, {
      super: { role: 'supernode' },
      alpha: { peers: [{ node: 'super', accept: true }], acceptance: 'ask' },
      beta: { peers: ['super'] },
    })
    await market.simulation.advance(10_000)
    const { alpha, beta } = market.nodes as Record<string, MarketNode>
    expect((await peerOf(alpha!, beta!.id))?.status?.phase).toBe('Known')
    expect((await peerOf(beta!, alpha!.id))?.status?.phase).toBe('Accepted')
  })

  it('are for members: neither strangers nor other domains are told who belongs to this one', async () => {
    market = await startMarket(24, {
      super: { role: 'supernode', trusts: ['example.com'] },
      alpha: { peers: ['super'] },
      foreign: { role: 'supernode', domain: 'example.com', trusts: ['example.org'], peers: ['super'] },
    })
    await market.simulation.advance(130_000)
    const { super: supernode, alpha, foreign } = market.nodes as Record<string, MarketNode>
    expect((await peerOf(foreign!, supernode!.id))?.status?.phase).toBe('Accepted')
    expect(await peerOf(foreign!, alpha!.id)).toBeUndefined()
    expect((await outsider(market, 'foreign').ask(supernode!, LIST)).body).toEqual({ peers: [] })
    expect(await outsider(market, 'eve').outcome(supernode!, LIST)).toBe('peer-not-accepted')
    expect(await outsider(market, 'super').outcome(alpha!, LIST)).toBe('not-supported')
  })

  it('are for the supernodes of those domains too that the configuration names', async () => {
    market = await startMarket(25, {
      super: { role: 'supernode', trusts: ['example.com'], introduceTo: ['example.com'] },
      alpha: { peers: ['super'] },
      foreign: { role: 'supernode', domain: 'example.com', trusts: ['example.org'], peers: ['super'] },
      inside: { domain: 'example.com', trusts: ['example.org'], peers: ['super'] },
    })
    await market.simulation.advance(130_000)
    const { super: supernode, alpha, foreign, inside } = market.nodes as Record<string, MarketNode>
    expect((await peerOf(foreign!, alpha!.id))?.status).toMatchObject({ domain: 'example.org' })
    expect(await peerOf(inside!, alpha!.id)).toBeUndefined()
    expect((await outsider(market, 'inside').ask(supernode!, LIST)).body).toEqual({ peers: [] })
  })

  it('are made page by page, each member once', async () => {
    market = await startMarket(26, { super: { role: 'supernode' }, alpha: { peers: ['super'] } })
    await market.simulation.advance(1_000)
    const domain = market.domains.get('example.org')!
    const supernode = market.nodes['super']!
    for (let i = 0; i < 620; i++) {
      const member = testIdentity(`member ${i}`)
      await outsider(market, `member ${i}`).ask(supernode, {
        method: 'POST',
        path: '/api/v2/hello',
        body: {
          identity: { ID: member.id, IP: `member-${i}.example.org:7000`, domain: 'example.org' },
          name: `member-${i}`,
          role: 'node',
          membership: domain.issue(member),
          capabilities: 1,
        },
      })
    }
    const first = await outsider(market, 'alpha').ask(supernode, LIST)
    const one = first.body as { peers: { identity: { ID: string } }[]; continue: string }
    expect(one.peers).toHaveLength(500)
    const rest = await outsider(market, 'alpha').ask(supernode, {
      ...LIST,
      path: `/api/v2/peers?after=${encodeURIComponent(one.continue)}`,
    })
    const two = rest.body as typeof one
    expect(two.continue).toBeUndefined()
    expect(new Set([...one.peers, ...two.peers].map(({ identity }) => identity.ID)).size).toBe(620)
  }, 30_000)

  it('prove nothing by themselves: a supernode cannot invent members, nor move those that are there', async () => {
    market = await startMarket(27, {
      super: { role: 'supernode' },
      alpha: { peers: ['super'] },
      beta: { peers: ['super'] },
    })
    await market.simulation.advance(5_000)
    const { super: supernode, alpha, beta } = market.nodes as Record<string, MarketNode>
    const domain = market.domains.get('example.org')!
    await supernode!.kill()
    // In its place, with its key and its credential, one that lies.
    const own = testIdentity('super')
    const entry = (id: string, IP: string, membership: string) => ({
      identity: { ID: id, IP, domain: 'example.org' },
      name: 'x',
      role: 'node',
      membership,
    })
    const ghost = testIdentity('ghost')
    const stranger = testIdentity('stranger')
    const betas = (await peerOf(alpha!, beta!.id))!.status!.membership!
    const lies: readonly unknown[] = [
      null,
      17,
      { identity: null },
      entry(ghost.id, 'ghost.example.org:7000', betas),
      entry(ghost.id, 'ghost.example.org:7000', 'nothing'),
      entry(stranger.id, 'stranger.example.org:7000', domain.issue(ghost)),
      entry(beta!.id, 'ghost.example.org:7000', betas),
      entry(ghost.id, '0.0.0.0:0', domain.issue(ghost)),
    ]
    let asked = 0
    const answer = (method: 'GET' | 'POST', path: string, body: () => unknown): Route => ({
      method,
      path,
      operationId: path,
      summary: '',
      access: 'anyone',
      responses: {},
      handle: () => Promise.resolve({ status: 200, body: body() }),
    })
    const app = createRearApp(
      [
        answer('POST', '/api/v2/hello', () => ({
          identity: { ID: own.id, IP: supernode!.address, domain: 'example.org' },
          name: 'super',
          role: { not: 'a role' },
          membership: domain.issue(own, 'supernode'),
          capabilities: 1,
          standing: 'king',
        })),
        answer('GET', '/api/v2/peers', () => {
          asked++
          return { peers: lies, continue: 'a' }
        }),
      ],
      { authorize: () => undefined, log: silentLog },
    )
    await market.network.transport(own, supernode!.address).listen({
      host: supernode!.address.split(':')[0]!,
      port: 7000,
      handler: app,
      onStream: () => undefined,
    })
    await market.simulation.advance(200_000)
    expect(asked).toBeGreaterThan(2)
    expect(asked).toBeLessThan(100)
    expect(await peerOf(alpha!, ghost.id)).toBeUndefined()
    expect(await peerOf(alpha!, stranger.id)).toBeUndefined()
    expect(await peerOf(alpha!, beta!.id)).toMatchObject({
      spec: { address: beta!.address },
      status: { phase: 'Accepted' },
    })
    expect((await peerOf(alpha!, own.id))?.status).toMatchObject({ role: 'supernode' })
  })
})
