/** Consumer: a virtual node says what the fabric sees. One that cannot be observed is not one that failed. */
import type { VirtualNodeState } from '../fabric/fabric.ts'
import { done, type ReconcileResult, requeueAfter } from '../kernel/reconcile/result.ts'
import type { Log } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import type { VirtualNode } from '../objects/virtual-node.ts'
import { newsOf, setStatus } from './virtual-node-status.ts'

/** The fabric tells of changes; should one be missed, it is seen after this. */
const LOOK_AGAIN_MS = 30_000

/** @param more what else is known of the node now */
export async function observeNode(
  context: { readonly store: ObjectStore; readonly log: Log },
  node: VirtualNode,
  state: VirtualNodeState,
  more: Pick<NonNullable<VirtualNode['status']>, 'nodeName' | 'enforcement'> = {},
): Promise<ReconcileResult> {
  // What was refused stays so: its contract is about to be closed.
  if (node.status?.phase === 'Denied') return done
  await setStatus(context, node, { ...more, ...newsOf(state) })
  return requeueAfter(LOOK_AGAIN_MS)
}
