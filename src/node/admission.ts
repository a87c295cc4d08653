/** What must be right of an object before the control API stores it, beyond its schema. */
import { InvalidObject, manifestCauses, type FieldCause } from '../api/index.ts'
import { ALL_KINDS } from '../objects/index.ts'
import { isNodeId } from '../objects/ids.ts'
import { IntentKind, type Intent } from '../objects/intent.ts'
import { apiVersionOf, type KindDefinition } from '../objects/kind.ts'
import { PeerKind, type Peer } from '../objects/peer.ts'
import { isPeerAddress } from '../discovery-manager/index.ts'
import { admitIntent } from '../service-handler/index.ts'

/** @throws InvalidObject with every field that is wrong */
export function admit(kind: KindDefinition, object: unknown): unknown {
  if (kind.kind === IntentKind.kind) {
    const causes = [...admitIntent(object), ...workloadCauses(object as Intent)]
    // A field that is wrong in two ways is told of once.
    const byField = new Map(causes.toReversed().map((cause) => [cause.field, cause]))
    if (byField.size > 0) throw new InvalidObject([...byField.values()].toReversed())
  }
  if (kind.kind === PeerKind.kind) {
    const causes = peerCauses((object as Peer).spec)
    if (causes.length > 0) throw new InvalidObject(causes)
  }
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

/** The manifests of an intent are checked as strictly as if they were applied themselves. */
function workloadCauses(intent: Intent): readonly FieldCause[] {
  return (intent.spec.workload ?? []).flatMap((manifest, index) => {
    const kind = ALL_KINDS.find(
      (each) => each.kind === manifest.kind && apiVersionOf(each) === manifest.apiVersion,
    )
    return kind === undefined ? [] : manifestCauses(kind, manifest, `spec.workload[${index}]`)
  })
}
