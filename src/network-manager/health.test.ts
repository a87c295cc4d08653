import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { ContractKind } from '../objects/contract.ts'
import { VirtualRouterKind, type VirtualRouter } from '../objects/virtual-router.ts'
import {
  connectNodes,
  createTestWorld,
  putContract,
  type TestNode,
  type TestWorld,
} from '../../test/support/network-nodes.ts'

describe('what a router says of its way', () => {
  const contract = 'contract-1'
  let simulation: SimulatedSystem
  let world: TestWorld
  let consumer: TestNode
  let provider: TestNode

  beforeEach(async () => {
    simulation = createSimulatedSystem(7)
    world = createTestWorld({ wire: 'simulated', system: simulation.system })
    consumer = await world.node('consumer')
    provider = await world.node('provider')
    world.network.setFaults({ latencyMs: 20 })
    await connectNodes(consumer, provider, contract)
  })

  afterEach(() => world.stop())

  const seenBy = (node: TestNode): VirtualRouter =>
    node.informers.of(VirtualRouterKind).get({ namespace: 'default', name: contract })!
  const phaseAt = (node: TestNode) => seenBy(node).status?.phase
  const until = (condition: () => boolean, limitMs = 60_000) => simulation.runUntil(condition, { limitMs })

  it('is ready on both sides once bytes have gone there and back, and how long that takes', async () => {
    await until(() => phaseAt(consumer) === 'Ready' && phaseAt(provider) === 'Ready')
    expect(seenBy(consumer).status!.roundTripMs).toBe(40)
    expect(seenBy(consumer).status!.conditions).toMatchObject([
      { type: 'Reachable', status: 'True', reason: 'ProbeAnswered' },
    ])
  })

  it('is not written again while nothing changes', async () => {
    await until(() => phaseAt(consumer) === 'Ready' && phaseAt(provider) === 'Ready')
    const versions = [consumer, provider].map((node) => seenBy(node).metadata.resourceVersion)
    await simulation.advance(240_000)
    expect([consumer, provider].map((node) => seenBy(node).metadata.resourceVersion)).toEqual(versions)
  })

  it('is unreachable on both sides after a partition, and ready again when it heals; the contract stays', async () => {
    await until(() => phaseAt(consumer) === 'Ready' && phaseAt(provider) === 'Ready')
    world.network.partition(consumer.address, provider.address)
    await until(() => phaseAt(consumer) === 'Unreachable' && phaseAt(provider) === 'Unreachable')
    expect(seenBy(consumer).status!.conditions).toMatchObject([{ status: 'False', reason: 'Timeout' }])
    await simulation.advance(600_000)
    for (const node of [consumer, provider]) {
      const stored = await node.store.get(ContractKind, { namespace: 'default', name: contract })
      expect(stored?.status?.phase?.phase).toBe('Active')
    }
    world.network.heal(consumer.address, provider.address)
    await until(() => phaseAt(consumer) === 'Ready' && phaseAt(provider) === 'Ready')
  })

  it('does not call a way ready through which requests pass and streams do not', async () => {
    await until(() => phaseAt(consumer) === 'Ready')
    provider.blockStreams = true
    await until(() => phaseAt(consumer) === 'Unreachable')
    expect(seenBy(consumer).status!.conditions).toMatchObject([
      { status: 'False', reason: 'DataPathBlocked' },
    ])
    expect(seenBy(consumer).status!.message).toContain('only the data path is blocked')
  })

  it('does not raise the alarm for one lost probe', async () => {
    await until(() => phaseAt(consumer) === 'Ready')
    const phases: (string | undefined)[] = []
    consumer.informers.of(VirtualRouterKind).onChange(({ object }) => phases.push(object.status?.phase))
    provider.blockStreams = true
    await simulation.advance(10_500)
    provider.blockStreams = false
    expect(provider.blockedStreams).toBe(1)
    await simulation.advance(60_000)
    expect(phases).not.toContain('Unreachable')
  })

  it('is unreachable when the provider does not know the contract any more', async () => {
    await until(() => phaseAt(consumer) === 'Ready')
    provider.sold.delete(contract)
    await until(() => phaseAt(consumer) === 'Unreachable')
    expect(seenBy(consumer).status!.conditions).toMatchObject([{ status: 'False', reason: 'Refused' }])
    expect(seenBy(consumer).status!.message).toContain('not in force')
  })

  it('is unreachable when another node sits at the address', async () => {
    await until(() => phaseAt(consumer) === 'Ready')
    await provider.stop()
    const impostor = world.network.transport({ id: consumer.id }, provider.address)
    await impostor.listen({
      host: '',
      port: 0,
      handler: () => Promise.resolve({ status: 200, headers: {}, body: '{}' }),
      onStream: ({ duplex }) => void duplex.pipe(duplex),
    })
    await until(() => phaseAt(consumer) === 'Unreachable')
    expect(seenBy(consumer).status!.conditions).toMatchObject([{ status: 'False', reason: 'WrongPeer' }])
  })

  it('is found out through relays, too, and takes as long as all hops together', async () => {
    const far = await world.node('far-provider')
    const relay = await world.node('relay', {
      pathOf: () => ({
        type: 'relay',
        next: { nodeID: far.id, address: far.address, contractID: 'contract-far' },
      }),
    })
    const user = await world.node('user', {
      pathOf: () => ({
        type: 'through',
        peer: { nodeID: far.id, address: far.address },
        relays: [{ nodeID: relay.id, address: relay.address }],
      }),
    })
    for (const at of [user, relay]) await putContract(at, contract, { buyer: user, seller: relay })
    await putContract(far, 'contract-far', { buyer: relay, seller: far })
    await until(() => phaseAt(user) === 'Ready')
    expect(seenBy(user).status!.roundTripMs).toBe(80)
    world.network.kill(far.address)
    await until(() => phaseAt(user) === 'Unreachable' && phaseAt(relay) === 'Unreachable')
  })
})
