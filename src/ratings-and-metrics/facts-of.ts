/**
 * What objects that others own say of a dealing: each fact follows from what is stored and has a name of its own, so
 * that it is noted once, however often and after whichever crash the object is looked at. Pure.
 */
import type { Contract } from '../objects/contract.ts'
import type { KubeObject } from '../objects/meta.ts'
import type { Reservation } from '../objects/reservation.ts'
import type { VirtualNode } from '../objects/virtual-node.ts'
import type { FactRecord } from '../trace/index.ts'

/** When it happened, in milliseconds since 1970, if that is known; else it is when it is seen. */
export type DerivedFact = Omit<FactRecord, 'at'> & { readonly at?: number }

/** @returns that a seller sold to us, refused, was not reached or lied; nothing while it is not decided */
export function factOfReservation(reservation: Reservation): DerivedFact | undefined {
  const { metadata, spec, status } = reservation
  if (status === undefined) return undefined
  const { phase, contract, message: code } = status
  const common = {
    about: spec.seller.nodeID,
    at: Date.parse(phase.lastChangeTime ?? metadata.creationTimestamp),
    once: metadata.uid,
  }
  if (contract?.name !== undefined) return { ...common, type: 'Purchased', detail: contract.name }
  if (phase.phase !== 'Failed') return undefined
  const type =
    code === 'unreachable' ? 'Unreachable' : code === 'invalid-answer' ? 'InvalidAnswer' : 'Refused'
  return { ...common, type, detail: phase.message }
}

/** @returns that we sold to a buyer: as a contract of ours says */
export function factOfSale({ metadata, spec }: Contract): DerivedFact | undefined {
  if (spec.role !== 'seller') return undefined
  return {
    about: spec.buyer.nodeID,
    type: 'Purchased',
    at: Date.parse(metadata.creationTimestamp),
    contractID: metadata.name,
    once: metadata.name,
  }
}

/** @returns how a contract ended, as soon as it does; nothing while it is in force */
export function factOfEnd({ metadata, spec, status }: Contract): DerivedFact | undefined {
  const { phase } = status ?? {}
  if (phase?.phase !== 'Closing' && phase?.phase !== 'Closed' && phase?.phase !== 'Expired') return undefined
  const closing = status?.closing as { readonly statement?: { readonly closedBy?: string } } | undefined
  const bySeller = closing?.statement?.closedBy === spec.seller.nodeID
  const contractID = metadata.name
  return {
    about: spec.role === 'seller' ? spec.buyer.nodeID : spec.seller.nodeID,
    type: closing === undefined ? 'Expired' : bySeller ? 'ClosedBySeller' : 'ClosedByBuyer',
    at: Date.parse(phase.endTime ?? phase.lastChangeTime ?? metadata.creationTimestamp),
    contractID,
    once: `${contractID} end`,
  }
}

/** @returns that a provider would not set up what it sold */
export function factOfPeering({ spec, status }: VirtualNode): DerivedFact | undefined {
  if (status?.phase !== 'Denied') return undefined
  const { contractID, provider } = spec
  return {
    about: provider,
    type: 'PeeringFailed',
    contractID,
    once: contractID,
  }
}

/** Which facts follow from an object of a kind. */
export type FactsOf<T extends KubeObject> = (object: T) => readonly (DerivedFact | undefined)[]
