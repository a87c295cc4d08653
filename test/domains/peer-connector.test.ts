/** Connecting at once to a node that somebody else told of. */
import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/kernel/log.ts'
import { Informers } from '../../src/kernel/informer.ts'
import { PeerConnector, PeerHandshake, type ConnectOutcome } from '../../src/discovery-manager/index.ts'
import { PeerKind } from '../../src/objects/peer.ts'
import { PeerRegistry } from '../../src/privacy-and-security-manager/index.ts'
import { RearClient } from '../../src/rear/client.ts'
import { createMemoryStore } from '../../src/store/memory/index.ts'
import { Recorder } from '../../src/trace/index.ts'
import { testIdentity } from '../support/identities.ts'
import { startMarket, type Market } from '../support/market.ts'

type Names = 'provider' | 'picky'

describe('a connection to a peer', () => {
  let market: Market<Names>
  let stop: () => Promise<void>
  afterEach(async () => {
    await stop()
    await market.stop()
  })

  /** A buyer that knows nobody yet, out of the parts that get acquainted. */
  async function buyer(name = 'buyer') {
    market = await startMarket(41, { provider: {}, picky: { acceptance: 'ask' } })
    const system = market.simulation.named(name)
    const identity = testIdentity(name)
    const domain = market.domains.get('example.org')!
    const { store } = createMemoryStore({ system })
    const informers = new Informers({ store, system, log: silentLog })
    const log = silentLog
    const registry = new PeerRegistry({
      store,
      informer: informers.of(PeerKind),
      system,
      log,
      self: identity.id,
      policy: { mode: 'domain', domains: ['example.org'] },
      trust: domain.trust,
    })
    const client = new RearClient({
      transport: market.network.transport(identity, `${name}.example.org:7000`),
      system,
      log,
    })
    let hellos = 0
    const counted = { call: (...args: Parameters<RearClient['call']>) => (hellos++, client.call(...args)) }
    const handshake = new PeerHandshake({
      store,
      informers,
      system,
      log,
      recorder: new Recorder({ system, node: name, sinks: [] }),
      self: {
        id: identity.id,
        name,
        domain: 'example.org',
        identity: () => ({ domain: 'example.org', nodeID: identity.id, ip: `${name}.example.org:7000` }),
      },
      client: counted as RearClient,
      registry,
      role: 'node',
      guarded: true,
      membership: () => (name === 'buyer' ? domain.issue(identity) : undefined),
    })
    await registry.start()
    const connector = new PeerConnector({
      handshake,
      registry,
      system,
      dialPolicy: { guarded: true, mayDial: () => true },
    })
    stop = async () => {
      await handshake.stop()
      await registry.stop()
      await informers.stop()
    }
    const outcome = async (target: { readonly id: string; readonly address: string }) => {
      let result: ConnectOutcome | undefined
      void connector
        .ensureConnected({ id: target.id as never, address: target.address })
        .then((each) => (result = each))
      const since = market.simulation.now()
      while (result === undefined) await market.simulation.advance(10)
      return { result, ms: market.simulation.now() - since }
    }
    return { connector, outcome, registry, hellos: () => hellos }
  }

  it('is made with one hello, for all who ask at once, and remembered for minutes', async () => {
    const { connector, outcome, registry, hellos } = await buyer()
    const { provider } = market.nodes
    const target = { id: provider.id as never, address: provider.address }
    const signal = new AbortController().signal
    const results = Promise.all(Array.from({ length: 20 }, () => connector.ensureConnected(target, signal)))
    await market.simulation.advance(100)
    expect(new Set(await results)).toEqual(new Set(['accepted']))
    expect(hellos()).toBe(1)
    expect(registry.standing(target.id)).toBe('accepted')
    await market.simulation.advance(200_000)
    expect((await outcome(provider)).result).toBe('accepted')
    expect(hellos()).toBe(1)
    await market.simulation.advance(200_000)
    expect((await outcome(provider)).result).toBe('accepted')
    expect(hellos()).toBe(2)
    connector.failed(provider.id)
    await outcome(provider)
    expect(hellos()).toBe(3)
  })

  it('is refused where one of the two does not deal with the other', async () => {
    const { outcome } = await buyer()
    expect((await outcome(market.nodes.picky)).result).toBe('refused')
    await stop()
    await market.stop()
    const unvouched = await buyer('nobody')
    expect((await unvouched.outcome(market.nodes.provider)).result).toBe('refused')
  })

  it('fails within two seconds with nobody, with somebody else, and behind a broken network', async () => {
    const { outcome } = await buyer()
    const { provider, picky } = market.nodes
    expect((await outcome({ id: provider.id, address: 'nobody.example.org:7000' })).result).toBe(
      'unreachable',
    )
    expect((await outcome({ id: provider.id, address: picky.address })).result).toBe('unreachable')
    market.network.partition('buyer.example.org:7000', provider.address)
    const first = await outcome(provider)
    expect(first.result).toBe('unreachable')
    expect(first.ms).toBeLessThan(2_000)
    expect((await outcome(provider)).ms).toBeLessThan(20)
    market.network.heal('buyer.example.org:7000', provider.address)
    await market.simulation.advance(16_000)
    expect((await outcome(provider)).result).toBe('accepted')
  })

  it('can be given up by one who waits without spoiling it for the others', async () => {
    const { connector } = await buyer()
    const { provider } = market.nodes
    market.network.setFaults({ latencyMs: 100 })
    const target = { id: provider.id as never, address: provider.address }
    const controller = new AbortController()
    const impatient = connector.ensureConnected(target, controller.signal)
    const patient = connector.ensureConnected(target, new AbortController().signal)
    controller.abort(new Error('no more'))
    await expect(impatient).rejects.toThrow('no more')
    await market.simulation.advance(1_000)
    expect(await patient).toBe('accepted')
  })
})
