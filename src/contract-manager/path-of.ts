/** What is special about the way of a contract, for the Network Manager: through relays, or as a relay. Pure. */
import type { Contract } from '../objects/contract.ts'
import type { Path } from '../network-manager/index.ts'
import type { Contracts } from './contracts.ts'
import { FORWARDING_LABEL } from './forwarding-names.ts'
import { FORWARDS, ORIGIN_CONTRACT } from './extra-information.ts'

/** @returns undefined for a contract whose two sides reach each other directly */
export function pathOf(
  contract: Contract,
  contracts: Pick<Contracts, 'get' | 'forwardedFor'>,
): Path | undefined {
  const { role, extraInformation, seller, flavor } = contract.spec
  const forwards = extraInformation?.[FORWARDS]
  if (role === 'seller') {
    const next = forwards === undefined ? undefined : contracts.get(forwards)?.spec.seller
    if (forwards === undefined || next === undefined) return undefined
    return { type: 'relay', next: { nodeID: next.nodeID, address: next.ip, contractID: forwards } }
  }
  const { labels, name } = contract.metadata
  if (labels?.[FORWARDING_LABEL] !== undefined || contracts.forwardedFor(name)) return { type: 'none' }
  const origin = extraInformation?.[ORIGIN_CONTRACT]
  if (origin === undefined) return undefined
  const { owner } = flavor.spec
  return {
    type: 'through',
    peer: { nodeID: owner.nodeID, address: owner.ip },
    relays: [{ nodeID: seller.nodeID, address: seller.ip }],
    remoteContractID: origin,
  }
}
