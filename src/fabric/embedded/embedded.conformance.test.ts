import { describeFabric, type FabricWorld } from '../../../test/conformance/fabric.ts'
import { idle, startEmbeddedNode } from '../../../test/support/embedded-node.ts'
import { createMemoryChannel } from '../../../test/support/memory-channel.ts'
import { createSimulatedRunner } from '../../../test/support/simulated-runner.ts'
import { realSystem } from '../../kernel/system.ts'
import { NodeKind } from '../../objects/core/node.ts'
import { isReady, PodKind } from '../../objects/core/pod.ts'
import type { ContractId, NodeId } from '../../objects/ids.ts'
import { VIRTUAL_NODE_LABEL } from './names.ts'

const BUYER = 'did:key:buyer' as NodeId
const SELLER = 'did:key:seller' as NodeId

async function createWorld(simulated: boolean): Promise<FabricWorld> {
  const runner = createSimulatedRunner({ system: realSystem })
  const options = simulated ? { runner } : {}
  const provider = await startEmbeddedNode({ name: 'provider', ...options })
  const consumer = await startEmbeddedNode({
    name: 'consumer',
    runner: createSimulatedRunner({ system: realSystem }),
  })
  return {
    provider: provider.fabric,
    consumer: consumer.fabric,
    sell(contractID, amounts) {
      const slice = { contractID, buyer: BUYER, amounts }
      provider.sold.set(contractID, slice)
      const { routes } = provider.fabric
      consumer.channels.set(contractID, createMemoryChannel({ peer: BUYER, routes }))
      return slice
    },
    bought: (nodeName, offer) => ({
      nodeName,
      contractID: offer.contractID as ContractId,
      provider: SELLER,
      offer,
    }),
    async nodes() {
      const { items } = await consumer.store.list(NodeKind)
      return items
        .filter((node) => node.metadata.labels?.[VIRTUAL_NODE_LABEL] !== undefined)
        .map((node) => ({ name: node.metadata.name, allocatable: node.status?.allocatable ?? {} }))
    },
    async createPod(name, nodeName) {
      const container = { ...idle('main'), resources: { limits: { cpu: '100m', memory: '64Mi' } } }
      await consumer.store.create(PodKind, {
        metadata: { name, namespace: 'default' },
        spec: { containers: [container], nodeSelector: { 'kubernetes.io/hostname': nodeName } },
      })
    },
    async pods() {
      const { items } = await consumer.store.list(PodKind)
      return Object.fromEntries(items.map((pod) => [pod.metadata.name, isReady(pod)]))
    },
    async running() {
      if (simulated) return runner.running.size
      const { items } = await provider.store.list(PodKind)
      return items.length
    },
    async close() {
      await consumer.close()
      await provider.close()
    },
  }
}

describeFabric('embedded, real processes', () => createWorld(false))
describeFabric('embedded, simulated programs', () => createWorld(true))
