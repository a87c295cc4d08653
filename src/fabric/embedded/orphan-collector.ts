/**
 * Removes pods that are bound to a node which is no more; else nobody would ever look after them.
 */
import type { Component } from '../../kernel/component.ts'
import { Controller } from '../../kernel/controller.ts'
import type { Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { mutate, type ObjectStore, remove } from '../../kernel/object-store.ts'
import type { System } from '../../kernel/system.ts'
import { NodeKind } from '../../objects/core/node.ts'
import { PodKind } from '../../objects/core/pod.ts'
import { keyOf } from '../../objects/meta.ts'
import { RUNNING_FINALIZER } from './names.ts'

export interface OrphanCollectorOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
}

export function createOrphanCollector({ store, informers, system, log }: OrphanCollectorOptions): Component {
  const nodes = informers.of(NodeKind)
  const pods = informers.of(PodKind)
  return new Controller({
    name: 'orphan-collector',
    system,
    log,
    watches: [
      { informer: pods, keys: ({ type, object }) => (type === 'added' ? keyOf(object) : undefined) },
      {
        informer: nodes,
        keys: ({ type, object }) =>
          type === 'deleted'
            ? pods
                .list()
                .filter((pod) => pod.spec.nodeName === object.metadata.name)
                .map(keyOf)
            : undefined,
      },
    ],
    reconcile: async (key) => {
      const pod = pods.get(key)
      const nodeName = pod?.spec.nodeName
      if (pod === undefined || nodeName === undefined || nodes.get({ name: nodeName }) !== undefined) return
      // The informer may lag.
      if ((await store.get(NodeKind, { name: nodeName })) !== undefined) return
      await remove(store, PodKind, key)
      await mutate(store, PodKind, key, (stored) => {
        if (stored.metadata.uid !== pod.metadata.uid) return undefined
        const finalizers = (stored.metadata.finalizers ?? []).filter((one) => one !== RUNNING_FINALIZER)
        return { ...stored, metadata: { ...stored.metadata, finalizers } }
      })
    },
  })
}
