/** Consumer: what runs on a virtual node is stopped and the node taken away, before its object goes. */
import type { Fabric } from '../fabric/fabric.ts'
import { hasFinalizer, removeFinalizer } from '../kernel/reconcile/finalizers.ts'
import { done, type ReconcileResult, requeueAfter } from '../kernel/reconcile/result.ts'
import type { Log } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { VIRTUAL_NODE_FINALIZER, VirtualNodeKind, type VirtualNode } from '../objects/virtual-node.ts'
import { setStatus } from './virtual-node-status.ts'

export interface DetachOptions {
  readonly store: ObjectStore
  readonly log: Log
  readonly fabric: Fabric
}

/** The fabric tells when it is done; should that be missed, it is seen after this. */
const LOOK_AGAIN_MS = 5_000

export async function detachNode(
  { store, fabric, log }: DetachOptions,
  node: VirtualNode,
): Promise<ReconcileResult> {
  const { name } = node.metadata
  if (hasFinalizer(node, VIRTUAL_NODE_FINALIZER)) {
    await fabric.detach(name)
    const state = await fabric.observe(name)
    if (state.state !== 'Absent') {
      await setStatus({ store, log }, node, { event: 'deleted', message: 'stopping what runs there' })
      return requeueAfter(LOOK_AGAIN_MS)
    }
    await removeFinalizer(store, VirtualNodeKind, node, VIRTUAL_NODE_FINALIZER)
  }
  return done
}
