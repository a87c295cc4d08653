/**
 * The buyer's side of virtual nodes: hands pods that are bound to one to its provider, and shows here
 * what becomes of them there.
 */
import type { Component } from '../../kernel/component.ts'
import { Controller, type ReconcileResult } from '../../kernel/controller.ts'
import type { Channel } from '../../kernel/channel.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { ensure, mutate, mutateStatus, type ObjectStore, remove } from '../../kernel/object-store.ts'
import { deadline, rfc3339, type System } from '../../kernel/system.ts'
import { type Node, NodeKind } from '../../objects/core/node.ts'
import { isFinished, type Pod, PodKind } from '../../objects/core/pod.ts'
import type { ContractId } from '../../objects/ids.ts'
import { keyOf, keyString, type ObjectKey, setCondition } from '../../objects/meta.ts'
import type { BoughtSlice, FabricStatus } from '../fabric.ts'
import { type EventRecorder, recordIgnoredImages } from './event-recorder.ts'
import type { ContainerLogOptions } from './kubelet.ts'
import {
  CONTRACT_ANNOTATION,
  CONTRACT_LABEL,
  contractLabel,
  HOSTNAME_LABEL,
  PROVIDER_ANNOTATION,
  RUNNING_FINALIZER,
  VIRTUAL_NODE_LABEL,
} from './names.ts'
import { PodLogError } from './pod-log-error.ts'
import {
  logPath,
  podPath,
  podsPath,
  type RemotePods,
  type RemotePodState,
  type RemovedPod,
} from './pods-protocol.ts'
import { lostPodStatus, refusedPodStatus } from './pod-status.ts'
import { NoChannelError, ProviderLink, refusalOf } from './provider-link.ts'

export interface VirtualKubeletOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly events: EventRecorder
  /** @returns the way to the other end of the contract; undefined while there is none */
  readonly channels: (contractID: ContractId) => Channel | undefined
  /** Of this program, for `kubectl get nodes`. */
  readonly version: string
}

const SOURCE = 'virtual-kubelet'
const REQUEST_LIMIT_MS = 10_000
const PROBE_LIMIT_MS = 5_000
const REFUSED_RETRY_MS = 5_000
const ENDING_RETRY_MS = 1_000
/** What a provider that answers gets, beyond the grace of its pods, to end them. */
const DETACH_LIMIT_MS = 10_000
/** What one that does not answer gets. */
const FORCED_DETACH_MS = 3_000

export class VirtualKubelet implements Component {
  readonly #options: VirtualKubeletOptions
  readonly #log: Log
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #controller: Controller<[Pod]>
  readonly #links = new Map<string, ProviderLink>()
  /** Pods that the provider has, by key: the uid. */
  readonly #handedOver = new Map<string, string>()
  readonly #detaching = new Map<string, Promise<void>>()
  #unsubscribe: (() => void) | undefined
  #abort = new AbortController()

  constructor(options: VirtualKubeletOptions) {
    const { informers, system, log } = options
    this.#options = options
    this.#log = log.child({ component: SOURCE })
    this.#pods = informers.of(PodKind)
    this.#nodes = informers.of(NodeKind)
    this.#controller = new Controller<[Pod]>({
      name: SOURCE,
      system,
      log,
      concurrency: 16,
      watches: [
        {
          informer: this.#pods,
          keys: ({ type, object, before }) => {
            if (type === 'deleted') this.#handedOver.delete(keyString(keyOf(object)))
            if (!this.#isVirtual(object.spec.nodeName)) return undefined
            // Our own writes of the status are no news.
            const same =
              before?.metadata.deletionTimestamp === object.metadata.deletionTimestamp &&
              before?.spec.nodeName === object.spec.nodeName
            return before !== undefined && same ? undefined : keyOf(object)
          },
        },
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  /** Virtual nodes of an earlier life go on by themselves. */
  async start(): Promise<void> {
    this.#abort = new AbortController()
    await this.#nodes.start()
    this.#unsubscribe ??= this.#nodes.onChange(({ type, object }) => {
      if (object.metadata.labels?.[VIRTUAL_NODE_LABEL] === undefined) return
      if (type === 'deleted') this.#unlink(object.metadata.name)
      else this.#link(object)
    })
    await this.#controller.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#abort.abort()
    await Promise.all(Array.from(this.#links.values(), (link) => link.stop()))
    this.#links.clear()
    await this.#controller.stop()
    await Promise.allSettled(this.#detaching.values())
  }

  /** Resolves when the node's object is stored. */
  async attach({ nodeName, contractID, provider, offer }: BoughtSlice): Promise<void> {
    const { store, system, version } = this.#options
    // It may be on its way out: then it comes back as a new one.
    await this.#detaching.get(nodeName)
    const node = await ensure(store, NodeKind, {
      metadata: {
        name: nodeName,
        labels: {
          ...offer.nodeLabels,
          [HOSTNAME_LABEL]: nodeName,
          [VIRTUAL_NODE_LABEL]: 'true',
          [CONTRACT_LABEL]: contractLabel(contractID),
          type: 'virtual-node',
          'node-role.kubernetes.io/virtual': '',
        },
        annotations: { [CONTRACT_ANNOTATION]: contractID, [PROVIDER_ANNOTATION]: provider },
      },
      spec: { providerID: `tributary://${contractID}` },
    })
    if (node.metadata.annotations?.[CONTRACT_ANNOTATION] !== contractID) {
      throw new Error(`node ${nodeName} stands for another contract`)
    }
    await mutateStatus(store, NodeKind, { name: nodeName }, (stored) => ({
      ...stored.status,
      capacity: { ...offer.resources },
      allocatable: { ...offer.resources },
      conditions: stored.status?.conditions ?? [
        {
          type: 'Ready',
          status: 'Unknown' as const,
          reason: 'Connecting',
          message: 'the provider has not been heard of yet',
          lastTransitionTime: rfc3339(system.clock.now()),
        },
      ],
      nodeInfo: {
        ...stored.status?.nodeInfo,
        kubeletVersion: version,
        containerRuntimeVersion: `tributary://${offer.enforcement.split(' ')[0]}`,
      },
    }))
    this.#link(node)
  }

  /** Resolves when the node and its pods are gone; a provider that does not answer is not waited for. */
  detach(nodeName: string): Promise<void> {
    const running = this.#detaching.get(nodeName)
    if (running !== undefined) return running
    const detaching = this.#detach(nodeName).finally(() => this.#detaching.delete(nodeName))
    this.#detaching.set(nodeName, detaching)
    return detaching
  }

  async status(nodeName: string): Promise<FabricStatus> {
    const link = this.#links.get(nodeName)
    if (link === undefined) {
      return { ready: false, reason: 'NotAttached', message: `there is no virtual node ${nodeName}` }
    }
    const { signal, done } = deadline(this.#options.system.clock, PROBE_LIMIT_MS, this.#abort.signal)
    try {
      await link.request('GET', `${podsPath(link.contractID)}?wait=0`, signal)
      return { ready: true, reason: 'Ready', message: 'the provider answers' }
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal) return { ready: false, reason: 'Refused', message: refusal.detail }
      const reason = error instanceof NoChannelError ? 'NoChannel' : 'ProviderUnreachable'
      return { ready: false, reason, message: (error as Error).message }
    } finally {
      done()
    }
  }

  /** @returns whether the pod is bound to a virtual node */
  has(pod: Pod): boolean {
    return this.#isVirtual(pod.spec.nodeName)
  }

  /**
   * The log of a pod that runs at a provider.
   * @throws PodLogError `provider-unreachable`, `not-started`
   */
  async *logs(
    pod: Pod,
    { signal, follow = false, tailLines, container }: ContainerLogOptions,
  ): AsyncGenerator<string> {
    const link = this.#links.get(pod.spec.nodeName ?? '')
    const channel = link && this.#options.channels(link.contractID)
    if (link === undefined || channel === undefined) {
      throw new PodLogError(
        'provider-unreachable',
        `there is no connection with the provider of ${pod.spec.nodeName}`,
      )
    }
    const path = logPath({
      contractID: link.contractID,
      namespace: pod.metadata.namespace ?? 'default',
      name: pod.metadata.name,
      follow,
      ...(tailLines !== undefined && { tailLines }),
      ...(container !== undefined && { container }),
    })
    const limit = deadline(this.#options.system.clock, REQUEST_LIMIT_MS, signal)
    let stream
    try {
      stream = await channel.openStream(path, limit.signal)
    } catch (error) {
      throw new PodLogError('provider-unreachable', `no log: ${(error as Error).message}`, { cause: error })
    } finally {
      limit.done()
    }
    const onAbort = (): void => void stream.destroy()
    signal?.addEventListener('abort', onAbort, { once: true })
    stream.end()
    stream.setEncoding('utf8')
    try {
      for await (const chunk of stream) yield chunk as string
    } catch (error) {
      if (signal?.aborted) return
      throw new PodLogError('provider-unreachable', `the log was cut: ${(error as Error).message}`, {
        cause: error,
      })
    } finally {
      signal?.removeEventListener('abort', onAbort)
      stream.destroy()
    }
  }

  #isVirtual(nodeName: string | undefined): boolean {
    return (
      nodeName !== undefined &&
      this.#nodes.get({ name: nodeName })?.metadata.labels?.[VIRTUAL_NODE_LABEL] !== undefined
    )
  }

  #boundTo(nodeName: string): readonly Pod[] {
    return this.#pods.list().filter((pod) => pod.spec.nodeName === nodeName)
  }

  #link(node: Node): void {
    const { name, annotations } = node.metadata
    const contractID = annotations?.[CONTRACT_ANNOTATION] as ContractId | undefined
    if (this.#links.has(name) || contractID === undefined || this.#abort.signal.aborted) return
    const { channels, system } = this.#options
    const link = new ProviderLink({
      contractID,
      channels,
      system,
      log: this.#log.child({ node: name }),
      heard: (pods) => this.#heard(name, pods),
      lost: (reason, message) => this.#lost(name, reason, message),
    })
    this.#links.set(name, link)
    // Pods may have been bound before the informer knew that the node is virtual.
    for (const pod of this.#boundTo(name)) this.#controller.enqueue(keyOf(pod))
    link.start()
  }

  #unlink(nodeName: string): void {
    const link = this.#links.get(nodeName)
    this.#links.delete(nodeName)
    void link?.stop()
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const pod = this.#pods.get(key)
    const link = this.#links.get(pod?.spec.nodeName ?? '')
    if (pod === undefined || link === undefined) return
    const limit = deadline(this.#options.system.clock, REQUEST_LIMIT_MS, signal)
    try {
      return pod.metadata.deletionTimestamp === undefined
        ? await this.#handOver(pod, link, limit.signal)
        : await this.#takeBack(pod, link, limit.signal)
    } finally {
      limit.done()
    }
  }

  async #handOver(pod: Pod, link: ProviderLink, signal: AbortSignal): Promise<ReconcileResult> {
    const key = keyOf(pod)
    const { uid, name, namespace = 'default', labels, annotations } = pod.metadata
    if (this.#handedOver.get(keyString(key)) === uid || isFinished(pod)) return
    const { nodeName, ...spec } = pod.spec
    try {
      await link.request('PUT', podPath(link.contractID, namespace, name), signal, {
        uid,
        nodeName,
        ...(labels && { labels }),
        ...(annotations && { annotations }),
        spec,
      })
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === undefined) {
        // The link finds out when the provider is back, and asks again.
        this.#log.debug({ err: error, pod: keyString(key) }, 'pod not handed over')
        return { requeueAfterMs: REFUSED_RETRY_MS }
      }
      await this.#refused(pod, refusal.reason, refusal.detail)
      return { requeueAfterMs: REFUSED_RETRY_MS }
    }
    this.#handedOver.set(keyString(key), uid)
    this.#options.events.record(
      pod,
      SOURCE,
      'Normal',
      'HandedOver',
      `The provider of ${nodeName} has taken the pod`,
    )
    recordIgnoredImages(pod, SOURCE, this.#options.events)
    return undefined
  }

  async #refused(pod: Pod, reason: string, message: string): Promise<void> {
    const { store, events, system } = this.#options
    const known = pod.status?.containerStatuses?.[0]?.state?.waiting
    if (known?.reason !== reason || known.message !== message) {
      events.record(pod, SOURCE, 'Warning', 'ProviderRefused', message)
    }
    await mutateStatus(store, PodKind, keyOf(pod), (stored) =>
      stored.metadata.uid === pod.metadata.uid
        ? refusedPodStatus(stored, reason, message, system.clock.now())
        : undefined,
    )
  }

  async #takeBack(pod: Pod, link: ProviderLink, signal: AbortSignal): Promise<ReconcileResult> {
    const { uid, name, namespace = 'default' } = pod.metadata
    const path = `${podPath(link.contractID, namespace, name)}?uid=${encodeURIComponent(uid)}`
    try {
      const { gone } = (await link.request('DELETE', path, signal)) as RemovedPod
      if (!gone) return { requeueAfterMs: ENDING_RETRY_MS }
    } catch (error) {
      const refusal = refusalOf(error)
      // A provider that knows no such contract runs nothing under it.
      if (refusal?.contractIsGone !== true) return { requeueAfterMs: REFUSED_RETRY_MS }
    }
    await this.#letGo(pod)
    return undefined
  }

  /** Takes our finalizer off, so that the pod's object can vanish. */
  async #letGo(pod: Pod): Promise<void> {
    this.#handedOver.delete(keyString(keyOf(pod)))
    await mutate(this.#options.store, PodKind, keyOf(pod), (stored) => {
      const finalizers = stored.metadata.finalizers ?? []
      if (stored.metadata.uid !== pod.metadata.uid || !finalizers.includes(RUNNING_FINALIZER))
        return undefined
      const others = finalizers.filter((finalizer) => finalizer !== RUNNING_FINALIZER)
      return { ...stored, metadata: { ...stored.metadata, finalizers: others } }
    })
  }

  /** The provider has told what there is. */
  async #heard(nodeName: string, { pods: remote }: RemotePods): Promise<void> {
    await this.#setReady(nodeName, 'True', 'ProviderReachable', 'the provider answers')
    const there = new Map(remote.map((state) => [keyString(state), state]))
    await Promise.all(
      this.#boundTo(nodeName).map(async (pod) => {
        const key = keyOf(pod)
        const state = there.get(keyString(key))
        there.delete(keyString(key))
        if (state?.uid === pod.metadata.uid) {
          if (state.terminating !== true) this.#handedOver.set(keyString(key), state.uid)
          await this.#mirror(pod, state)
          return
        }
        // Not there (any more): hand it over again, or find that it is gone at last.
        this.#handedOver.delete(keyString(key))
        this.#controller.enqueue(key)
      }),
    )
    // What we do not want, or no longer know.
    for (const state of there.values()) await this.#disown(nodeName, state)
  }

  async #mirror(pod: Pod, { status }: RemotePodState): Promise<void> {
    if (status === undefined) return
    // A pod that is ending there although we did not ask for it will be handed over again.
    await mutateStatus(this.#options.store, PodKind, keyOf(pod), (stored) =>
      stored.metadata.uid === pod.metadata.uid && stored.metadata.deletionTimestamp === undefined
        ? { ...status, observedGeneration: stored.metadata.generation }
        : undefined,
    )
  }

  async #disown(nodeName: string, { namespace, name, uid }: RemotePodState): Promise<void> {
    const link = this.#links.get(nodeName)
    // The informer may lag: only the store can say that we do not want it.
    const stored = await this.#options.store.get(PodKind, { namespace, name })
    if (link === undefined || (stored?.metadata.uid === uid && stored.spec.nodeName === nodeName)) return
    const { signal, done } = deadline(this.#options.system.clock, REQUEST_LIMIT_MS, this.#abort.signal)
    try {
      await link.request(
        'DELETE',
        `${podPath(link.contractID, namespace, name)}?uid=${encodeURIComponent(uid)}`,
        signal,
      )
    } catch (error) {
      this.#log.debug({ err: error, pod: `${namespace}/${name}` }, 'a stray pod was not removed')
    } finally {
      done()
    }
  }

  /** The provider has not been heard of for too long, or refuses. */
  async #lost(nodeName: string, reason: string, message: string): Promise<void> {
    const { store, system } = this.#options
    await this.#setReady(nodeName, 'Unknown', reason, message)
    for (const pod of this.#boundTo(nodeName)) {
      this.#handedOver.delete(keyString(keyOf(pod)))
      if (isFinished(pod)) continue
      await mutateStatus(store, PodKind, keyOf(pod), (stored) =>
        stored.metadata.uid === pod.metadata.uid
          ? lostPodStatus(stored.status, message, system.clock.now())
          : undefined,
      )
    }
  }

  async #setReady(
    nodeName: string,
    status: 'True' | 'Unknown',
    reason: string,
    message: string,
  ): Promise<void> {
    const { store, system } = this.#options
    const before = this.#nodes
      .get({ name: nodeName })
      ?.status?.conditions?.find(({ type }) => type === 'Ready')
    if (before?.status === status && before.reason === reason && before.message === message) return
    await mutateStatus(store, NodeKind, { name: nodeName }, (stored) => ({
      ...stored.status,
      conditions: [
        ...setCondition(
          stored.status?.conditions,
          { type: 'Ready', status, reason, message },
          rfc3339(system.clock.now()),
        ),
      ],
    }))
  }

  async #detach(nodeName: string): Promise<void> {
    const { store } = this.#options
    const node = await mutate(store, NodeKind, { name: nodeName }, (stored) => ({
      ...stored,
      spec: { ...stored.spec, unschedulable: true },
    }))
    if (node !== undefined) {
      const bound = await this.#deletePods(nodeName)
      const graceS = Math.max(0, ...bound.map((pod) => pod.spec.terminationGracePeriodSeconds ?? 30))
      const answers = bound.length === 0 || (await this.status(nodeName)).ready
      const limitMs = answers ? graceS * 1_000 + DETACH_LIMIT_MS : FORCED_DETACH_MS
      await this.#untilGone(nodeName, limitMs)
      // Stopping, not giving up: whoever wants the node gone asks again after the next start.
      this.#abort.signal.throwIfAborted()
      for (const pod of await this.#deletePods(nodeName)) {
        this.#log.warn(
          { pod: keyString(keyOf(pod)), node: nodeName },
          'a pod is given up: its provider does not answer',
        )
        await this.#letGo(pod)
      }
    }
    this.#unlink(nodeName)
    await remove(store, NodeKind, { name: nodeName })
  }

  /** Asks for the deletion of all pods of the node. @returns those that still are there */
  async #deletePods(nodeName: string): Promise<readonly Pod[]> {
    const { store } = this.#options
    const bound = (await store.list(PodKind)).items.filter((pod) => pod.spec.nodeName === nodeName)
    for (const pod of bound) {
      if (pod.metadata.deletionTimestamp === undefined) await remove(store, PodKind, pod.metadata)
    }
    return (await store.list(PodKind)).items.filter((pod) => pod.spec.nodeName === nodeName)
  }

  /** Resolves when no pod is bound to the node any more, or after `limitMs`. */
  async #untilGone(nodeName: string, limitMs: number): Promise<void> {
    const { signal, done } = deadline(this.#options.system.clock, limitMs, this.#abort.signal)
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (signal.aborted || this.#boundTo(nodeName).length === 0) resolve()
    }
    const end = this.#pods.onChange(look)
    signal.addEventListener('abort', look, { once: true })
    look()
    await promise
    end()
    done()
  }
}
