/**
 * Deletion that spares dependents (`propagationPolicy: Orphan`): they forget their owner first.
 */
import { mutate } from '../kernel/object-store.ts'
import { type KubeObject, keyOf } from '../objects/meta.ts'
import { whyNotChanged } from '../objects/writable.ts'
import type { ApiContext } from './context.ts'

/** Removes `owner` from the owner references of every object; safe to repeat. */
export async function orphanDependents({ store, resources }: ApiContext, owner: KubeObject): Promise<void> {
  const { uid } = owner.metadata
  const isOwned = (object: KubeObject): boolean =>
    object.metadata.ownerReferences?.some((reference) => reference.uid === uid) ?? false
  for (const { kind, verbs } of resources.all) {
    // What the node made for the owner goes with it.
    if (!verbs.includes('update')) continue
    const { items } = await store.list(kind)
    for (const dependent of items.filter(isOwned)) {
      await mutate(store, kind, keyOf(dependent), (object) => {
        const kept = object.metadata.ownerReferences?.filter((reference) => reference.uid !== uid) ?? []
        const after = { ...object, metadata: { ...object.metadata, ownerReferences: kept } }
        return isOwned(object) && whyNotChanged(kind, { before: object, after }) === undefined
          ? after
          : undefined
      })
    }
  }
}
