/**
 * Consumer side: gives each port of each pod on a virtual node a local port that leads to it, and says in the status
 * of the virtual router which. The local ports themselves are `ExposedPorts`'.
 */
import { requeueAfter } from '../kernel/reconcile/result.ts'
import { isDeepStrictEqual } from 'node:util'
import type { Component } from '../kernel/component.ts'
import { Controller, type ReconcileResult } from '../kernel/controller.ts'
import type { Informer, InformerEvent } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../kernel/object-store.ts'
import { rfc3339, type System } from '../kernel/system.ts'
import { isFinished, type Pod } from '../objects/core/pod.ts'
import { type Condition, keyOf, keyString, type ObjectKey, setCondition } from '../objects/meta.ts'
import { type RouterEndpoint, type VirtualRouter, VirtualRouterKind } from '../objects/virtual-router.ts'
import { ExposedPorts, type ExposedPortsOptions } from './exposed-ports.ts'
import { LocalPortError } from './local-port.ts'
import { onSpecChange } from './on-spec-change.ts'
import { endpointOf, podKey } from './pod-ports.ts'
import type { RouterIndex } from './router-index.ts'
import { wantedPorts } from './wanted-ports.ts'

export interface EndpointControllerOptions extends Omit<ExposedPortsOptions, 'log'> {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  readonly routers: RouterIndex
  readonly pods: Informer<Pod>
  /** When to try again a port that is taken, in milliseconds. */
  readonly retryMs: number
  /** The contract whose virtual node has this name; undefined for other nodes. */
  readonly contractOfNode: (nodeName: string) => string | undefined
}

interface Complaint {
  readonly reason: 'NotCarried' | 'PortTaken' | 'PortUnavailable'
  readonly message: string
}

const RESYNC_MS = 30_000
const CONDITION = 'PortsExposed'

export class EndpointController implements Component {
  readonly #options: EndpointControllerOptions
  readonly #exposed: ExposedPorts
  readonly #controller: Controller<[VirtualRouter, Pod]>

  constructor(options: EndpointControllerOptions) {
    this.#options = options
    this.#exposed = new ExposedPorts({ ...options, log: options.log.child({ controller: 'endpoints' }) })
    this.#controller = new Controller<[VirtualRouter, Pod]>({
      name: 'endpoints',
      system: options.system,
      log: options.log,
      resyncMs: RESYNC_MS,
      watches: [
        { informer: options.routers.informer, keys: onSpecChange },
        { informer: options.pods, keys: (event) => this.#routersOf(event) },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  async stop(): Promise<void> {
    await this.#controller.stop()
    await this.#exposed.closeAll()
  }

  #contractOf(pod: Pod): string | undefined {
    return pod.spec.nodeName === undefined ? undefined : this.#options.contractOfNode(pod.spec.nodeName)
  }

  /** The routers that a change of a pod concerns. */
  #routersOf({ object, before }: InformerEvent<Pod>): ObjectKey[] {
    const contracts = new Set<string>()
    for (const pod of [object, before]) {
      const contractID = pod && this.#contractOf(pod)
      if (contractID !== undefined) contracts.add(contractID)
    }
    // Its node may be gone already, and with it what tells the contract.
    for (const contractID of this.#exposed.contractsOf(podKey(object))) contracts.add(contractID)
    return [...contracts].flatMap((contractID) => {
      const router = this.#options.routers.of(contractID)
      return router ? [keyOf(router)] : []
    })
  }

  async #reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { routers, pods, retryMs } = this.#options
    const routerKey = keyString(key)
    const router = routers.informer.get(key)
    if (router) this.#exposed.learn(routerKey, router.status?.endpoints ?? [])
    else this.#exposed.forget(routerKey)
    const kept = new Set<string>()
    const endpoints: RouterEndpoint[] = []
    const complaints: Complaint[] = []
    if (router?.spec.role === 'consumer') {
      const { contractID } = router.spec
      for (const pod of pods.list()) {
        if (isFinished(pod) || this.#contractOf(pod) !== contractID) continue
        const wanted = wantedPorts(pod)
        for (const message of wanted.complaints) complaints.push({ reason: 'NotCarried', message })
        for (const port of wanted.ports) {
          kept.add(`${podKey(pod)}:${port.port}`)
          try {
            const local = await this.#exposed.expose(pod, port, { routerKey, contractID })
            if (local) endpoints.push(endpointOf(pod, port, local))
          } catch (error) {
            if (!(error instanceof LocalPortError)) throw error
            complaints.push({
              reason: error.code === 'taken' ? 'PortTaken' : 'PortUnavailable',
              message: `${error.message}, wanted for port ${port.port} of ${podKey(pod)}`,
            })
          }
        }
      }
    }
    await this.#exposed.concealOthers(routerKey, kept)
    if (router) await this.#report(router, endpoints, complaints)
    return complaints.some(({ reason }) => reason !== 'NotCarried') ? requeueAfter(retryMs) : undefined
  }

  async #report(
    router: VirtualRouter,
    endpoints: readonly RouterEndpoint[],
    complaints: readonly Complaint[],
  ): Promise<void> {
    const { store, system } = this.#options
    const condition = conditionOf(endpoints.length, complaints)
    await mutateStatus(store, VirtualRouterKind, keyOf(router), ({ metadata, status }) => {
      if (metadata.uid !== router.metadata.uid) return undefined
      const conditions = condition
        ? setCondition(status?.conditions, condition, rfc3339(system.clock.now()))
        : status?.conditions?.filter(({ type }) => type !== CONDITION)
      const next = {
        ...status,
        ...(endpoints.length > 0 || status?.endpoints ? { endpoints: [...endpoints] } : {}),
        ...(conditions && { conditions: [...conditions] }),
      }
      return isDeepStrictEqual(next, status ?? {}) ? undefined : next
    })
  }
}

/** @returns undefined when there is nothing to say */
function conditionOf(
  exposed: number,
  complaints: readonly Complaint[],
): Omit<Condition, 'lastTransitionTime'> | undefined {
  const [first] = complaints
  if (first) {
    const message = complaints.map((each) => each.message).join('; ')
    return { type: CONDITION, status: 'False', reason: first.reason, message }
  }
  if (exposed === 0) return undefined
  const message = exposed === 1 ? 'one port is exposed' : `${exposed} ports are exposed`
  return { type: CONDITION, status: 'True', reason: 'Exposed', message }
}
