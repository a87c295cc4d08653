/**
 * What a change is to somebody who watches a selection.
 */
import type { WatchEvent } from '../kernel/object-store.ts'
import type { KubeObject } from '../objects/meta.ts'
import type { Change } from './event-history.ts'
import { withMetadata } from './object-rules.ts'

/**
 * As Kubernetes tells it: what begins to be selected is ADDED, what no longer is is DELETED, with the state in which
 * it was selected last and the version of the change.
 * @returns undefined when it is no event of the selection
 */
export function selectEvent(
  { before, after, event }: Change,
  isSelected: (object: KubeObject) => boolean,
): Exclude<WatchEvent, { type: 'BOOKMARK' }> | undefined {
  const was = before !== undefined && isSelected(before)
  const is = after !== undefined && isSelected(after)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: after }
  if (!was) return undefined
  if (after === undefined) return event
  const { resourceVersion } = event.object.metadata
  return { type: 'DELETED', object: withMetadata(before, { resourceVersion }) }
}
