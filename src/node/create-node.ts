/**
 * The composition root: makes a node of its parts, stage by stage. What is in a stage stands in `parts/`.
 *
 * `createNode` takes the edges (clock, store, transport, runner) from outside, so that a whole market of nodes
 * runs in one process; `startNode` in `start-node.ts` gives it the real ones.
 */
import type { ControlAddress } from '../api/index.ts'
import type { Component } from '../kernel/component.ts'
import type { Informers } from '../kernel/informer.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import type { NodeId } from '../objects/ids.ts'
import type { Route } from '../rear/route.ts'
import { ActiveProcess, type ProcessRole } from './active-process.ts'
import { nodeStatus, type NodeStatus } from './node-status.ts'
import { createFoundation, PARTS, type NodeEdges, type Parts } from './parts/index.ts'
import { RearGate, withOpenApi } from './rear-gate.ts'

export interface NodeOptions extends NodeEdges {
  /** Stages of a test's own. */
  readonly overrides?: Partial<Parts>
}

export interface TributaryNode extends Component {
  readonly id: NodeId
  readonly name: string
  /** host:port of the REAR listener. @throws Error before the start */
  readonly rearAddress: string
  /** Where the control API listens. @throws Error before the start, or when there is none */
  readonly control: ControlAddress
  readonly store: ObjectStore
  readonly informers: Informers
  /** All of the protocol that the node serves. */
  readonly routes: readonly Route[]
  status(): NodeStatus
  /** Whether this process acts for the node, or waits until it may. */
  readonly process: ProcessRole
}

/** @returns a node that has not been started */
export function createNode({ overrides, ...edges }: NodeOptions): TributaryNode {
  const { identity, openedStore, system } = edges
  const started = system.clock.monotonic()
  const create = { ...PARTS, ...overrides }

  const foundation = createFoundation(edges)
  const trust = create.trust(foundation.handles)
  const market = create.market({ ...foundation.handles, ...trust.handles })
  const deals = create.deals({ ...foundation.handles, ...trust.handles, ...market.handles })
  const peering = create.peering({
    ...foundation.handles,
    ...trust.handles,
    ...market.handles,
    ...deals.handles,
  })
  const workloads = create.workloads({
    ...foundation.handles,
    ...trust.handles,
    ...market.handles,
    ...deals.handles,
    ...peering.handles,
  })

  const { config, self, informers, role, rearServer, fence, log } = foundation.handles
  const { registry, membership } = trust.handles
  const { fabric } = peering.handles
  const current = (): ProcessRole => active.current
  const controlUrl = (): string | undefined => control.handles.controlApi?.listening?.secure?.url
  const status = (): NodeStatus =>
    nodeStatus({
      config,
      self,
      role,
      fabric,
      peers: registry.list(),
      uptimeMs: system.clock.monotonic() - started,
      controlUrl: controlUrl(),
      plainAddress: rearServer.plainAddress,
      warnings: membership.warnings(),
      process: current(),
    })
  const control = create.control({
    ...foundation.handles,
    ...peering.handles,
    ...workloads.handles,
    status,
    process: current,
  })

  const stages = [foundation, trust, market, deals, peering, workloads]
  const routes = withOpenApi(stages.flatMap((stage) => stage.routes))
  const gate = new RearGate({
    ...foundation.handles,
    ...trust.handles,
    ...deals.handles,
    ...peering.handles,
    routes,
  })
  // In this order they start, in the reverse order they stop.
  const components: readonly Component[] = [
    ...stages.flatMap((stage) => stage.components),
    ...stages.flatMap((stage) => stage.outreach ?? []),
    gate,
    ...control.components,
  ]
  const { controlApi } = control.handles
  const active = new ActiveProcess({
    ...{ store: openedStore.store, exclusive: openedStore.exclusive, fence, system, log, informers },
    ...{ nodeID: identity.id, name: config.name, components },
    // The others act: on objects, or towards other nodes.
    standby: new Set([informers, rearServer, ...control.components]),
    onLost: edges.onLost,
  })
  rearServer.whenClosed(() => whyClosed(current()))
  return {
    id: identity.id,
    name: config.name,
    store: openedStore.store,
    informers,
    routes,
    get rearAddress() {
      if (rearServer.address === undefined) throw new Error('the node is not running')
      return self.identity().ip
    },
    get control() {
      if (controlApi === undefined) throw new Error('this node serves no control API')
      return controlApi.address
    },
    status,
    get process() {
      return current()
    },
    start: () => active.start(),
    stop: () => active.stop(),
  }
}

/** What callers are told who find nobody to answer. */
function whyClosed(process: ProcessRole): string | undefined {
  return process.role === 'standby' ? 'this process waits while another acts for the node' : undefined
}
