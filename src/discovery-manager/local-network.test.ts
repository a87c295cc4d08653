import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { testIdentity } from '../../test/support/identities.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import type { PeerNews } from '../privacy-and-security-manager/index.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { Recorder } from '../trace/index.ts'
import { LocalNetwork, type LocalNetworkOptions } from './local-network.ts'
import type { FoundService, LocalService, OpenLocalServices } from './local-services.ts'

const self = testIdentity('self')
const other = testIdentity('other').id

let simulation: SimulatedSystem
let learnt: PeerNews[]
let published: LocalService[]
let browsed: number
let opened: number
let handlers: Parameters<OpenLocalServices>[0]
let network: LocalNetwork

function make(options: Partial<LocalNetworkOptions> = {}): LocalNetwork {
  const { system } = simulation
  const { store } = createMemoryStore({ system })
  return new LocalNetwork({
    store,
    informers: new Informers({ store, system, log: silentLog }),
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
    role: 'supernode',
    open: (given) => {
      opened++
      handlers = given
      return {
        publish: (service) => published.push(service),
        browse: () => browsed++,
        close: () => Promise.resolve(),
      }
    },
    rearAddress: () => '0.0.0.0:7443',
    advertised: false,
    ...options,
  })
}

beforeEach(async () => {
  simulation = createSimulatedSystem(4)
  learnt = []
  published = []
  browsed = 0
  opened = 0
  network = make()
  await network.start()
})
afterEach(() => network.stop())

const service = (over: Partial<FoundService> = {}): FoundService => ({
  name: 'x',
  port: 7000,
  txt: { id: other, domain: 'example.org', role: 'node' },
  addresses: ['192.0.2.7'],
  sender: '192.0.2.7',
  ...over,
})

describe('the local network', () => {
  it('is told who we are, and where: as the operator says, if she says anything', async () => {
    expect(published).toEqual([
      {
        name: expect.stringMatching(/^alpha-[a-z0-9]{10}$/) as string,
        port: 7443,
        txt: { id: self.id, domain: 'example.org', role: 'supernode' },
      },
    ])
    await network.stop()
    network = make({ advertised: true, rearAddress: () => 'alpha.example.org:443' })
    await network.start()
    expect(published[1]).toMatchObject({ port: 443, txt: { address: 'alpha.example.org:443' } })
  })

  it.each([
    [
      'its sender, where that is among its addresses',
      { addresses: ['10.0.0.5', '192.0.2.7'] },
      '192.0.2.7:7000',
    ],
    ['what it claims, where another sent it on', { addresses: ['10.0.0.5'] }, '10.0.0.5:7000'],
    ['its sender, where it claims nothing', { addresses: [] }, '192.0.2.7:7000'],
    ['IPv4 before IPv6', { addresses: ['2001:db8::5', '10.0.0.5'] }, '10.0.0.5:7000'],
    ['IPv6 where there is nothing else', { addresses: ['fe80::1', '2001:db8::5'] }, '[2001:db8::5]:7000'],
    [
      'what its operator says',
      { txt: { id: other, address: 'beta.example.org:443' } },
      'beta.example.org:443',
    ],
    ['no address that is none', { txt: { id: other, address: 'nowhere' } }, '192.0.2.7:7000'],
  ])('finds a node at %s', (_what, over, address) => {
    handlers.onFound(service(over))
    expect(learnt).toMatchObject([{ nodeId: other, source: 'multicast', address }])
  })

  it('learns nothing from what is no node, and nothing of ourselves', () => {
    for (const over of [
      { txt: {} },
      { txt: { id: 'alpha' } },
      { txt: { id: 17 } },
      { txt: { id: self.id } },
      { port: 0 },
      { port: 70_000 },
      { port: 'x' },
      { port: undefined },
      { addresses: [], sender: undefined },
      { addresses: ['fe80::1'], sender: undefined },
      { addresses: ['%%%'], sender: undefined },
      { addresses: [null as never], sender: undefined },
    ]) {
      handlers.onFound(service(over))
    }
    expect(learnt).toEqual([])
    handlers.onFound(service({ txt: { id: other, role: 'king' } }))
    expect(learnt).toEqual([{ nodeId: other, source: 'multicast', address: '192.0.2.7:7000' }])
  })

  it('learns once what is said over and over, and again a minute later', async () => {
    for (let i = 0; i < 100; i++) handlers.onFound(service())
    expect(learnt).toHaveLength(1)
    handlers.onFound(service({ addresses: ['192.0.2.8'], sender: '192.0.2.8' }))
    expect(learnt).toHaveLength(2)
    await simulation.advance(61_000)
    handlers.onFound(service())
    expect(learnt).toHaveLength(3)
    expect(browsed).toBe(2)
  })

  it('bears a flood of names', async () => {
    for (let i = 0; i < 5_000; i++) {
      handlers.onFound(service({ txt: { id: other }, addresses: [], sender: `10.0.${i >> 8}.${i & 255}` }))
    }
    expect(learnt.length).toBeLessThanOrEqual(200)
    await simulation.advance(10_000)
    learnt.length = 0
    handlers.onFound(service({ txt: { id: testIdentity('third').id } }))
    expect(learnt).toHaveLength(1)
  })

  it('is searched again after it broke down, and left alone once we stop', async () => {
    handlers.onError(new Error('broken'))
    await simulation.advance(31_000)
    expect([opened, published.length, browsed]).toEqual([2, 2, 2])
    await network.stop()
    await network.stop()
    await simulation.advance(300_000)
    expect([opened, browsed]).toEqual([2, 2])
  })

  it('does not keep the node from starting when it cannot be opened', async () => {
    await network.stop()
    network = make({
      open: () => {
        opened++
        throw new Error('no network')
      },
    })
    await network.start()
    await simulation.advance(61_000)
    expect(opened).toBe(4)
  })
})
