/** Attacks of strangers, who say where they are: to have this node call others, or itself, and to fill its memory. */
import { describe, expect, it } from 'vitest'
import { DialPolicy } from '../../src/discovery-manager/index.ts'
import { PeerKind } from '../../src/objects/peer.ts'
import { outsider } from '../domains/ask.ts'
import { startMarket, type Market } from '../support/market.ts'
import { CONSUMER, passing } from '../support/scenario.ts'
import { without } from './support/without.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

type One = Market<'node' | 'friend'>

async function withNode(then: (market: One) => Promise<Tried>): Promise<Tried> {
  const market = await startMarket(95, { node: CONSUMER, friend: { ...CONSUMER, peers: ['node'] } })
  try {
    await market.simulation.advance(1_000)
    return await then(market)
  } finally {
    await market.stop()
  }
}

const hello = (id: string, ip: string) => ({
  method: 'POST' as const,
  path: '/api/v2/hello',
  body: { identity: { ID: id, IP: ip, domain: 'nowhere' }, name: 'stranger', role: 'node', capabilities: 1 },
})

/** A stranger says that it is at `address`; succeeds when the node remembers to call there. */
async function sayHello(address: string): Promise<Tried> {
  return withNode(async (market) => {
    const stranger = outsider(market, 'stranger')
    await passing(market, stranger.ask(market.nodes.node, hello(stranger.id, address)))
    await market.simulation.advance(500)
    const peers = (await market.nodes.node.store.list(PeerKind)).items
    const known = peers.find(({ spec }) => spec.nodeID === stranger.id)?.spec.address
    return known === undefined ? failed('the address is not remembered') : succeeded(known)
  })
}

/** As if every address that somebody says could be called. */
const trustingAddresses = (attempt: () => Promise<Tried>): Promise<Tried> =>
  without(DialPolicy.prototype, 'mayDial', () => true, attempt)

describe('a stranger that says where it is', () => {
  for (const address of [
    '127.0.0.1:6443',
    '[::1]:6443',
    '[::ffff:127.0.0.1]:22',
    'localhost:22',
    'x.localhost:22',
    '169.254.169.254:80',
    '[fe80::1]:80',
    '127.1:80',
    '2130706433:80',
    '0x7f000001:80',
    '224.0.0.1:80',
  ]) {
    attack(`has the node call ${address}, which is on its machine or link`, {
      defended: () => sayHello(address),
      stoppedBy: /not remembered/,
      control: () => trustingAddresses(() => sayHello(address)),
    })
  }

  attack('has the node call itself', {
    defended: () => sayHello('node.example.org:7000'),
    stoppedBy: /not remembered/,
    control: () => trustingAddresses(() => sayHello('node.example.org:7000')),
  })

  const onMachine = (hosts: readonly string[]): Tried =>
    new DialPolicy({
      listen: { host: '0.0.0.0', port: 7443 },
      own: () => 'node.example.org:7443',
      hosts: () => hosts,
    }).mayDial('192.0.2.1:22', false)
      ? succeeded('dialled')
      : failed('not dialled')
  attack('has the node call another service of its machine, by its public address', {
    defended: async () => onMachine(['192.0.2.1']),
    stoppedBy: /^not dialled$/,
    // It does not know which addresses are its own.
    control: async () => onMachine([]),
  })

  it('is taken at its word where the node listens on loopback alone, as in the demo', () => {
    const local = new DialPolicy({
      listen: { host: '127.0.0.1', port: 0 },
      own: () => '127.0.0.1:7443',
      hosts: () => ['127.0.0.1'],
    })
    expect(local.mayDial('127.0.0.1:7444', false)).toBe(true)
    expect(local.mayDial('127.0.0.1:7443', false)).toBe(false)
  })

  attack('has the node call an address where nobody is, again and again', {
    defended: () => calls('stranger'),
    stoppedBy: /^called 5 times in two hours, and forgotten$/,
    // Who is configured is called until it is there.
    control: () => calls('configured'),
  })

  attack('makes more and more of itself, which cannot be reached, to fill the memory of the node', {
    defended: () => fill(1_200),
    stoppedBy: /^remembered 1000$/,
    control: () => fill(900),
    timeout: 120_000,
  })
})

async function calls(whose: 'stranger' | 'configured'): Promise<Tried> {
  return withNode(async (market) => {
    const nowhere = '192.0.2.9:443'
    let called = 0
    const { node } = market.nodes
    market.network.balance(nowhere, () => {
      called++
      return undefined
    })
    if (whose === 'configured')
      await node.store.create(PeerKind, {
        metadata: { name: 'p' },
        spec: { address: nowhere, source: 'configured' },
      })
    else {
      const stranger = outsider(market, 'stranger')
      await passing(market, stranger.ask(node, hello(stranger.id, nowhere)))
    }
    await market.simulation.advance(2 * 3_600_000)
    const isThere = (await node.store.list(PeerKind)).items.some(({ spec }) => spec.address === nowhere)
    const saw = `called ${called} times in two hours${isThere ? '' : ', and forgotten'}`
    return called > 20 ? succeeded(saw) : failed(saw)
  })
}

/** Succeeds when all are remembered. */
async function fill(count: number): Promise<Tried> {
  return withNode(async (market) => {
    const { node } = market.nodes
    for (let index = 0; index < count; index += 50) {
      const some = Array.from({ length: Math.min(50, count - index) }, (_, each) => {
        const stranger = outsider(market, `stranger-${index + each}`)
        return stranger.ask(node, hello(stranger.id, `192.0.2.${index % 200}:${1_000 + each}`))
      })
      await passing(market, Promise.all(some))
    }
    const remembered = (await node.store.list(PeerKind)).items.length - 1
    const saw = `remembered ${remembered}`
    return remembered >= count ? succeeded(saw) : failed(saw)
  })
}
