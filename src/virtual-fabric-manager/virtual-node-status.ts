/** What a VirtualNode says of the state in which the fabric sees it. */
import type { VirtualNodeState } from '../fabric/fabric.ts'
import { mutateStatus, type ObjectStore } from '../kernel/object-store.ts'
import { keyOf } from '../objects/meta.ts'
import { VirtualNodeKind, type VirtualNode } from '../objects/virtual-node.ts'

type Status = NonNullable<VirtualNode['status']>

/** @returns phase and message; pure */
export function statusOf(state: VirtualNodeState): Pick<Status, 'phase' | 'message'> {
  switch (state.state) {
    case 'Absent':
      return { phase: 'Requesting', message: 'to be asked for' }
    case 'Attaching':
    case 'Ready':
    case 'NotReady':
    case 'Detaching':
      return { phase: state.state, message: state.message }
    case 'Failed':
      return { phase: 'Denied', message: `${state.reason}: ${state.message}` }
  }
}

/** Writes what is news. */
export async function setStatus(store: ObjectStore, known: VirtualNode, news: Status): Promise<void> {
  if (says(known.status, news)) return
  await mutateStatus(store, VirtualNodeKind, keyOf(known), ({ metadata, status }) =>
    metadata.uid !== known.metadata.uid || says(status, news) ? undefined : { ...status, ...news },
  )
}

function says(status: Status | undefined, news: Status): boolean {
  return Object.entries(news).every(([name, value]) => status?.[name as keyof Status] === value)
}
