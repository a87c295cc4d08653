/**
 * Which virtual router a contract needs. Pure.
 */
import type { Contract } from '../objects/contract.ts'
import type { RouterNode, VirtualRouterSpec } from '../objects/virtual-router.ts'

/**
 * What is special about the way of a contract.
 * - `through`: we are the consumer, and reach the provider through relays, nearest first
 * - `relay`: we sold it only to pass everything on under another contract
 * - `none`: nothing of its own passes under it (the bought half of what a relay passes on)
 */
export type Path =
  | {
      readonly type: 'through'
      readonly peer: RouterNode
      readonly relays: readonly RouterNode[]
      /** What the contract is called at the provider's, where every hop has one of its own. */
      readonly remoteContractID?: string
    }
  | {
      readonly type: 'relay'
      readonly next: { readonly nodeID: string; readonly address: string; readonly contractID: string }
    }
  | { readonly type: 'none' }

/** Phases in which the two sides still have to reach each other; tearing down needs the way, too. */
const WITH_ROUTER: ReadonlySet<string> = new Set(['Active', 'Closing'])

/**
 * @param self our node id
 * @param path what is special; undefined when buyer and seller reach each other directly
 * @param addressOf where a node is now, if that is better known than the contract knows it
 * @returns undefined when the contract needs no router (any more)
 */
export function routerFor(
  contract: Contract,
  self: string | undefined,
  path: Path | undefined,
  addressOf: (nodeID: string) => string | undefined,
): VirtualRouterSpec | undefined {
  const { spec, status } = contract
  if (!WITH_ROUTER.has(status?.phase?.phase ?? '')) return undefined
  const contractID = contract.metadata.name
  const located = ({ nodeID, address }: RouterNode): RouterNode => ({
    nodeID,
    address: addressOf(nodeID) ?? address,
  })
  const buying = spec.role === undefined ? spec.buyer.nodeID === self : spec.role === 'buyer'
  const other = buying ? spec.seller : spec.buyer
  const peer = located({ nodeID: other.nodeID, address: other.ip })
  switch (path?.type) {
    case 'none':
      return undefined
    case 'relay':
      return {
        contractID,
        role: 'relay',
        peer,
        next: { ...path.next, address: addressOf(path.next.nodeID) ?? path.next.address },
      }
    case 'through':
      return {
        contractID,
        role: 'consumer',
        peer: path.peer,
        path: path.relays.map(located),
        ...(path.remoteContractID === undefined ? {} : { remoteContractID: path.remoteContractID }),
      }
    case undefined:
      return { contractID, role: buying ? 'consumer' : 'provider', peer }
  }
}
