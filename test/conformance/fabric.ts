/**
 * What every implementation of the Fabric port has to do; run from the tests of each.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Amounts, BoughtSlice, Fabric, ResourceOffer, SoldSlice } from '../../src/fabric/fabric.ts'
import type { ContractId } from '../../src/objects/ids.ts'

/** A provider and a consumer that can reach each other. */
export interface FabricWorld {
  readonly provider: Fabric
  readonly consumer: Fabric
  /** Signs a contract: from now on the provider knows that the consumer bought this. */
  sell(contractID: ContractId, amounts: Amounts): SoldSlice
  /** @returns what the consumer hands to `attach` after the provider's offer */
  bought(nodeName: string, offer: Extract<ResourceOffer, { status: 'Accepted' }>): BoughtSlice
  /** The virtual nodes in the consumer's cluster. */
  nodes(): Promise<readonly { readonly name: string; readonly allocatable: Amounts }[]>
  /** Creates a pod in the consumer's cluster that is to run on the node, for as long as it may. */
  createPod(name: string, nodeName: string): Promise<void>
  /** Pods in the consumer's cluster, by name: whether they are ready. */
  pods(): Promise<Readonly<Record<string, boolean>>>
  /** How many programs run at the provider. */
  running(): Promise<number>
  close(): Promise<void>
}

const contract = (name: string): ContractId => name as ContractId
const AMOUNTS: Amounts = { cpu: '500m', memory: '256Mi', pods: '10' }

export function describeFabric(name: string, createWorld: () => Promise<FabricWorld>): void {
  describe(`${name}: the Fabric port`, () => {
    let world: FabricWorld
    beforeEach(async () => {
      world = await createWorld()
    })
    afterEach(() => world.close())

    const accepted = async (
      id: ContractId,
      amounts = AMOUNTS,
    ): Promise<Extract<ResourceOffer, { status: 'Accepted' }>> => {
      const offer = await world.provider.offer(world.sell(id, amounts))
      if (offer.status !== 'Accepted') throw new Error(offer.message)
      return offer
    }
    const attach = async (id: ContractId, nodeName: string): Promise<void> => {
      await world.consumer.attach(world.bought(nodeName, await accepted(id)))
      await vi.waitFor(async () =>
        expect(await world.consumer.status(nodeName)).toMatchObject({ ready: true }),
      )
    }

    it('offers exactly what was sold, however often it is asked', async () => {
      const first = await accepted(contract('c-1'))
      expect(first).toMatchObject({ contractID: 'c-1', resources: AMOUNTS })
      expect(first.enforcement).not.toBe('')
      expect(await accepted(contract('c-1'))).toEqual(first)
    })

    it('makes one virtual node of the bought size appear, however often it is attached', async () => {
      await attach(contract('c-1'), 'virtual-1')
      await attach(contract('c-1'), 'virtual-1')
      const nodes = await world.nodes()
      expect(nodes).toHaveLength(1)
      expect(nodes[0]).toMatchObject({ name: 'virtual-1', allocatable: AMOUNTS })
    })

    it('says that a node which it does not know is not ready', async () => {
      const status = await world.consumer.status('nobody')
      expect(status.ready).toBe(false)
      expect(status.reason).not.toBe('')
    })

    it('runs a pod on the virtual node, and ends it when the node is detached', async () => {
      await attach(contract('c-1'), 'virtual-1')
      await world.createPod('one', 'virtual-1')
      await vi.waitFor(async () => expect(await world.pods()).toEqual({ one: true }), 20_000)
      expect(await world.running()).toBe(1)
      await world.consumer.detach('virtual-1')
      expect(await world.nodes()).toEqual([])
      expect(await world.pods()).toEqual({})
      await vi.waitFor(async () => expect(await world.running()).toBe(0), 20_000)
    })

    it('keeps several contracts between the same two nodes apart', async () => {
      await attach(contract('c-1'), 'virtual-1')
      await attach(contract('c-2'), 'virtual-2')
      await world.createPod('one', 'virtual-1')
      await world.createPod('two', 'virtual-2')
      await vi.waitFor(async () => expect(await world.pods()).toEqual({ one: true, two: true }), 20_000)
      await world.consumer.detach('virtual-1')
      await world.provider.withdraw(contract('c-1'))
      expect((await world.nodes()).map((node) => node.name)).toEqual(['virtual-2'])
      expect(await world.pods()).toEqual({ two: true })
      expect(await world.running()).toBe(1)
      expect(await world.consumer.status('virtual-2')).toMatchObject({ ready: true })
    })

    it('stops everything under a contract that is withdrawn, however often', async () => {
      await attach(contract('c-1'), 'virtual-1')
      await world.createPod('one', 'virtual-1')
      await vi.waitFor(async () => expect(await world.pods()).toEqual({ one: true }), 20_000)
      await world.provider.withdraw(contract('c-1'))
      expect(await world.running()).toBe(0)
      await world.provider.withdraw(contract('c-1'))
      await world.consumer.detach('virtual-1')
      expect(await world.nodes()).toEqual([])
    })

    it('does nothing, without an error, when what is to go is not there', async () => {
      await world.consumer.detach('nobody')
      await world.provider.withdraw(contract('never-sold'))
      expect(await world.nodes()).toEqual([])
    })
  })
}
