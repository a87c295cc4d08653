/**
 * Deletes objects whose controlling owner is gone, as Kubernetes' garbage collector does in the
 * background. For stores without one of their own. An owner of a kind that is not stored counts as being there.
 */
import { apiVersionOf, type KindDefinition, resourceOf } from '../objects/kind.ts'
import { controllerOf, type KubeObject, keyOf, keyString, type ObjectKey, parseKey } from '../objects/meta.ts'
import type { Component } from '../kernel/component.ts'
import type { Informer } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import type { StoreParts } from '../kernel/opened-store.ts'
import { isStoreError } from '../kernel/object-store.ts'
import { WorkQueue } from '../kernel/work-queue.ts'

const OWNER_INDEX = 'controlling-owner-uid'

export class GarbageCollector implements Component {
  readonly #options: StoreParts
  readonly #log: Log
  readonly #informers: ReadonlyMap<string, Informer>
  /** By `apiVersion kind`, as owner references name them. */
  readonly #kinds: ReadonlyMap<string, KindDefinition>
  #queue: WorkQueue | undefined
  #unsubscribe: (() => void)[] = []

  constructor(options: StoreParts) {
    this.#options = options
    this.#log = options.log.child({ component: 'garbage-collector' })
    this.#informers = new Map(options.kinds.map((kind) => [resourceOf(kind), options.informers.of(kind)]))
    this.#kinds = new Map(options.kinds.map((kind) => [`${apiVersionOf(kind)} ${kind.kind}`, kind]))
    for (const informer of this.#informers.values()) {
      informer.addIndex(OWNER_INDEX, (object) => {
        const owner = controllerOf(object)
        return owner === undefined ? [] : [owner.uid]
      })
    }
  }

  async start(): Promise<void> {
    if (this.#queue !== undefined) return
    const queue = new WorkQueue({
      system: this.#options.system,
      concurrency: 8,
      work: (item) => this.#collect(item),
      onFailure: (item, error, retryInMs) => {
        this.#log.warn({ err: error, item, retryInMs }, 'could not collect')
      },
    })
    this.#queue = queue
    for (const [resource, informer] of this.#informers) {
      this.#unsubscribe.push(
        informer.onChange((event) => {
          if (event.type === 'deleted') this.#enqueueDependents(event.object, queue)
          else if (controllerOf(event.object)) queue.add(itemOf(resource, keyOf(event.object)))
        }),
      )
    }
    await Promise.all(Array.from(this.#informers.values(), (informer) => informer.start()))
    if (this.#queue === queue) queue.start()
  }

  async stop(): Promise<void> {
    const queue = this.#queue
    this.#queue = undefined
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#unsubscribe = []
    await queue?.stop()
  }

  /** Resolves when nothing waits to be looked at. For tests. */
  idle(): Promise<void> {
    return this.#queue?.idle() ?? Promise.resolve()
  }

  #enqueueDependents(owner: KubeObject, queue: WorkQueue): void {
    for (const [resource, informer] of this.#informers) {
      for (const dependent of informer.byIndex(OWNER_INDEX, owner.metadata.uid)) {
        queue.add(itemOf(resource, keyOf(dependent)))
      }
    }
  }

  async #collect(item: string): Promise<void> {
    const [resource, key] = parseItem(item)
    const informer = this.#informers.get(resource)
    const object = informer?.get(key)
    if (informer === undefined || object === undefined || object.metadata.deletionTimestamp !== undefined)
      return
    const owner = controllerOf(object)
    if (owner === undefined) return
    const ownerKind = this.#kinds.get(`${owner.apiVersion} ${owner.kind}`)
    if (ownerKind === undefined) return
    const { namespace } = object.metadata
    if (ownerKind.namespaced && namespace === undefined) {
      this.#log.warn({ item, owner: owner.name }, 'a cluster-scoped object cannot have a namespaced owner')
      return
    }
    const ownerKey: ObjectKey =
      ownerKind.namespaced && namespace !== undefined ? { namespace, name: owner.name } : { name: owner.name }
    const seen = this.#informers.get(resourceOf(ownerKind))?.get(ownerKey)
    if (seen?.metadata.uid === owner.uid) return
    // The informer may not know the owner yet: only the store can say that it is gone.
    const stored = await this.#options.store.get(ownerKind, ownerKey)
    if (stored?.metadata.uid === owner.uid) return
    try {
      // The precondition keeps from deleting an object that was adopted, or made anew, meanwhile.
      await this.#options.store.delete(informer.kind, key, {
        uid: object.metadata.uid,
        resourceVersion: object.metadata.resourceVersion,
      })
      this.#log.debug({ item, owner: `${owner.kind} ${keyString(ownerKey)}` }, 'deleted: its owner is gone')
    } catch (error) {
      // Changed meanwhile: the informer will tell, and it is looked at again.
      if (!isStoreError(error, 'NotFound', 'Conflict')) throw error
    }
  }
}

function itemOf(resource: string, key: ObjectKey): string {
  return `${resource} ${keyString(key)}`
}

function parseItem(item: string): readonly [resource: string, key: ObjectKey] {
  const space = item.indexOf(' ')
  return [item.slice(0, space), parseKey(item.slice(space + 1))]
}
