/**
 * Consumer side: gives each port of each pod on a virtual node a local port that leads to it.
 *
 * A local port stays the same while its pod lives, however often that restarts, and is given again to
 * the pod that takes its place; after a restart of this program it is taken again if nobody else has it.
 */
import type { Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { Component } from '../kernel/component.ts'
import { Controller, type ReconcileResult } from '../kernel/controller.ts'
import type { Informer, InformerEvent } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../kernel/object-store.ts'
import { rfc3339, type System } from '../kernel/system.ts'
import { isFinished, type Pod } from '../objects/core/pod.ts'
import { DEFAULT_NAMESPACE, keyOf, keyString, type ObjectKey, setCondition } from '../objects/meta.ts'
import { type RouterEndpoint, type VirtualRouter, VirtualRouterKind } from '../objects/virtual-router.ts'
import { FreedPorts } from './freed-ports.ts'
import { type LocalPort, LocalPortError, openLocalPort } from './local-port.ts'
import { onSpecChange } from './on-spec-change.ts'
import type { RouterIndex } from './router-index.ts'
import type { PodPort } from './stream-paths.ts'
import { type WantedPort, wantedPorts } from './wanted-ports.ts'

export interface EndpointControllerOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  readonly routers: RouterIndex
  readonly pods: Informer<Pod>
  readonly listenHost: string
  /** When to try again a port that is taken, in milliseconds. */
  readonly retryMs: number
  /** The contract whose virtual node has this name; undefined for other nodes. */
  readonly contractOfNode: (nodeName: string) => string | undefined
  /** Owns each accepted connection. */
  readonly onConnection: (socket: Socket, to: PodPort) => void
}

interface Exposure {
  /** Changes when the pod is replaced by one of the same name under another contract. */
  router: string
  contractID: string
  readonly owner: string
  readonly local: LocalPort
}

interface Complaint {
  readonly reason: string
  readonly message: string
}

const RESYNC_MS = 30_000
const CONDITION = 'PortsExposed'

export function createEndpointController(options: EndpointControllerOptions): Component {
  const { store, system, routers, pods, listenHost, contractOfNode } = options
  const log = options.log.child({ controller: 'endpoints' })
  const exposures = new Map<string, Exposure>()
  const freed = new FreedPorts()
  /** What the status said of earlier exposures when we first saw it. */
  const earlier = new Map<string, number>()
  const seen = new Set<string>()

  function contractOf(pod: Pod): string | undefined {
    return pod.spec.nodeName === undefined ? undefined : contractOfNode(pod.spec.nodeName)
  }

  /** The routers that a change of a pod concerns. */
  function routersOf({ object, before }: InformerEvent<Pod>): ObjectKey[] {
    const keys = new Map<string, ObjectKey>()
    const add = (router: VirtualRouter | undefined): void => {
      if (router) keys.set(keyString(keyOf(router)), keyOf(router))
    }
    for (const pod of [object, before]) {
      const contractID = pod && contractOf(pod)
      if (contractID !== undefined) add(routers.of(contractID))
    }
    // Its node may be gone already, and with it what tells the contract.
    const prefix = `${podKey(object)}:`
    for (const [key, exposure] of exposures) if (key.startsWith(prefix)) add(routers.of(exposure.contractID))
    return [...keys.values()]
  }

  async function reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const routerKey = keyString(key)
    const router = routers.informer.get(key)
    if (router) learn(router)
    else seen.delete(routerKey)
    const kept = new Set<string>()
    const endpoints: RouterEndpoint[] = []
    const complaints: Complaint[] = []
    if (router?.spec.role === 'consumer') {
      const { contractID } = router.spec
      for (const pod of pods.list()) {
        if (isFinished(pod) || contractOf(pod) !== contractID) continue
        const wanted = wantedPorts(pod)
        for (const message of wanted.complaints) complaints.push({ reason: 'NotCarried', message })
        for (const port of wanted.ports) {
          const id = `${podKey(pod)}:${port.port}`
          kept.add(id)
          const exposure = await expose(id, pod, port, router, routerKey, complaints)
          if (exposure) endpoints.push(endpointOf(pod, port, exposure.local))
        }
      }
    }
    for (const [id, exposure] of exposures) {
      if (exposure.router === routerKey && !kept.has(id)) await conceal(id, exposure)
    }
    if (router) await report(router, endpoints, complaints)
    return complaints.some(({ reason }) => reason.startsWith('Port'))
      ? { requeueAfterMs: options.retryMs }
      : undefined
  }

  /** @returns the exposure; undefined while the pod never ran, or when there is a complaint */
  async function expose(
    id: string,
    pod: Pod,
    wanted: WantedPort,
    router: VirtualRouter,
    routerKey: string,
    complaints: Complaint[],
  ): Promise<Exposure | undefined> {
    const { contractID } = router.spec
    const found = exposures.get(id)
    if (found && (wanted.localPort === undefined || wanted.localPort === found.local.port)) {
      found.router = routerKey
      found.contractID = contractID
      return found
    }
    if (found) await conceal(id, found)
    if (pod.status?.phase !== 'Running') return undefined
    const owner = ownerOf(pod, wanted.port)
    const onConnection = (socket: Socket): void => {
      options.onConnection(socket, { contractID: exposure.contractID, ...targetOf(pod), port: wanted.port })
    }
    let local: LocalPort
    try {
      local =
        wanted.localPort === undefined
          ? await openAny(remembered(id, owner), onConnection)
          : await openLocalPort(listenHost, wanted.localPort, onConnection)
    } catch (error) {
      if (!(error instanceof LocalPortError)) throw error
      const reason = error.code === 'taken' ? 'PortTaken' : 'PortUnavailable'
      complaints.push({
        reason,
        message: `${error.message}, wanted for port ${wanted.port} of ${podKey(pod)}`,
      })
      return undefined
    }
    const exposure: Exposure = { router: routerKey, contractID, owner, local }
    exposures.set(id, exposure)
    log.info({ pod: podKey(pod), port: wanted.port, localPort: local.port, contractID }, 'port exposed')
    return exposure
  }

  /** Our own first status write may come before the pods are known to be a contract's. */
  function learn(router: VirtualRouter): void {
    const key = keyString(keyOf(router))
    if (seen.has(key)) return
    seen.add(key)
    for (const { namespace, pod, port, localPort } of router.status?.endpoints ?? []) {
      earlier.set(`${namespace}/${pod}:${port}`, localPort)
    }
  }

  /** Ports that it had before, the likeliest first. */
  function remembered(id: string, owner: string): number[] {
    const before = earlier.get(id)
    earlier.delete(id)
    const used = new Set(Array.from(exposures.values(), ({ local }) => local.port))
    return [...(before === undefined ? [] : [before]), ...freed.take(owner)].filter((port) => !used.has(port))
  }

  async function openAny(
    ports: readonly number[],
    onConnection: (socket: Socket) => void,
  ): Promise<LocalPort> {
    for (const port of ports) {
      try {
        return await openLocalPort(listenHost, port, onConnection)
      } catch (error) {
        if (!(error instanceof LocalPortError)) throw error
        log.debug({ port }, 'a port that was ours before is not to be had')
      }
    }
    return openLocalPort(listenHost, 0, onConnection)
  }

  async function conceal(id: string, exposure: Exposure): Promise<void> {
    exposures.delete(id)
    freed.give(exposure.owner, exposure.local.port)
    await exposure.local.close()
  }

  async function report(
    router: VirtualRouter,
    endpoints: readonly RouterEndpoint[],
    complaints: readonly Complaint[],
  ): Promise<void> {
    await mutateStatus(store, VirtualRouterKind, keyOf(router), ({ metadata, status }) => {
      if (metadata.uid !== router.metadata.uid) return undefined
      const exposed = endpoints.length === 1 ? 'one port is exposed' : `${endpoints.length} ports are exposed`
      const conditions =
        complaints.length > 0
          ? setCondition(
              status?.conditions,
              {
                type: CONDITION,
                status: 'False',
                reason: complaints[0]!.reason,
                message: complaints.map(({ message }) => message).join('; '),
              },
              rfc3339(system.clock.now()),
            )
          : endpoints.length > 0
            ? setCondition(
                status?.conditions,
                { type: CONDITION, status: 'True', reason: 'Exposed', message: exposed },
                rfc3339(system.clock.now()),
              )
            : status?.conditions?.filter(({ type }) => type !== CONDITION)
      const next = {
        ...status,
        ...(endpoints.length > 0 || status?.endpoints ? { endpoints: [...endpoints] } : {}),
        ...(conditions && { conditions: [...conditions] }),
      }
      return isDeepStrictEqual(next, status ?? {}) ? undefined : next
    })
  }

  const controller = new Controller<[VirtualRouter, Pod]>({
    name: 'endpoints',
    system,
    log: options.log,
    resyncMs: RESYNC_MS,
    watches: [
      { informer: routers.informer, keys: onSpecChange },
      { informer: pods, keys: routersOf },
    ],
    reconcile,
  })
  return {
    start: () => controller.start(),
    async stop() {
      await controller.stop()
      await Promise.all(Array.from(exposures.values(), ({ local }) => local.close()))
      exposures.clear()
    },
  }
}

function targetOf(pod: Pod): { readonly namespace: string; readonly pod: string } {
  return { namespace: pod.metadata.namespace ?? DEFAULT_NAMESPACE, pod: pod.metadata.name }
}

function podKey(pod: Pod): string {
  const { namespace, pod: name } = targetOf(pod)
  return `${namespace}/${name}`
}

/** What stays the same when one pod takes the place of another. */
function ownerOf(pod: Pod, port: number): string {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)
  const who = owner ? `${owner.kind}/${owner.name}` : `Pod/${pod.metadata.name}`
  return `${targetOf(pod).namespace}/${who}:${port}`
}

function endpointOf(pod: Pod, wanted: WantedPort, local: LocalPort): RouterEndpoint {
  const host = local.address.includes(':') ? `[${local.address}]` : local.address
  return {
    ...targetOf(pod),
    container: wanted.container,
    port: wanted.port,
    localAddress: local.address,
    localPort: local.port,
    url: `${wanted.scheme}://${host}:${local.port}`,
  }
}
