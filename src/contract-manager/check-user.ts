/** For whom a node may buy: for itself, and a supernode for those that pass our own policy. */
import { isNodeId } from '../objects/ids.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import { Problem } from '../rear/problem.ts'
import type { WireReserveRequest } from '../rear/wire/index.ts'

/**
 * @param caller the authenticated node id; undefined on the plain listener
 * @throws Problem `bad-request`, `peer-rejected`, `peer-not-accepted`
 */
export function checkUser(
  registry: Pick<PeerRegistry, 'userRefusal'>,
  { user, buyerID }: Pick<WireReserveRequest, 'user' | 'buyerID'>,
  caller: string | undefined,
): void {
  if (user === undefined || user === buyerID.ID) return
  if (!isNodeId(user)) throw new Problem('bad-request', 'user is not the did:key of a node')
  if (caller === undefined || !isNodeId(caller))
    throw new Problem('not-authenticated', 'who proves nothing buys for nobody else')
  const refusal = registry.userRefusal(user, caller)
  if (refusal === undefined) return
  throw new Problem(refusal.code === 'rejected' ? 'peer-rejected' : 'peer-not-accepted', refusal.reason)
}
