/** What must be right of an object before the control API stores it, beyond its schema. */
import { InvalidObject } from '../api/index.ts'
import type { FieldCause } from '../kernel/validation/field-cause.ts'
import { isNodeId } from '../objects/ids.ts'
import { IntentKind } from '../objects/intent.ts'
import type { KindDefinition } from '../objects/kind.ts'
import { PeerKind, type Peer } from '../objects/peer.ts'
import { isPeerAddress } from '../discovery-manager/index.ts'
import { judgeIntent } from '../service-handler/index.ts'
import { termsCauses } from './admit-terms.ts'

/** @throws InvalidObject with every field that is wrong */
export function admit(kind: KindDefinition, object: unknown): unknown {
  if (kind.kind === IntentKind.kind) {
    const causes = judgeIntent(object)
    if (causes.length > 0) throw new InvalidObject(causes)
  }
  if (kind.kind === PeerKind.kind) {
    const causes = peerCauses((object as Peer).spec)
    if (causes.length > 0) throw new InvalidObject(causes)
  }
  const unreadable = termsCauses(kind, object)
  if (unreadable.length > 0) throw new InvalidObject(unreadable)
  return object
}

/** Everything that deals with peers relies on these two being what they should be. */
function peerCauses({ nodeID, address }: Peer['spec']): readonly FieldCause[] {
  const wrong = (field: string, value: string, rule: string): FieldCause => ({
    field,
    message: `Invalid value: ${JSON.stringify(value)}: ${rule}`,
  })
  return [
    ...(nodeID === undefined || isNodeId(nodeID)
      ? []
      : [wrong('spec.nodeID', nodeID, 'must be the did:key of an Ed25519 key')]),
    ...(address === undefined || isPeerAddress(address)
      ? []
      : [wrong('spec.address', address, 'must be host:port, and not that of all interfaces')]),
  ]
}
