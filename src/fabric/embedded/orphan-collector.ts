/**
 * Removes pods that are bound to a node which is no more; else nobody would ever look after them.
 */
import { withoutFinalizer } from '../../kernel/reconcile/finalizers.ts'
import type { Component } from '../../kernel/component.ts'
import { Controller } from '../../kernel/controller.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { mutate, type ObjectStore, remove } from '../../kernel/object-store.ts'
import type { System } from '../../kernel/system.ts'
import { type Node, NodeKind } from '../../objects/core/node.ts'
import { type Pod, PodKind } from '../../objects/core/pod.ts'
import { keyOf, type ObjectKey } from '../../objects/meta.ts'
import { RUNNING_FINALIZER } from './names.ts'

export interface OrphanCollectorOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
}

export class OrphanCollector implements Component {
  readonly #store: ObjectStore
  readonly #nodes: Informer<Node>
  readonly #pods: Informer<Pod>
  readonly #controller: Controller<[Pod, Node]>

  constructor({ store, informers, system, log }: OrphanCollectorOptions) {
    this.#store = store
    this.#nodes = informers.of(NodeKind)
    this.#pods = informers.of(PodKind)
    this.#controller = new Controller<[Pod, Node]>({
      name: 'orphan-collector',
      system,
      log,
      watches: [
        {
          informer: this.#pods,
          keys: ({ type, object }) => (type === 'added' ? keyOf(object) : undefined),
        },
        {
          informer: this.#nodes,
          keys: ({ type, object }) => (type === 'deleted' ? this.#boundTo(object.metadata.name) : undefined),
        },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  #boundTo(nodeName: string): readonly ObjectKey[] {
    return this.#pods
      .list()
      .filter(({ spec }) => spec.nodeName === nodeName)
      .map(keyOf)
  }

  async #reconcile(key: ObjectKey): Promise<void> {
    const pod = this.#pods.get(key)
    const nodeName = pod?.spec.nodeName
    if (pod === undefined || nodeName === undefined) return
    if (this.#nodes.get({ name: nodeName }) !== undefined) return
    // The informer may lag.
    if ((await this.#store.get(NodeKind, { name: nodeName })) !== undefined) return
    await remove(this.#store, PodKind, key)
    await mutate(this.#store, PodKind, key, (stored) =>
      stored.metadata.uid === pod.metadata.uid ? withoutFinalizer(stored, RUNNING_FINALIZER) : undefined,
    )
  }
}
