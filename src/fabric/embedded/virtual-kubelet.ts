/**
 * The buyer's side of virtual nodes: one object and one link to the provider for each. What becomes of
 * their pods is in `virtual-pods.ts`.
 */
import type { Channel } from '../../kernel/channel.ts'
import type { Component } from '../../kernel/component.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import type { ObjectStore } from '../../kernel/object-store.ts'
import type { System } from '../../kernel/system.ts'
import { type Node, NodeKind } from '../../objects/core/node.ts'
import { type Pod, PodKind } from '../../objects/core/pod.ts'
import { ClusterError, type LogOptions } from '../cluster.ts'
import type { BoughtSlice } from '../fabric.ts'
import type { VirtualNodeState } from '../states.ts'
import type { EventRecorder } from './event-recorder.ts'
import { IMAGES_LABEL } from './names.ts'
import { ProviderLink } from './provider-link.ts'
import { readRemoteLog } from './remote-log.ts'
import {
  contractIdOf,
  ensureVirtualNode,
  isVirtual,
  readyCondition,
  setVirtualNodeReady,
} from './virtual-node-object.ts'
import { cordon, removeVirtualNode } from './virtual-node-removal.ts'
import { VirtualPods } from './virtual-pods.ts'

export interface VirtualKubeletOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly events: EventRecorder
  /** @returns the way to the other end of the contract; undefined while there is none */
  readonly channels: (contractID: string) => Channel | undefined
  /** Of this program, for `kubectl get nodes`. */
  readonly version: string
  /** The state of a virtual node may be another now. */
  readonly changed: (nodeName: string) => void
}

export class VirtualKubelet implements Component {
  readonly #options: VirtualKubeletOptions
  readonly #log: Log
  readonly #nodes: Informer<Node>
  readonly #pods: VirtualPods
  readonly #links = new Map<string, ProviderLink>()
  readonly #detaching = new Map<string, Promise<void>>()
  #unsubscribe: (() => void) | undefined
  #abort = new AbortController()

  constructor(options: VirtualKubeletOptions) {
    const { informers, log } = options
    this.#options = options
    this.#log = log.child({ component: 'virtual-kubelet' })
    this.#nodes = informers.of(NodeKind)
    this.#pods = new VirtualPods({
      ...options,
      log: this.#log,
      isVirtual: (nodeName) => nodeName !== undefined && isVirtual(this.#nodes.get({ name: nodeName })),
      withoutImages: (nodeName) =>
        this.#nodes.get({ name: nodeName ?? '' })?.metadata.labels?.[IMAGES_LABEL] === 'false',
      linkOf: (nodeName) => this.#links.get(nodeName ?? ''),
    })
  }

  /** Virtual nodes of an earlier life go on by themselves. */
  async start(): Promise<void> {
    this.#abort = new AbortController()
    await this.#nodes.start()
    this.#unsubscribe ??= this.#nodes.onChange(({ type, object }) => {
      if (!isVirtual(object)) return
      if (type === 'deleted') this.#unlink(object.metadata.name)
      // One without a size was being attached when this program ended: that is to be done again.
      else if (object.status?.allocatable !== undefined) this.#link(object)
      this.#options.changed(object.metadata.name)
    })
    await this.#pods.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#abort.abort()
    await Promise.all(Array.from(this.#links.values(), (link) => link.stop()))
    this.#links.clear()
    await this.#pods.stop()
    await Promise.allSettled(this.#detaching.values())
  }

  /** Resolves when the node's object is stored. @throws Error when it is on its way out, or stands for another contract */
  async attach(slice: BoughtSlice): Promise<void> {
    if (this.#detaching.has(slice.nodeName)) throw new Error(`node ${slice.nodeName} is being detached`)
    this.#link(await ensureVirtualNode(this.#options, slice, this.#options.version))
  }

  /** Begins to take the node and its pods away. */
  async detach(nodeName: string): Promise<void> {
    if (this.#detaching.has(nodeName)) return
    const isThere = await cordon(this.#options.store, nodeName)
    if (this.#detaching.has(nodeName) || this.#abort.signal.aborted) return
    if (!isThere) {
      this.#unlink(nodeName)
      return
    }
    const detaching = removeVirtualNode(
      {
        ...this.#options,
        log: this.#log,
        pods: this.#options.informers.of(PodKind),
        release: (pod) => this.#pods.release(pod),
        answers: async () => (await this.#links.get(nodeName)?.probe()) === true,
      },
      nodeName,
      this.#abort.signal,
    ).then(
      () => {
        this.#unlink(nodeName)
        this.#detaching.delete(nodeName)
        this.#options.changed(nodeName)
      },
      (error: unknown) => {
        this.#detaching.delete(nodeName)
        // Whoever wants it gone asks again after a while. Told at once, it would ask at once, for as long as it fails.
        if (!this.#abort.signal.aborted) this.#log.warn({ err: error, node: nodeName }, 'not detached')
      },
    )
    this.#detaching.set(nodeName, detaching)
  }

  observe(nodeName: string): VirtualNodeState {
    if (this.#detaching.has(nodeName)) return { state: 'Detaching', message: 'stopping what runs there' }
    const link = this.#links.get(nodeName)
    if (link === undefined) return { state: 'Absent' }
    const { standing } = link
    switch (standing.standing) {
      case 'answers':
        return { state: 'Ready', message: 'the provider answers' }
      case 'silent':
        return {
          state: 'NotReady',
          reason: standing.reason,
          message: standing.message,
          since: standing.since,
        }
      case 'unknown':
        // After a start: as it was before, until there is news.
        return readyCondition(this.#nodes.get({ name: nodeName }))?.status === 'True'
          ? { state: 'Ready', message: 'the provider answers' }
          : { state: 'Attaching', message: 'the provider has not been heard of yet' }
    }
  }

  /** @returns whether the pod is bound to a virtual node */
  has({ spec: { nodeName } }: Pod): boolean {
    return nodeName !== undefined && isVirtual(this.#nodes.get({ name: nodeName }))
  }

  /**
   * The log of a pod that runs at a provider.
   * @throws ClusterError `provider-unreachable`
   */
  logs(pod: Pod, options: LogOptions): AsyncIterable<string> {
    const { nodeName = '' } = pod.spec
    const link = this.#links.get(nodeName)
    const channel = link && this.#options.channels(link.contractID)
    if (link === undefined || channel === undefined) {
      throw new ClusterError(
        'provider-unreachable',
        `there is no connection with the provider of ${nodeName}`,
      )
    }
    return readRemoteLog(this.#options.system, channel, link.contractID, pod, options)
  }

  #link(node: Node): void {
    const { name } = node.metadata
    const contractID = contractIdOf(node)
    if (this.#links.has(name) || contractID === undefined || this.#abort.signal.aborted) return
    const { channels, system, changed } = this.#options
    const setReady = (status: 'True' | 'Unknown', reason: string, message: string): Promise<void> => {
      const known = this.#nodes.get({ name })
      return setVirtualNodeReady(this.#options, known, name, { status, reason, message })
    }
    const link = new ProviderLink({
      contractID,
      channels,
      system,
      log: this.#log.child({ node: name }),
      heard: async (pods) => {
        await setReady('True', 'ProviderReachable', 'the provider answers')
        await this.#pods.heard(name, pods)
      },
      lost: async (reason, message) => {
        await setReady('Unknown', reason, message)
        await this.#pods.lost(name, message)
      },
      changed: () => changed(name),
    })
    this.#links.set(name, link)
    // Pods may have been bound before the informer knew that the node is virtual.
    this.#pods.enqueueAll(name)
    link.start()
  }

  #unlink(nodeName: string): void {
    const link = this.#links.get(nodeName)
    this.#links.delete(nodeName)
    void link?.stop()
  }
}
