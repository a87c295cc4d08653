/** The pods of virtual nodes: handed to the providers, mirrored from them, and taken back. */
import { requeueAfter } from '../../kernel/reconcile/result.ts'
import { withoutFinalizer } from '../../kernel/reconcile/finalizers.ts'
import { Controller, type ReconcileResult } from '../../kernel/controller.ts'
import type { Component } from '../../kernel/component.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { sameJson } from '../../kernel/json.ts'
import { mutate, mutateStatus, type ObjectStore } from '../../kernel/object-store.ts'
import { deadline, type System } from '../../kernel/system.ts'
import { isFinished, type Pod, PodKind } from '../../objects/core/pod.ts'
import { keyOf, keyString, type ObjectKey } from '../../objects/meta.ts'
import { configReferences } from './config-references.ts'
import { missingReference } from './environment.ts'
import { type EventRecorder, recordIgnoredImages } from './event-recorder.ts'
import { RUNNING_FINALIZER } from './names.ts'
import { packConfig } from './pod-config.ts'
import { podPath, type RemotePods, type RemotePodState, type RemovedPod } from './pods-protocol.ts'
import { lostPodStatus, refusedPodStatus } from './pod-status.ts'
import { type ProviderLink, refusalOf } from './provider-link.ts'

export interface VirtualPodsOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly events: EventRecorder
  readonly isVirtual: (nodeName: string | undefined) => boolean
  /** Whether the provider of a node says that it runs no images. */
  readonly withoutImages: (nodeName: string | undefined) => boolean
  readonly linkOf: (nodeName: string | undefined) => ProviderLink | undefined
}

const SOURCE = 'virtual-kubelet'
const REQUEST_LIMIT_MS = 10_000
const REFUSED_RETRY_MS = 5_000
const ENDING_RETRY_MS = 1_000

export class VirtualPods implements Component {
  readonly #options: VirtualPodsOptions
  readonly #pods: Informer<Pod>
  readonly #controller: Controller<[Pod]>
  /** Pods that the provider has, by key: the uid. */
  readonly #handedOver = new Map<string, string>()
  #abort = new AbortController()

  constructor(options: VirtualPodsOptions) {
    const { informers, system, log, isVirtual } = options
    this.#options = options
    this.#pods = informers.of(PodKind)
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
            if (!isVirtual(object.spec.nodeName)) return undefined
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

  start(): Promise<void> {
    this.#abort = new AbortController()
    return this.#controller.start()
  }

  stop(): Promise<void> {
    this.#abort.abort()
    return this.#controller.stop()
  }

  /** Looks again at every pod of the node. */
  enqueueAll(nodeName: string): void {
    for (const pod of this.boundTo(nodeName)) this.#controller.enqueue(keyOf(pod))
  }

  /** @returns the pods that are bound to the node, as far as the local copy knows */
  boundTo(nodeName: string): readonly Pod[] {
    return this.#pods.list().filter((pod) => pod.spec.nodeName === nodeName)
  }

  /** The provider of the node has told what there is. */
  async heard(nodeName: string, { pods: remote }: RemotePods): Promise<void> {
    const there = new Map(remote.map((state) => [keyString(state), state]))
    await Promise.all(
      this.boundTo(nodeName).map(async (pod) => {
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

  /** The provider of the node has not been heard of for too long, or refuses. */
  async lost(nodeName: string, message: string): Promise<void> {
    const { store, system } = this.#options
    for (const pod of this.boundTo(nodeName)) {
      this.#handedOver.delete(keyString(keyOf(pod)))
      if (isFinished(pod)) continue
      await mutateStatus(store, PodKind, keyOf(pod), (stored) =>
        stored.metadata.uid === pod.metadata.uid
          ? lostPodStatus(stored.status, message, system.clock.now())
          : undefined,
      )
    }
  }

  /** Takes our finalizer off, so that the pod's object can vanish. */
  async release(pod: Pod): Promise<void> {
    this.#handedOver.delete(keyString(keyOf(pod)))
    await mutate(this.#options.store, PodKind, keyOf(pod), (stored) =>
      stored.metadata.uid === pod.metadata.uid ? withoutFinalizer(stored, RUNNING_FINALIZER) : undefined,
    )
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const pod = this.#pods.get(key)
    const link = this.#options.linkOf(pod?.spec.nodeName)
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
    const { events, log } = this.#options
    const key = keyOf(pod)
    const { uid, name, namespace = 'default', labels, annotations } = pod.metadata
    if (this.#handedOver.get(keyString(key)) === uid || isFinished(pod)) return
    const { nodeName, ...spec } = pod.spec
    // Only what the pod refers to leaves this node, and only to who runs it.
    const { parcel, missing } = await packConfig(this.#options.store, namespace, configReferences(pod.spec))
    if (missing[0] !== undefined) {
      const { code, message } = missingReference(missing[0].kind, missing[0].name)
      await this.#refused(pod, code, message, 'Failed')
      return requeueAfter(REFUSED_RETRY_MS)
    }
    try {
      await link.request('PUT', podPath(link.contractID, namespace, name), signal, {
        uid,
        nodeName,
        ...(labels && { labels }),
        ...(annotations && { annotations }),
        spec,
        ...(parcel.length > 0 && { config: parcel }),
      })
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === undefined) {
        // The link finds out when the provider is back, and asks again.
        log.debug({ err: error, pod: keyString(key) }, 'pod not handed over')
        return requeueAfter(REFUSED_RETRY_MS)
      }
      await this.#refused(pod, refusal.reason, refusal.detail)
      return requeueAfter(REFUSED_RETRY_MS)
    }
    this.#handedOver.set(keyString(key), uid)
    events.record(pod, SOURCE, 'Normal', 'HandedOver', `The provider of ${nodeName} has taken the pod`)
    if (this.#options.withoutImages(nodeName)) recordIgnoredImages(pod, SOURCE, events)
    return undefined
  }

  async #refused(pod: Pod, reason: string, message: string, event = 'ProviderRefused'): Promise<void> {
    const { store, events, system } = this.#options
    const known = pod.status?.containerStatuses?.[0]?.state?.waiting
    if (known?.reason !== reason || known.message !== message) {
      events.record(pod, SOURCE, 'Warning', event, message)
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
      if (!gone) return requeueAfter(ENDING_RETRY_MS)
    } catch (error) {
      const refusal = refusalOf(error)
      // A provider that knows no such contract runs nothing under it.
      if (refusal?.contractIsGone !== true) return requeueAfter(REFUSED_RETRY_MS)
    }
    await this.release(pod)
    return undefined
  }

  async #mirror(pod: Pod, { status }: RemotePodState): Promise<void> {
    if (status === undefined) return
    await mutateStatus(this.#options.store, PodKind, keyOf(pod), (stored) => {
      // A pod that is ending there although we did not ask for it will be handed over again.
      if (stored.metadata.uid !== pod.metadata.uid || stored.metadata.deletionTimestamp !== undefined)
        return undefined
      const mirrored = { ...status, observedGeneration: stored.metadata.generation }
      // Every heartbeat tells of all pods, also of those to which nothing has happened.
      return sameJson(stored.status, mirrored) ? undefined : mirrored
    })
  }

  async #disown(nodeName: string, { namespace, name, uid }: RemotePodState): Promise<void> {
    const { store, system, log, linkOf } = this.#options
    const link = linkOf(nodeName)
    // The informer may lag: only the store can say that we do not want it.
    const stored = await store.get(PodKind, { namespace, name })
    if (link === undefined || (stored?.metadata.uid === uid && stored.spec.nodeName === nodeName)) return
    const { signal, done } = deadline(system.clock, REQUEST_LIMIT_MS, this.#abort.signal)
    const path = `${podPath(link.contractID, namespace, name)}?uid=${encodeURIComponent(uid)}`
    try {
      await link.request('DELETE', path, signal)
    } catch (error) {
      log.debug({ err: error, pod: `${namespace}/${name}` }, 'a stray pod was not removed')
    } finally {
      done()
    }
  }
}
