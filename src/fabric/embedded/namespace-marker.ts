/**
 * Marks the namespaces of the embedded cluster: every Deployment in it is an intent unless the user says otherwise.
 *
 * A cluster of somebody else's is not marked; this one is there for nothing else. A namespace that Deployments are
 * in without it being stored, as this cluster allows, is made. A mark that the user set stays.
 */
import type { Component } from '../../kernel/component.ts'
import { Controller } from '../../kernel/controller.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { ensure, mutate, type ObjectStore } from '../../kernel/object-store.ts'
import type { System } from '../../kernel/system.ts'
import { type Deployment, DeploymentKind } from '../../objects/core/deployment.ts'
import { type Namespace, NamespaceKind } from '../../objects/core/namespace.ts'
import { DEFAULT_NAMESPACE, type ObjectKey } from '../../objects/meta.ts'
import { OFFLOAD_LABEL } from '../../objects/offload.ts'
import { CONTRACT_LABEL } from './names.ts'

export interface NamespaceMarkerOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
}

export class NamespaceMarker implements Component {
  readonly #store: ObjectStore
  readonly #namespaces: Informer<Namespace>
  readonly #controller: Controller<[Namespace, Deployment]>

  constructor({ store, informers, system, log }: NamespaceMarkerOptions) {
    this.#store = store
    this.#namespaces = informers.of(NamespaceKind)
    this.#controller = new Controller<[Namespace, Deployment]>({
      name: 'namespace-marker',
      system,
      log,
      watches: [
        {
          informer: this.#namespaces,
          keys: ({ type, object }) => (type === 'deleted' ? undefined : { name: object.metadata.name }),
        },
        {
          informer: informers.of(DeploymentKind),
          keys: ({ type, object }) =>
            type === 'added' ? { name: object.metadata.namespace ?? DEFAULT_NAMESPACE } : undefined,
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

  async #reconcile({ name }: ObjectKey): Promise<void> {
    const known = this.#namespaces.get({ name })
    if (known !== undefined && !wantsMark(known)) return
    if (known === undefined)
      await ensure(this.#store, NamespaceKind, { metadata: { name, labels: { [OFFLOAD_LABEL]: 'true' } } })
    await mutate(this.#store, NamespaceKind, { name }, (each) => (wantsMark(each) ? marked(each) : undefined))
  }
}

function wantsMark({ metadata }: Namespace): boolean {
  // In the room of a contract runs what its buyer wants to run, and nothing of ours.
  return metadata.labels?.[OFFLOAD_LABEL] === undefined && metadata.labels?.[CONTRACT_LABEL] === undefined
}

function marked(namespace: Namespace): Namespace {
  const labels = { ...namespace.metadata.labels, [OFFLOAD_LABEL]: 'true' }
  return { ...namespace, metadata: { ...namespace.metadata, labels } }
}
