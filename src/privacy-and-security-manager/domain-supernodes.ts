/** Which of the known peers are supernodes of our domain. Pure. */
import { parseNodeId, type NodeId } from '../objects/ids.ts'
import type { PeerRegistry } from './peer-registry.ts'

/** @returns those that are so by proof or, while they could prove nothing, by configuration */
export function domainSupernodes(
  registry: Pick<PeerRegistry, 'list' | 'membershipOf' | 'standing'>,
  domain: string,
): readonly { readonly address: string; readonly id: NodeId }[] {
  return registry.list().flatMap(({ spec }) => {
    if (spec.address === undefined || spec.nodeID === undefined) return []
    const id = parseNodeId(spec.nodeID)
    const proved = registry.membershipOf(id)
    const ours = proved
      ? proved.domain === domain && proved.role === 'supernode'
      : spec.source === 'configured' && spec.role === 'supernode'
    return ours && registry.standing(id) !== 'rejected' ? [{ address: spec.address, id }] : []
  })
}
