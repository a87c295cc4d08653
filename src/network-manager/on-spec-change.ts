/**
 * For watches: our own status writes must not set off our own controllers.
 */
import type { InformerEvent } from '../kernel/informer.ts'
import { type KubeObject, keyOf, type ObjectKey } from '../objects/meta.ts'

/** @returns the object's key, unless only its status (or labels) changed */
export function onSpecChange(event: InformerEvent<KubeObject>): ObjectKey | undefined {
  return event.type === 'updated' &&
    event.before.metadata.uid === event.object.metadata.uid &&
    event.before.metadata.generation === event.object.metadata.generation
    ? undefined
    : keyOf(event.object)
}
