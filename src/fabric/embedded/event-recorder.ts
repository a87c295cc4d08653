/**
 * Tells the user what happened to an object: writes Kubernetes Events, one object for repeated news.
 */
import { EventKind } from '../../objects/core/event.ts'
import type { Pod } from '../../objects/core/pod.ts'
import type { KubeObject } from '../../objects/meta.ts'
import type { Component } from '../../kernel/component.ts'
import type { Log } from '../../kernel/log.ts'
import { isStoreError, mutate, type ObjectStore } from '../../kernel/object-store.ts'
import { rfc3339, type System } from '../../kernel/system.ts'
import { shortHash } from './names.ts'

export interface EventRecorderOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  /** Name of the local node. */
  readonly nodeName: string
}

/** Recording is best effort: it never fails and nobody waits for it. */
export class EventRecorder implements Component {
  readonly #store: ObjectStore
  readonly #system: System
  readonly #log: Log
  readonly #host: string
  /** Writes about the same news come one after the other. */
  readonly #pending = new Map<string, Promise<void>>()
  #started = false

  constructor({ store, system, log, nodeName }: EventRecorderOptions) {
    this.#store = store
    this.#system = system
    this.#log = log.child({ component: 'event-recorder' })
    this.#host = nodeName
  }

  async start(): Promise<void> {
    if (this.#started) return
    this.#started = true
    await Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#started = false
    await Promise.all(this.#pending.values())
  }

  /**
   * @param component who says so, for example `kubelet`
   * @param reason stable, CamelCase
   */
  record(
    object: KubeObject,
    component: string,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    if (!this.#started) return
    const { name: about, uid } = object.metadata
    const name = `${about.slice(0, 230)}.${shortHash(`${uid} ${component} ${reason} ${message}`, 16)}`
    const previous = this.#pending.get(name) ?? Promise.resolve()
    const writing = previous
      .then(() => this.#write(name, object, component, type, reason, message))
      .catch((error: unknown) => {
        if (!isStoreError(error, 'Unavailable')) this.#log.debug({ err: error, reason }, 'event not recorded')
      })
      .finally(() => {
        if (this.#pending.get(name) === writing) this.#pending.delete(name)
      })
    this.#pending.set(name, writing)
  }

  async #write(
    name: string,
    object: KubeObject,
    component: string,
    type: string,
    reason: string,
    message: string,
  ): Promise<void> {
    const namespace = object.metadata.namespace ?? 'default'
    const now = rfc3339(this.#system.clock.now())
    const found = await mutate(this.#store, EventKind, { namespace, name }, (event) => ({
      ...event,
      count: (event.count ?? 1) + 1,
      lastTimestamp: now,
    }))
    if (found !== undefined) return
    const { apiVersion, kind, metadata } = object
    await this.#store.create(EventKind, {
      metadata: { namespace, name },
      involvedObject: {
        apiVersion,
        kind,
        name: metadata.name,
        uid: metadata.uid,
        ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      },
      reason,
      message,
      type,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component, host: this.#host },
    })
  }
}

/** Tells the user that what the manifest says of images has no effect here. */
export function recordIgnoredImages(pod: Pod, component: string, events: EventRecorder): void {
  for (const { image, name } of pod.spec.containers) {
    if (image === undefined) continue
    const message = `its node runs commands, not images: "${image}" of container ${name} is not used`
    events.record(pod, component, 'Warning', 'ImageIgnored', message)
  }
}
