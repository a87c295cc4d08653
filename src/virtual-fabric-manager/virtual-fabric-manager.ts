/** The component: the VirtualNode controller of the consumer, and the RESOURCE_REQUEST route of the provider. */
import Type from 'typebox'
import type { Fabric, ResourceOffer, SoldSlice } from '../fabric/fabric.ts'
import type { Channel } from '../kernel/channel.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { mutate, mutateStatus, remove } from '../kernel/object-store.ts'
import { deadline } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind } from '../objects/contract.ts'
import { NodeKind } from '../objects/core/node.ts'
import type { ContractId, NodeId } from '../objects/ids.ts'
import { DEFAULT_NAMESPACE, keyOf, type ObjectKey } from '../objects/meta.ts'
import { VirtualNodeKind, type VirtualNode } from '../objects/virtual-node.ts'
import { VirtualRouterKind } from '../objects/virtual-router.ts'
import { isProblem, Problem, ProblemSchema } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { traceFromHeaders, traceHeaders, traceOf, type TraceContext } from '../trace/index.ts'

export interface VirtualFabricManagerOptions extends NodeBase {
  readonly fabric: Fabric
  /** The way to the other end of a contract, made by the Network Manager. */
  readonly channelFor: (contractID: string) => Channel | undefined
  /** What we sold under a contract that is in force. */
  readonly sold: (contractID: string) => SoldSlice | undefined
  /** Provider, steps 24 and 25. */
  readonly peered: (contractID: string, buyer: string, trace?: TraceContext) => Promise<void>
}

const FINALIZER = 'tributary.io/virtual-node'
const REQUEST_TIMEOUT_MS = 10_000
const RETRY_MS = 1_000
const PROBE_EVERY_MS = 10_000

const ResourceRequestSchema = Type.Object(
  {
    virtualNode: Type.String({ description: 'Name of the virtual node in the cluster of the buyer.' }),
    resources: Type.Record(Type.String(), Type.String()),
  },
  { title: 'ResourceRequest', description: 'Asks for what a signed contract gives, as a virtual node.' },
)

const ResourceOfferSchema = Type.Object(
  {
    status: Type.Union([Type.Literal('Accepted'), Type.Literal('Denied')]),
    contractID: Type.String(),
    resources: Type.Optional(Type.Record(Type.String(), Type.String())),
    nodeLabels: Type.Optional(Type.Record(Type.String(), Type.String())),
    enforcement: Type.Optional(Type.String()),
    reason: Type.Optional(Type.String()),
    message: Type.Optional(Type.String()),
  },
  {
    title: 'ResourceOffer',
    description: 'What the provider gives: exactly what the contract says, or why not.',
  },
)

export class VirtualFabricManager implements Component {
  readonly #options: VirtualFabricManagerOptions
  readonly #controller: Controller

  constructor(options: VirtualFabricManagerOptions) {
    this.#options = options
    const { informers } = options
    const nodes = informers.of(VirtualNodeKind)
    nodes.addIndex('contract', (node) => [node.spec.contractID])
    nodes.addIndex('name', (node) => [node.metadata.name])
    const ofContract = (contractID: string): ObjectKey[] => nodes.byIndex('contract', contractID).map(keyOf)
    this.#controller = new Controller({
      name: 'virtual-fabric-manager',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [
        { informer: nodes },
        // A new router is a new way; an ended contract is the end of its virtual node.
        {
          informer: informers.of(VirtualRouterKind),
          keys: ({ object }) => ofContract(object.spec.contractID),
        },
        { informer: informers.of(ContractKind), keys: ({ object }) => ofContract(object.metadata.name) },
        {
          informer: informers.of(NodeKind),
          keys: ({ object }) => nodes.byIndex('name', object.metadata.name).map(keyOf),
        },
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  /** Provider: stops what runs under a contract. */
  withdraw(contractID: string): Promise<void> {
    return this.#options.fabric.withdraw(contractID as ContractId)
  }

  /** Consumer: whether nothing stands for the contract any more. */
  async detached(contractID: string): Promise<boolean> {
    const list = await this.#options.store.list(VirtualNodeKind)
    return !list.items.some((node) => node.spec.contractID === contractID)
  }

  readonly routes: readonly Route[] = [
    {
      method: 'PUT',
      path: '/api/v2/contracts/{contractID}/resources',
      operationId: 'requestResources',
      summary: 'RESOURCE_REQUEST: have the bought resources set up; answers with the RESOURCE_OFFER',
      access: 'party',
      request: ResourceRequestSchema,
      responses: {
        200: { description: 'The offer, accepted or denied.', schema: ResourceOfferSchema },
        404: { description: 'No contract of the caller in force.', schema: ProblemSchema },
      },
      handle: async ({ params, peer, headers }) => ({
        status: 200,
        body: await this.#offer(params['contractID']!, peer?.id, traceFromHeaders(headers)),
      }),
    },
  ]

  /** Steps 23 to 26. */
  async #offer(
    contractID: string,
    caller: string | undefined,
    trace: TraceContext | undefined,
  ): Promise<ResourceOffer> {
    const { sold, fabric, peered, recorder } = this.#options
    const since = recorder.now()
    const slice = sold(contractID)
    if (slice === undefined)
      throw new Problem('contract-not-found', 'no signed contract in force under this id')
    if (slice.buyer !== caller) throw new Problem('not-a-party', 'the contract is of another buyer')
    const offer = await fabric.offer(slice)
    const accepted = offer.status === 'Accepted'
    recorder.step(trace, 'contract-found', {
      peer: caller,
      since,
      outcome: accepted ? 'ok' : 'failed',
      detail: accepted ? offer.enforcement : offer.message,
    })
    if (accepted) await peered(contractID, caller, trace)
    recorder.step(trace, 'resources-offered', { peer: caller, since, outcome: accepted ? 'ok' : 'failed' })
    return offer
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number } | void> {
    const { store } = this.#options
    const node = await store.get(VirtualNodeKind, key)
    if (node === undefined) return
    if (node.metadata.deletionTimestamp !== undefined) return this.#detach(node)
    const contract = await store.get(ContractKind, {
      namespace: DEFAULT_NAMESPACE,
      name: node.spec.contractID,
    })
    const phase = contract?.status?.phase?.phase ?? 'Active'
    if (contract === undefined || phase !== 'Active') {
      await remove(store, VirtualNodeKind, key)
      return
    }
    if (node.status?.phase === 'Denied') return
    if (node.status?.phase === 'Ready' || node.status?.phase === 'NotReady') return this.#watchOver(node)
    return this.#attach(node, signal)
  }

  /** Step 22, and what makes the node appear. */
  async #attach(node: VirtualNode, signal: AbortSignal): Promise<{ requeueAfterMs?: number } | void> {
    const { store, fabric, channelFor, system, recorder } = this.#options
    const { contractID, provider, resources } = node.spec
    const trace = traceOf(node)
    if (!node.metadata.finalizers?.includes(FINALIZER)) {
      await mutate(store, VirtualNodeKind, keyOf(node), (each) => ({
        ...each,
        metadata: { ...each.metadata, finalizers: [...(each.metadata.finalizers ?? []), FINALIZER] },
      }))
    }
    const channel = channelFor(contractID)
    // The Network Manager is making the router; its informer event brings us back.
    if (channel === undefined) return { requeueAfterMs: RETRY_MS }
    const limit = deadline(system.clock, REQUEST_TIMEOUT_MS, signal)
    const since = recorder.now()
    try {
      const requested = recorder.step(trace, 'resources-requested', { peer: provider, detail: contractID })
      const { body } = await channel.request({
        method: 'PUT',
        path: `/api/v2/contracts/${encodeURIComponent(contractID)}/resources`,
        headers: traceHeaders(requested),
        body: { virtualNode: node.metadata.name, resources },
        signal: limit.signal,
      })
      const offer = body as ResourceOffer
      if (offer.status !== 'Accepted') {
        await this.#setStatus(node, { phase: 'Denied', message: `${offer.reason}: ${offer.message}` })
        return
      }
      await fabric.attach({
        nodeName: node.metadata.name,
        contractID: contractID as ContractId,
        provider: provider as NodeId,
        offer,
      })
      await this.#setStatus(node, {
        phase: 'Ready',
        nodeName: node.metadata.name,
        enforcement: offer.enforcement,
        message: 'attached',
      })
      this.#options.log.debug({ contractID, ms: recorder.now() - since }, 'virtual node attached')
      return { requeueAfterMs: PROBE_EVERY_MS }
    } catch (error) {
      if (!isTransportError(error) && !isProblem(error)) throw error
      if (isProblem(error, 'not-a-party', 'peer-not-accepted', 'peer-unknown')) {
        await this.#setStatus(node, { phase: 'Denied', message: error.message })
        return
      }
      await this.#setStatus(node, {
        phase: 'Requesting',
        message: `waiting for ${provider}: ${error.message}`,
      })
      return { requeueAfterMs: RETRY_MS }
    } finally {
      limit.done()
    }
  }

  /** Keeps saying whether the node is usable. A provider that cannot be observed is not a provider that failed. */
  async #watchOver(node: VirtualNode): Promise<{ requeueAfterMs: number }> {
    const status = await this.#options.fabric.status(node.metadata.name)
    if (status.reason === 'NotAttached') {
      // The process was restarted: attach again from the stored contract.
      await this.#setStatus(node, { phase: 'Attaching', message: 'attaching again' })
      return { requeueAfterMs: 0 }
    }
    await this.#setStatus(node, {
      ...node.status,
      phase: status.ready ? 'Ready' : 'NotReady',
      message: status.message,
    })
    return { requeueAfterMs: PROBE_EVERY_MS }
  }

  async #detach(node: VirtualNode): Promise<void> {
    const { store, fabric } = this.#options
    await this.#setStatus(node, { ...node.status, phase: 'Detaching', message: 'stopping what runs there' })
    await fabric.detach(node.metadata.name)
    await mutate(store, VirtualNodeKind, keyOf(node), (each) => ({
      ...each,
      metadata: {
        ...each.metadata,
        finalizers: (each.metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER),
      },
    }))
  }

  async #setStatus(node: VirtualNode, status: NonNullable<VirtualNode['status']>): Promise<void> {
    await mutateStatus(this.#options.store, VirtualNodeKind, keyOf(node), () => status)
  }
}
