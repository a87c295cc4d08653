/** What a VirtualNode says of the state in which the fabric sees it. */
import type { VirtualNodeState } from '../fabric/fabric.ts'
import { move } from '../kernel/lifecycle.ts'
import type { Log } from '../kernel/log.ts'
import { amendStatus } from '../kernel/reconcile/amend.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { VIRTUAL_NODE_LIFECYCLE } from '../objects/lifecycles/virtual-node.ts'
import { VirtualNodeKind, type VirtualNode } from '../objects/virtual-node.ts'

type Status = NonNullable<VirtualNode['status']>
type VirtualNodeEvent = keyof typeof VIRTUAL_NODE_LIFECYCLE.events

/** What happened to a virtual node, and what is to be said of it. */
export interface VirtualNodeNews extends Omit<Status, 'phase'> {
  readonly event: VirtualNodeEvent
}

/** @returns what the state means for a virtual node that is to stay; pure */
export function newsOf(state: VirtualNodeState): VirtualNodeNews {
  switch (state.state) {
    case 'Absent':
      return { event: 'requested', message: 'to be asked for' }
    // One of an earlier life, which makes room for this one.
    case 'Detaching':
    case 'Attaching':
      return { event: 'attaching', message: state.message }
    case 'Ready':
      return { event: 'ready', message: state.message }
    case 'NotReady':
      return { event: 'not-ready', message: state.message }
    case 'Failed':
      return { event: 'denied', message: `${state.reason}: ${state.message}` }
  }
}

/** Writes what is news, the phase along the life cycle only: nothing when the event may not happen. */
export async function setStatus(
  { store, log }: { readonly store: ObjectStore; readonly log: Log },
  known: VirtualNode,
  { event, ...news }: VirtualNodeNews,
): Promise<void> {
  const { name } = known.metadata
  await amendStatus(store, VirtualNodeKind, known, ({ status }) => {
    const phase = move(VIRTUAL_NODE_LIFECYCLE, event, { name, from: status?.phase, log })
    return phase === undefined || says(status, { ...news, phase }) ? undefined : { ...status, ...news, phase }
  })
}

function says(status: Status | undefined, news: Status): boolean {
  return Object.entries(news).every(([name, value]) => status?.[name as keyof Status] === value)
}
