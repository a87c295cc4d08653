/**
 * The kubelet: runs the pods that are bound to the local node, and tells what becomes of them.
 */
import { ensureFinalizer, removeFinalizer } from '../../kernel/reconcile/finalizers.ts'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Component } from '../../kernel/component.ts'
import { Controller } from '../../kernel/controller.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import type { ObjectStore } from '../../kernel/object-store.ts'
import type { System } from '../../kernel/system.ts'
import { isFinished, type Pod, PodKind } from '../../objects/core/pod.ts'
import { keyString, type ObjectKey } from '../../objects/meta.ts'
import { ClusterError, type LogOptions } from '../cluster.ts'
import type { GuestSettings } from '../../objects/guests.ts'
import type { Reach } from '../reach.ts'
import type { EventRecorder } from './event-recorder.ts'
import { LogFile } from './log-file.ts'
import { memoryDirectory } from './memory-directory.ts'
import { CONTRACT_ANNOTATION, RUNNING_FINALIZER } from './names.ts'
import { canUseLoopbackAddresses, podAddress, SHARED_ADDRESS } from './pod-address.ts'
import { PodInstance } from './pod-instance.ts'
import type { Runner } from './runner.ts'

export interface KubeletOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly events: EventRecorder
  readonly runner: Runner
  readonly guests: GuestSettings
  readonly nodeName: string
  /** The fabric's own; logs go below it. */
  readonly directory: string
}

/** Milliseconds that programs get when this whole program stops. */
const STOP_GRACE_MS = 3_000
const DEFAULT_GRACE_S = 30

export class Kubelet implements Component {
  readonly #options: KubeletOptions
  readonly #log: Log
  readonly #pods: Informer<Pod>
  readonly #controller: Controller<[Pod]>
  readonly #instances = new Map<string, PodInstance>()
  #ownAddresses = true
  #stopping = false
  /** Of all pods: files of ConfigMaps and Secrets. */
  #filesDirectory = ''

  constructor(options: KubeletOptions) {
    const { informers, system, log, nodeName } = options
    this.#options = options
    this.#log = log.child({ component: 'kubelet' })
    this.#pods = informers.of(PodKind)
    this.#controller = new Controller<[Pod]>({
      name: 'kubelet',
      system,
      log,
      concurrency: 8,
      watches: [
        {
          informer: this.#pods,
          keys: ({ object }) => (object.spec.nodeName === nodeName ? keyFor(object) : undefined),
        },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  async start(): Promise<void> {
    this.#stopping = false
    this.#filesDirectory = await memoryDirectory(this.#options.directory)
    this.#ownAddresses = await canUseLoopbackAddresses()
    await this.#controller.start()
  }

  /** Pods are ended but stay as they are in the store: after the next start they run again. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#controller.stop()
    await Promise.all(
      Array.from(this.#instances.values(), (instance) => instance.stop(STOP_GRACE_MS, { quiet: true })),
    )
    this.#instances.clear()
    if (this.#filesDirectory !== '') await rm(this.#filesDirectory, { recursive: true, force: true })
  }

  /**
   * @returns what the container has written, and goes on writing if it is to be followed
   * @throws ClusterError when the pod does not run here or has no such container
   */
  logs(key: ObjectKey, { container, ...options }: LogOptions = {}): AsyncIterable<string> {
    const pod = this.#pods.get(key)
    if (pod === undefined) throw new ClusterError('pod-not-found', `there is no pod ${keyString(key)}`)
    const names = pod.spec.containers.map(({ name }) => name)
    const name = container ?? names[0]!
    if (!names.includes(name)) {
      throw new ClusterError(
        'container-not-found',
        `pod ${keyString(key)} has no container "${name}": ${names.join(', ')}`,
      )
    }
    const file =
      this.#instances.get(keyString(key))?.log(name) ??
      // It ended in an earlier life of this program.
      new LogFile(join(this.#logDirectory(pod.metadata.uid), `${name}.log`))
    const follow = options.follow === true && this.#instances.has(keyString(key))
    return file.read({ ...options, follow })
  }

  /** @returns how a port that the pod declares is connected to from here; undefined while there is no way */
  reach(pod: Pod, port: number): Reach | undefined {
    const instance = this.#instances.get(keyString(keyFor(pod)))
    return instance?.uid === pod.metadata.uid ? instance.reach(port) : undefined
  }

  async #reconcile(key: ObjectKey): Promise<void> {
    const { nodeName } = this.#options
    const name = keyString(key)
    const pod = this.#pods.get(key)
    const instance = this.#instances.get(name)
    if (instance !== undefined) {
      const wanted = pod !== undefined && pod.metadata.uid === instance.uid && pod.spec.nodeName === nodeName
      if (!wanted || pod.metadata.deletionTimestamp !== undefined) {
        if (!instance.hasStopped) {
          this.#beginStop(instance, pod, name)
          return
        }
        this.#instances.delete(name)
        await rm(this.#logDirectory(instance.uid), { recursive: true, force: true })
      }
    }
    if (pod === undefined || pod.spec.nodeName !== nodeName) return
    if (pod.metadata.deletionTimestamp !== undefined) {
      await rm(this.#logDirectory(pod.metadata.uid), { recursive: true, force: true })
      await removeFinalizer(this.#options.store, PodKind, pod, RUNNING_FINALIZER)
      return
    }
    if (this.#instances.has(name) || isFinished(pod) || this.#stopping) return
    await this.#begin(pod, name)
  }

  async #begin(pod: Pod, name: string): Promise<void> {
    const { store, system, runner, events, nodeName, guests } = this.#options
    const instance = new PodInstance({
      pod,
      podIP: this.#addressFor(pod),
      store,
      system,
      log: this.#log,
      runner,
      egress: guests.egress,
      events,
      nodeName,
      logDirectory: this.#logDirectory(pod.metadata.uid),
      filesDirectory: join(this.#filesDirectory, pod.metadata.uid),
    })
    this.#instances.set(name, instance)
    try {
      await instance.start()
    } catch (error) {
      this.#instances.delete(name)
      events.record(pod, 'kubelet', 'Warning', 'FailedCreatePodSandBox', (error as Error).message)
      throw error
    }
    // Keeps the pod's object until we have stopped it.
    await ensureFinalizer(this.#options.store, PodKind, pod, RUNNING_FINALIZER)
  }

  #beginStop(instance: PodInstance, pod: Pod | undefined, name: string): void {
    const graceMs = this.#graceOf(pod)
    instance
      .stop(graceMs)
      .catch((error: unknown) => {
        this.#log.error({ err: error, pod: name }, 'a pod could not be stopped properly')
      })
      // The rest is for the next reconcile.
      .finally(() => this.#controller.enqueue(instance.key))
  }

  /** A guest may ask for time, but how much it gets is for us to say: as long as it runs it keeps what was sold. */
  #graceOf(pod: Pod | undefined): number {
    const wanted = (pod?.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_S) * 1_000
    const isOwn = pod !== undefined && pod.metadata.annotations?.[CONTRACT_ANNOTATION] === undefined
    return isOwn ? wanted : Math.min(wanted, this.#options.guests.longestGraceMs)
  }

  #addressFor(pod: Pod): string {
    if (!this.#ownAddresses) return SHARED_ADDRESS
    const { nodeName } = this.#options
    const taken = new Set(Array.from(this.#instances.values(), ({ podIP }) => podIP))
    for (const other of this.#pods.list()) {
      const address = other.status?.podIP
      if (
        address &&
        other.spec.nodeName === nodeName &&
        other.metadata.uid !== pod.metadata.uid &&
        !isFinished(other)
      ) {
        taken.add(address)
      }
    }
    const before = pod.status?.podIP
    return before && before !== SHARED_ADDRESS && !taken.has(before)
      ? before
      : podAddress(pod.metadata.uid, taken)
  }

  #logDirectory(uid: string): string {
    return join(this.#options.directory, 'logs', uid)
  }
}

function keyFor(pod: Pod): ObjectKey {
  return { namespace: pod.metadata.namespace ?? 'default', name: pod.metadata.name }
}
