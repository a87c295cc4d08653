/** Attacks of a peer that the operator has rejected, on what it had before; and of users for whom others buy. */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { ContractKind } from '../../src/objects/contract.ts'
import { FlavorKind } from '../../src/objects/flavor.ts'
import { PeerKind } from '../../src/objects/peer.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { CONTRACT_SIGNATURE } from '../../src/contract-manager/index.ts'
import { signDocument } from '../../src/privacy-and-security-manager/index.ts'
import { contractTerms, type WireContractTerms, type WireTransaction } from '../../src/rear/wire/index.ts'
import { isProblem } from '../../src/rear/problem.ts'
import { RearClient, type RearCall } from '../../src/rear/client.ts'
import { StreamRefused } from '../../src/rear/transport/index.ts'
import { testIdentity } from '../support/identities.ts'
import { activeContracts } from '../support/invariants.ts'
import { fourNodes } from '../support/four-nodes.ts'
import { startMarket, type Market, type MarketConfig, type MarketNode } from '../support/market.ts'
import { clientOf, CONSUMER, intent, passing, provider, run, until } from '../support/scenario.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

type Two = 'buyer' | 'seller'
type Reject = 'operator rejects' | 'operator does nothing'

async function reject(by: MarketNode, whom: MarketNode): Promise<void> {
  const peers = (await by.store.list(PeerKind)).items
  const peer = peers.find(({ spec }) => spec.nodeID === whom.id)!
  await by.store.update(PeerKind, { ...peer, spec: { ...peer.spec, accepted: false } })
}

/** A buyer has bought and runs something; then `then` is tried, after the operator did what he does. */
async function afterBuying(
  what: Reject,
  then: (market: Market<Two>, contractID: string) => Promise<Tried>,
  before: (market: Market<Two>, contractID: string) => Promise<void> = async () => undefined,
): Promise<Tried> {
  const market = await startMarket(81, {
    seller: provider('4', '1'),
    buyer: { ...CONSUMER, peers: ['seller'] },
  })
  try {
    await market.simulation.advance(1_000)
    await run(market, market.nodes.buyer, intent('job', '1'))
    const [contract] = await activeContracts(market.nodes.buyer)
    const contractID = contract!.metadata.name
    await before(market, contractID)
    if (what === 'operator rejects') await reject(market.nodes.seller, market.nodes.buyer)
    await market.simulation.advance(500)
    return await then(market, contractID)
  } finally {
    await market.stop()
  }
}

let callers = 0

function callerOf(market: Market<string>, name: string): RearClient {
  const transport = market.network.transport(testIdentity(name), `caller-${++callers}.example:1`)
  return new RearClient({ transport, system: market.simulation.named(name), log: silentLog })
}

async function ask(market: Market<string>, name: string, to: string, call: RearCall): Promise<Tried> {
  try {
    const { status } = await passing(
      market,
      callerOf(market, name).call({ address: market.nodes[to]!.address }, call),
    )
    return succeeded(String(status))
  } catch (error) {
    if (isProblem(error)) return failed(error.code)
    throw error
  }
}

const pod = (contractID: string): RearCall => ({
  method: 'PUT',
  path: `/api/v2/contracts/${contractID}/pods/default/another`,
  body: {
    uid: 'another',
    nodeName: 'virtual',
    labels: {},
    spec: {
      containers: [
        {
          name: 'web',
          command: ['web'],
          resources: { requests: { cpu: '10m', memory: '1Mi' }, limits: { cpu: '10m', memory: '1Mi' } },
        },
      ],
    },
  },
})

/** Opens a stream as the buyer does. */
async function open(market: Market<Two>, contractID: string): Promise<Duplex> {
  const transport = market.network.transport(testIdentity('buyer'), 'streams-of-buyer.example:1')
  return passing(
    market,
    transport.openStream(
      { address: market.nodes.seller.address },
      { path: `/api/v2/contracts/${contractID}/echo`, signal: AbortSignal.timeout(60_000) },
    ),
  )
}

async function speaks(market: Market<Two>, stream: Duplex): Promise<Tried> {
  if (stream.destroyed) return failed('the stream was cut')
  stream.write('still here')
  const heard = once(stream, 'data').then(
    ([data]) => succeeded(String(data)),
    (error: Error) => failed(error.message),
  )
  return passing(market, heard)
}

describe('a rejected peer', () => {
  const list: RearCall = { method: 'GET', path: '/api/v2/flavors' }
  attack('a rejected buyer lists what is on offer', {
    defended: () => afterBuying('operator rejects', (market) => ask(market, 'buyer', 'seller', list)),
    stoppedBy: /^peer-rejected$/,
    control: () => afterBuying('operator does nothing', (market) => ask(market, 'buyer', 'seller', list)),
  })

  attack('a rejected buyer runs another program under its contract', {
    defended: () => runAfter('operator rejects'),
    stoppedBy: /^peer-rejected$/,
    control: () => runAfter('operator does nothing'),
  })

  attack('a rejected buyer opens another stream under its contract', {
    defended: () => openAfter('operator rejects'),
    stoppedBy: /rejected/,
    control: () => openAfter('operator does nothing'),
  })

  attack('a rejected buyer goes on using a stream that it opened before', {
    defended: () => useAfter('operator rejects'),
    stoppedBy: /cut|rejected|reset/,
    control: () => useAfter('operator does nothing'),
  })

  it('is told so in its own status, and can still end its contract', async () => {
    let message = ''
    await afterBuying('operator rejects', async (market, contractID) => {
      const { buyer, seller } = market.nodes
      await market.simulation.advance(70_000)
      message = buyer.node.status().peers.find(({ id }) => id === seller.id)?.message ?? ''
      await buyer.store.delete(ContractKind, {
        namespace: 'default',
        name: contractID,
      })
      await until(market, seller, async () => (await activeContracts(seller)).length === 0)
      return succeeded('closed')
    })
    expect(message).toBe('it has rejected this node')
  })
})

/** RESERVE of so many pods. */
function reservation({ id, address, domain }: MarketNode, flavorID: string, pods: string, more: object = {}) {
  return {
    method: 'POST',
    path: '/api/v2/reservations',
    body: {
      flavorID,
      buyerID: { ID: id, IP: address, domain },
      configuration: { type: 'k8slice', data: { cpu: '1', memory: '1Gi', pods } },
      key: 'k',
      ...more,
    },
  } as const
}

/** Under a contract with room for it. */
async function runAfter(what: Reject): Promise<Tried> {
  let contractID = ''
  return afterBuying(
    what,
    (market) => ask(market, 'buyer', 'seller', pod(contractID)),
    async (market) => {
      const { buyer, seller } = market.nodes
      const [flavor] = (await seller.store.list(FlavorKind)).items
      const client = clientOf(market, 'buyer')
      const target = { address: seller.address }
      const held = await passing(market, client.call(target, reservation(buyer, flavor!.metadata.name, '2')))
      const { transactionID, contract } = held.body as WireTransaction
      const { key } = testIdentity('buyer')
      const signature = signDocument(contractTerms(contract as WireContractTerms), {
        ...CONTRACT_SIGNATURE,
        key,
      })
      await passing(
        market,
        client.call(target, {
          method: 'POST',
          path: `/api/v2/transactions/${transactionID}/purchase`,
          body: { signature },
        }),
      )
      contractID = (contract as WireContractTerms).contractID
    },
  )
}

async function openAfter(what: Reject): Promise<Tried> {
  return afterBuying(what, async (market, contractID) => {
    try {
      return await speaks(market, await open(market, contractID))
    } catch (error) {
      if (error instanceof StreamRefused) return failed(error.message)
      throw error
    }
  })
}

async function useAfter(what: Reject): Promise<Tried> {
  let stream: Duplex
  return afterBuying(
    what,
    (market) => speaks(market, stream),
    async (market, contractID) => {
      stream = await open(market, contractID)
      stream.on('error', () => undefined)
    },
  )
}

describe('a user for whom another buys', () => {
  const reserveFor = async (market: Market<'seller' | 'buyer'>, user: string): Promise<Tried> => {
    const { buyer, seller } = market.nodes
    const [flavor] = (await seller.store.list(FlavorKind)).items
    return ask(market, 'buyer', 'seller', reservation(buyer, flavor!.metadata.name, '1', { user }))
  }
  const marketWith = async (
    seller: Partial<MarketConfig>,
    role: 'node' | 'supernode',
    rejects: boolean,
  ): Promise<Tried> => {
    const market = await startMarket(82, {
      seller: { ...provider('4', '1'), peers: [{ node: 'buyer', accept: true }], ...seller },
      buyer: { ...CONSUMER, role, peers: ['seller'] },
    })
    try {
      await market.simulation.advance(1_000)
      const user = testIdentity('somebody').id
      if (rejects)
        await market.nodes.seller.store.create(PeerKind, {
          metadata: { name: 'peer-somebody' },
          spec: { nodeID: user, source: 'configured', accepted: false },
        })
      await market.simulation.advance(100)
      return await reserveFor(market, user)
    } finally {
      await market.stop()
    }
  }

  attack('a node that is no supernode lets somebody else in by naming him as the user of what it buys', {
    defended: () => marketWith({}, 'node', false),
    stoppedBy: /^peer-not-accepted$/,
    control: () => marketWith({}, 'supernode', false),
  })
  attack('somebody whom the operator rejected comes in through a supernode', {
    defended: () => marketWith({}, 'supernode', true),
    stoppedBy: /^peer-rejected$/,
    control: () => marketWith({}, 'supernode', false),
  })
  attack('somebody comes in through a supernode where the operator accepts nodes one by one', {
    defended: () => marketWith({ acceptance: 'ask' }, 'supernode', false),
    stoppedBy: /^peer-not-accepted$/,
    control: () => marketWith({}, 'supernode', false),
  })

  it('is cut off behind two relays when the provider rejects him', async () => {
    const market = await fourNodes(83)
    try {
      const { consumer, provider: seller } = market.nodes
      await run(market, consumer, intent('far', '1'))
      await seller.store.create(PeerKind, {
        metadata: { name: 'peer-consumer' },
        spec: { nodeID: consumer.id, source: 'configured', accepted: false },
      })
      await market.simulation.advance(1_000)
      const [contract] = await activeContracts(seller)
      expect(await ask(market, 'consumer', 'provider', pod(contract!.metadata.name))).toEqual(
        failed('peer-rejected'),
      )
    } finally {
      await market.stop()
    }
  })
})
