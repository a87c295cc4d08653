import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSimulatedDatagrams, type SimulatedDatagrams } from '../../test/support/simulated-datagrams.ts'
import { testIdentity } from '../../test/support/identities.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { isObjectName } from '../objects/meta.ts'
import { KnownClusterKind, type KnownCluster } from '../objects/known-cluster.ts'
import type { PeerNews } from '../privacy-and-security-manager/index.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { Recorder } from '../trace/index.ts'
import { UpstreamMulticast, upstreamNodeID } from './upstream-multicast.ts'

const GROUP = { group: '239.11.11.1', port: 4000 }
const self = testIdentity('self')

let simulation: SimulatedSystem
let store: ObjectStore
let datagrams: SimulatedDatagrams
let multicast: UpstreamMulticast
let informers: Informers
let learnt: PeerNews[]
let plain: string | undefined

beforeEach(async () => {
  simulation = createSimulatedSystem(3)
  const { system } = simulation
  store = createMemoryStore({ system }).store
  datagrams = createSimulatedDatagrams()
  informers = new Informers({ store, system, log: silentLog })
  learnt = []
  plain = '192.0.2.1:3004'
  multicast = new UpstreamMulticast({
    store,
    informers,
    system,
    log: silentLog,
    recorder: new Recorder({ system, node: 'alpha', sinks: [] }),
    self: {
      id: self.id,
      name: 'alpha',
      domain: 'example.org',
      identity: () => ({ domain: 'example.org', nodeID: self.id, ip: '192.0.2.1:7000' }),
    },
    registry: {
      learn: (news) => {
        learnt.push(news)
        return Promise.resolve({
          standing: 'unknown',
          reason: '',
          peer: undefined,
          membershipError: undefined,
        })
      },
    },
    group: GROUP,
    open: datagrams.opener('192.0.2.1'),
    plainAddress: () => plain,
  })
  await multicast.start()
})
afterEach(async () => {
  await multicast.stop()
  await informers.stop()
})

const upstream = (nodeID: string, ip: string): string => JSON.stringify({ domain: 'fluidos.eu', nodeID, ip })

async function known(): Promise<readonly KnownCluster[]> {
  await simulation.settle()
  return (await store.list(KnownClusterKind)).items
}

describe('upstream multicast', () => {
  it('says every five seconds exactly what upstream says, under a name that upstream can take', async () => {
    await simulation.advance(16_000)
    const nodeID = upstreamNodeID('alpha', self.id)
    expect(datagrams.sent).toEqual(
      Array.from({ length: 3 }, () => `{"domain":"example.org","nodeID":"${nodeID}","ip":"192.0.2.1:3004"}`),
    )
    expect(isObjectName(`knowncluster-${nodeID}`)).toBe(true)
    expect(await known()).toEqual([])
  })

  it('says nothing while upstream nodes could not deal with us', async () => {
    plain = undefined
    await simulation.advance(20_000)
    expect(datagrams.sent).toEqual([])
  })

  it('notes an upstream node with the expiry that upstream gives it, and forgets it when it is silent', async () => {
    datagrams.shout(GROUP, '{"domain":"fluidos.eu","nodeID":"node-cons","ip":"10.99.0.2:3005"}')
    const [first] = await known()
    expect(first).toMatchObject({
      metadata: { name: 'knowncluster-node-cons' },
      spec: { address: '10.99.0.2:3005' },
      status: { expirationTime: '2030-01-01T00:00:10Z', lastUpdateTime: '2030-01-01T00:00:00Z' },
    })
    for (let i = 0; i < 6; i++) {
      await simulation.advance(5_000)
      datagrams.shout(GROUP, upstream('node-cons', '10.99.0.2:3005'))
    }
    expect((await known())[0]?.status?.expirationTime).toBe('2030-01-01T00:00:40Z')
    await simulation.advance(16_000)
    expect(await known()).toEqual([])
    // It may come back somewhere else.
    datagrams.shout(GROUP, upstream('node-cons', '10.99.0.9:3005'))
    expect((await known())[0]?.spec.address).toBe('10.99.0.9:3005')
  })

  it('believes nobody who comes under the name of another that is still there, nor changes what the user wrote', async () => {
    datagrams.shout(GROUP, upstream('node-cons', '10.99.0.2:3005'))
    await known()
    await simulation.advance(6_000)
    datagrams.shout(GROUP, upstream('node-cons', '10.66.6.6:3005'))
    expect((await known())[0]).toMatchObject({
      spec: { address: '10.99.0.2:3005' },
      status: { expirationTime: '2030-01-01T00:00:10Z' },
    })
    const metadata = { name: 'knowncluster-mine', namespace: 'default' }
    await store.create(KnownClusterKind, { metadata, spec: { address: '10.0.0.1:3005' } })
    datagrams.shout(GROUP, upstream('mine', '10.0.0.1:3005'))
    await simulation.advance(60_000)
    expect((await known()).map((each) => [each.metadata.name, each.status])).toEqual([
      ['knowncluster-mine', undefined],
    ])
  })

  it('learns of our own kind as a peer that was only heard of, once in a while', async () => {
    const other = testIdentity('other').id
    for (let i = 0; i < 10; i++) {
      datagrams.shout(GROUP, upstream(other, '192.0.2.7:7000'))
      await simulation.advance(1_000)
    }
    expect(learnt).toEqual([{ nodeId: other, source: 'multicast', address: '192.0.2.7:7000' }])
    await simulation.advance(30_000)
    datagrams.shout(GROUP, upstream(other, '192.0.2.7:7000'))
    expect(learnt).toHaveLength(2)
    datagrams.shout(GROUP, upstream(self.id, '192.0.2.8:7000'))
    expect(learnt).toHaveLength(2)
  })

  it('outlives garbage', async () => {
    const long = 'a'.repeat(300)
    for (const garbage of [
      'null',
      '',
      '17',
      '"text"',
      '[]',
      '{}',
      '{"nodeID"',
      '\u0000\u0000',
      '{"domain":null,"nodeID":null,"ip":null}',
      '{"nodeID":{"toString":1},"ip":"10.0.0.1:1"}',
      '{"__proto__":{"nodeID":"x","ip":"10.0.0.1:1"}}',
      upstream('../../etc', '10.0.0.1:1'),
      upstream('Upper_Case', '10.0.0.1:1'),
      upstream('', '10.0.0.1:1'),
      upstream(long, '10.0.0.1:1'),
      upstream('ok', 'no address'),
      upstream('ok', '10.0.0.1:99999'),
      upstream('ok', '0.0.0.0:1'),
      upstream('ok', `${long}:1`),
      `{"nodeID":"ok","ip":"10.0.0.1:1","more":"${'x'.repeat(2_000)}"}`,
      '['.repeat(1_000),
    ]) {
      datagrams.shout(GROUP, garbage)
    }
    datagrams.shout(GROUP, Buffer.alloc(65_507, 0xff))
    expect(await known()).toEqual([])
    datagrams.shout(GROUP, upstream('fine', '10.0.0.1:3005'))
    expect(await known()).toHaveLength(1)
  })

  it('takes any bytes whatsoever without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_100 }), (bytes) => multicast.receive(bytes)),
      { numRuns: 150 },
    )
    fc.assert(
      fc.property(fc.json(), (json) => multicast.receive(Buffer.from(json))),
      { numRuns: 150 },
    )
  })

  it('remembers a bounded number of nodes, however many shout, and hears others once the flood is over', async () => {
    for (let second = 0; second < 20; second++) {
      for (let i = 0; i < 1_000; i++) datagrams.shout(GROUP, upstream(`n-${second}-${i}`, '10.0.0.1:3005'))
      await simulation.advance(1_000)
      expect((await known()).length).toBeLessThanOrEqual(256)
    }
    await simulation.advance(20_000)
    expect(await known()).toEqual([])
    datagrams.shout(GROUP, upstream('fine', '10.0.0.1:3005'))
    expect(await known()).toHaveLength(1)
  })

  it('joins the group again when the socket breaks or the network is down for a while', async () => {
    datagrams.down = true
    datagrams.fail('192.0.2.1', new Error('broken'))
    await simulation.advance(60_000)
    const before = datagrams.sent.length
    datagrams.down = false
    await simulation.advance(40_000)
    expect(datagrams.sent.length).toBeGreaterThan(before)
    datagrams.shout(GROUP, upstream('fine', '10.0.0.1:3005'))
    expect(await known()).toHaveLength(1)
  })

  it('is silent and deaf once stopped', async () => {
    await multicast.stop()
    await multicast.stop()
    await simulation.advance(20_000)
    expect(datagrams.sent).toEqual([])
    datagrams.shout(GROUP, upstream('fine', '10.0.0.1:3005'))
    expect(await known()).toEqual([])
  })
})
