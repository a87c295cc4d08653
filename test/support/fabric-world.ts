/** A provider and a consumer for the conformance suite of fabrics: on memory stores, in real time. */
import { mutate } from '../../src/kernel/object-store.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { NodeKind } from '../../src/objects/core/node.ts'
import { isReady, PodKind } from '../../src/objects/core/pod.ts'
import type { NodeId } from '../../src/objects/ids.ts'
import type { FabricWorld } from '../conformance/fabric.ts'
import { type EmbeddedNodeOptions, startEmbeddedNode, tcpServer } from './embedded-node.ts'
import { createMemoryChannel } from './memory-channel.ts'
import { createSimulatedRunner } from './simulated-runner.ts'

const BUYER = 'did:key:buyer' as NodeId
const SELLER = 'did:key:seller' as NodeId

export interface FabricWorldOptions {
  /** Whether programs are only simulated at the provider; they always are at the consumer. */
  readonly simulated: boolean
  /** What stands around the embedded fabric; nothing unless given. */
  readonly wrap?: EmbeddedNodeOptions['wrap']
}

export async function createEmbeddedWorld({ simulated, wrap }: FabricWorldOptions): Promise<FabricWorld> {
  const runner = createSimulatedRunner({ system: realSystem })
  const sides = {
    provider: await startEmbeddedNode({
      name: 'provider',
      ...(simulated && { runner }),
      ...(wrap && { wrap }),
    }),
    consumer: await startEmbeddedNode({
      name: 'consumer',
      runner: createSimulatedRunner({ system: realSystem }),
      ...(wrap && { wrap }),
    }),
  }
  const store = () => sides.consumer.store
  return {
    providerID: SELLER,
    get provider() {
      return sides.provider.fabric
    },
    get consumer() {
      return sides.consumer.fabric
    },
    async restart(side) {
      const before = sides[side]
      await before.stop()
      sides[side] = await startEmbeddedNode({
        name: side,
        store: before.store,
        directory: before.directory,
        sold: before.sold,
        channels: before.channels,
        ...(side === 'consumer'
          ? { runner: createSimulatedRunner({ system: realSystem }) }
          : simulated && { runner }),
        ...(wrap && { wrap }),
      })
    },
    sell(contractID, amounts) {
      const slice = { contractID, buyer: BUYER, amounts }
      sides.provider.sold.set(contractID, slice)
      // To whichever provider runs when something is asked.
      const now = () => createMemoryChannel({ peer: BUYER, routes: sides.provider.fabric.routes })
      sides.consumer.channels.set(contractID, {
        request: (request) => now().request(request),
        openStream: (path, signal) => now().openStream(path, signal),
      })
      return slice
    },
    async nodes() {
      const { items } = await store().list(NodeKind)
      return items
        .filter(({ metadata }) => metadata.labels?.['tributary.io/virtual-node'] !== undefined)
        .map((node) => ({ name: node.metadata.name, allocatable: node.status?.allocatable ?? {} }))
    },
    async taint(name, taint) {
      await mutate(store(), NodeKind, { name }, (node) => ({
        ...node,
        spec: { ...node.spec, taints: [taint] },
      }))
    },
    async createPod(name, spec) {
      const amounts = { cpu: '100m', memory: '64Mi' }
      const container = { ...tcpServer('main'), resources: { requests: amounts, limits: amounts } }
      await store().create(PodKind, {
        metadata: { name, namespace: 'default' },
        spec: { containers: [container], ...spec },
      })
    },
    async pods() {
      const { items } = await store().list(PodKind)
      return Object.fromEntries(items.map((pod) => [pod.metadata.name, isReady(pod)]))
    },
    async running() {
      if (simulated) return runner.running.size
      const { items } = await sides.provider.store.list(PodKind)
      return items.length
    },
    async close() {
      await sides.consumer.close()
      await sides.provider.close()
    },
  }
}
