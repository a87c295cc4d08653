/**
 * For the tests of the Network Manager: nodes that consist of a Network Manager and what it stands on.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { vi } from 'vitest'
import { createSimulatedNetwork, type SimulatedNetwork } from './simulated-network.ts'
import { testIdentity } from './identities.ts'
import { Informers } from '../../src/kernel/informer.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../../src/kernel/object-store.ts'
import { realSystem, type System } from '../../src/kernel/system.ts'
import { ContractKind, type Contract } from '../../src/objects/contract.ts'
import { PodKind, type Pod, type PodPhase } from '../../src/objects/core/pod.ts'
import type { NodeId } from '../../src/objects/ids.ts'
import { type VirtualRouter, VirtualRouterKind } from '../../src/objects/virtual-router.ts'
import { createRearApp } from '../../src/rear/route.ts'
import { createTlsTransport, type Listener, type Transport } from '../../src/rear/transport/index.ts'
import { createMemoryStore } from '../../src/store/memory/index.ts'
import {
  NetworkManager,
  type NetworkManagerLimits,
  type NetworkManagerOptions,
} from '../../src/network-manager/index.ts'

/** How the nodes of a test are joined. */
export type Wire = 'tls' | 'simulated'

export interface TestNode {
  readonly id: NodeId
  readonly address: string
  readonly store: ObjectStore
  readonly transport: Transport
  readonly informers: Informers
  readonly manager: NetworkManager
  /** Contracts sold, with the one who may use them. */
  readonly sold: Map<string, string>
  /** `contract/namespace/pod/port` → local port. */
  readonly endpoints: Map<string, number>
  /** Virtual node → contract. */
  readonly virtualNodes: Map<string, string>
  /** Streams to be refused, whatever they are for. */
  blockStreams: boolean
  /** How many were. */
  blockedStreams: number
  stop(): Promise<void>
}

export interface TestWorldOptions {
  readonly wire: Wire
  readonly system?: System
}

export interface TestWorld {
  readonly network: SimulatedNetwork
  node(name: string, options?: TestNodeOptions): Promise<TestNode>
  stop(): Promise<void>
}

export interface TestNodeOptions extends Pick<NetworkManagerOptions, 'pathOf'> {
  readonly limits?: Partial<NetworkManagerLimits>
  /** What a node of an earlier run left. */
  readonly store?: ObjectStore
  /** Stands between the Network Manager and the real transport. */
  readonly wrap?: (transport: Transport) => Transport
}

export function createTestWorld({ wire, system = realSystem }: TestWorldOptions): TestWorld {
  const network = createSimulatedNetwork({ system, seed: 1, log: silentLog })
  const nodes: TestNode[] = []
  return {
    network,
    async node(name, options = {}) {
      const identity = testIdentity(name)
      const real =
        wire === 'tls'
          ? createTlsTransport({ identity, system, log: silentLog })
          : network.transport(identity, `${name}.test:1`)
      const transport = options.wrap?.(real) ?? real
      const store = options.store ?? createMemoryStore({ system }).store
      const informers = new Informers({ store, system, log: silentLog })
      const sold = new Map<string, string>()
      const endpoints = new Map<string, number>()
      const virtualNodes = new Map<string, string>()
      const manager: NetworkManager = new NetworkManager({
        store,
        informers,
        system,
        log: silentLog,
        transport,
        identity,
        contracts: {
          sold: (id) => (sold.has(id) ? { buyer: sold.get(id)! as NodeId } : undefined),
        },
        inner: () => serving,
        ...(options.pathOf && { pathOf: options.pathOf }),
        ...(options.limits && { limits: options.limits }),
      })
      manager.useCluster({
        contractOf: (nodeName) => virtualNodes.get(nodeName),
        endpoints: ({ contractID, namespace, name: pod }) =>
          [...endpoints].flatMap(([key, port]) => {
            const [id, ns, podName, containerPort] = key.split('/')
            return id === contractID && ns === namespace && podName === pod
              ? [{ containerPort: Number(containerPort), host: '127.0.0.1', port }]
              : []
          }),
      })
      const serving = {
        handler: createRearApp(manager.routes, { authorize: () => undefined, log: silentLog }),
        onStream: manager.onStream,
      }
      const listener: Listener = await transport.listen({
        host: '127.0.0.1',
        port: 0,
        handler: serving.handler,
        onStream: (stream) => {
          if (!node.blockStreams) return manager.onStream(stream)
          node.blockedStreams++
          stream.duplex.destroy(new Error('blocked'))
        },
      })
      await informers.start()
      await manager.start()
      let stopping: Promise<void> | undefined
      const stop = async (): Promise<void> => {
        await manager.stop()
        await informers.stop()
        await transport.close()
      }
      const node: TestNode = {
        id: identity.id,
        address: listener.address,
        store,
        transport,
        informers,
        manager,
        sold,
        endpoints,
        virtualNodes,
        blockStreams: false,
        blockedStreams: 0,
        stop: () => (stopping ??= stop()),
      }
      nodes.push(node)
      return node
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

type Party = Pick<TestNode, 'id' | 'address'>

/** Puts a contract in force into the table of one of its parties. */
export async function putContract(
  at: TestNode,
  name: string,
  parties: { readonly buyer: Party; readonly seller: Party },
): Promise<void> {
  const identityOf = ({ id, address }: Party) => ({ domain: 'test', nodeID: id as string, ip: address })
  const role = at.id === parties.buyer.id ? 'buyer' : 'seller'
  await at.store.create(ContractKind, {
    metadata: { name, namespace: 'default' },
    spec: {
      role,
      transactionID: 't',
      buyer: identityOf(parties.buyer),
      seller: identityOf(parties.seller),
      buyerClusterID: '',
      peeringTargetCredentials: { liqoID: '', kubeconfig: '' },
    } as unknown as Contract['spec'],
  })
  await setContractPhase(at, name, 'Active')
  if (role === 'seller') at.sold.set(name, parties.buyer.id)
}

export async function setContractPhase(at: TestNode, name: string, phase: string): Promise<void> {
  await mutateStatus(at.store, ContractKind, { namespace: 'default', name }, ({ status }) => ({
    ...status,
    phase: { phase },
  }))
}

/** Makes a contract between two nodes, and waits for the consumer's router. */
export async function connectNodes(buyer: TestNode, seller: TestNode, name: string): Promise<void> {
  for (const at of [buyer, seller]) await putContract(at, name, { buyer, seller })
  buyer.virtualNodes.set(`virtual-${name}`, name)
  await vi.waitFor(() => {
    if (!buyer.manager.channelFor(name) || !seller.manager.channelFor(name)) throw new Error('no router yet')
  })
}

export interface PodOptions {
  readonly contract: string
  readonly ports: readonly {
    readonly containerPort: number
    readonly name?: string
    readonly protocol?: 'TCP' | 'UDP'
  }[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly owner?: string
}

/** Puts a pod on the virtual node of a contract. */
export async function putPod(
  at: TestNode,
  name: string,
  { contract, ports, annotations, owner }: PodOptions,
): Promise<void> {
  await at.store.create(PodKind, {
    metadata: {
      name,
      namespace: 'default',
      ...(annotations && { annotations }),
      ...(owner !== undefined && {
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: 'u', controller: true },
        ],
      }),
    },
    spec: { nodeName: `virtual-${contract}`, containers: [{ name: 'main', ports: [...ports] }] },
  })
  await setPodPhase(at, name, 'Running')
}

export async function setPodPhase(at: TestNode, name: string, phase: PodPhase): Promise<void> {
  await mutateStatus(at.store, PodKind, { namespace: 'default', name }, ({ status }: Pod) => ({
    ...status,
    phase,
  }))
}

export function routerOf(at: TestNode, name: string): Promise<VirtualRouter | undefined> {
  return at.store.get(VirtualRouterKind, { namespace: 'default', name })
}

/** Waits until a port of a pod is exposed. @returns the local port */
export async function exposedPort(
  at: TestNode,
  contract: string,
  pod: string,
  port: number,
): Promise<number> {
  return vi.waitFor(async () => {
    const router = await routerOf(at, contract)
    const found = router?.status?.endpoints?.find(
      (endpoint) => endpoint.pod === pod && endpoint.port === port,
    )
    if (!found) throw new Error(`not exposed: ${JSON.stringify(router?.status)}`)
    return found.localPort
  })
}

/** A workload: a TCP server on any free port, that the test stops with `close`. */
export async function workload(
  onConnection: (socket: Socket) => void,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** @returns a connection to a local port, whose errors are kept for the test to look at */
export async function dialLocal(port: number): Promise<Socket & { failure?: NodeJS.ErrnoException }> {
  const socket: Socket & { failure?: NodeJS.ErrnoException } = connect({
    port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  })
  socket.on('error', (error) => (socket.failure = error))
  await once(socket, 'connect')
  return socket
}

/** Resolves when the socket is closed, in whatever way. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : void socket.once('close', () => resolve())))
}

/** Reads until the end. @throws what broke the stream */
export async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
