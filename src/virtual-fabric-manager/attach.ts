/** Consumer: what is to become a virtual node is asked for, and attached once the provider accepts. */
import type { Fabric } from '../fabric/fabric.ts'
import { ensureFinalizer } from '../kernel/reconcile/finalizers.ts'
import { done, type ReconcileResult, requeueAfter } from '../kernel/reconcile/result.ts'
import type { Log } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import type { NodeId } from '../objects/ids.ts'
import { keyOf, type ObjectKey } from '../objects/meta.ts'
import { VIRTUAL_NODE_FINALIZER, VirtualNodeKind } from '../objects/virtual-node.ts'
import { observeNode } from './observe.ts'
import type { ResourceExchange } from './resource-exchange.ts'
import { setStatus } from './virtual-node-status.ts'

export interface AttachOptions {
  readonly store: ObjectStore
  readonly log: Log
  readonly fabric: Fabric
  readonly exchange: ResourceExchange
}

export async function attachNode(
  options: AttachOptions,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { store, fabric, exchange } = options
  // From the store: a node that was given up a moment ago must not be made again.
  const stored = await store.get(VirtualNodeKind, key)
  const node = stored && (await ensureFinalizer(store, VirtualNodeKind, stored, VIRTUAL_NODE_FINALIZER))
  if (node === undefined || node.metadata.deletionTimestamp !== undefined) return done
  if (node.status?.phase === 'Denied') return done
  const asked = await exchange.ask(node, signal)
  switch (asked.result) {
    case 'no-way':
      return requeueAfter(asked.retryAfterMs)
    case 'waiting':
      await setStatus(options, node, { event: 'requested', message: asked.message })
      return requeueAfter(asked.retryAfterMs)
    case 'denied':
      exchange.forget(node)
      await setStatus(options, node, { event: 'denied', message: asked.message })
      return done
    case 'accepted': {
      const { contractID, provider } = node.spec
      await fabric.attach({
        nodeName: node.metadata.name,
        contractID: contractID,
        provider: provider as NodeId,
        offer: asked.offer,
      })
      exchange.forget(node)
      return observeNode(options, node, await fabric.observe(keyOf(node).name), {
        nodeName: node.metadata.name,
        enforcement: asked.offer.enforcement,
      })
    }
  }
}
