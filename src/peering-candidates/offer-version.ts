/**
 * Which of two offers is the newer, and which offers are versions of one another. Pure.
 *
 * A node like this one gives the flavor of a pool a new id whenever what is free changes: the ids differ in the
 * revision at their end. Of other flavors only the signed time tells.
 */
import { createHash } from 'node:crypto'
import { isObjectName } from '../objects/meta.ts'

/** What tells an offer from others, and how old it is. */
export interface OfferHead {
  readonly flavorID: string
  /** Node id of the owner. */
  readonly owner: string
  readonly domain: string
  /** RFC 3339, signed by the owner. */
  readonly timestamp: string
}

const OF_POOL = /^(.*-(?:k8slice|service|vm|sensor)-[0-9a-f]{8})-([0-9a-z]{1,11})$/

/** @returns what all flavors of one pool have in common; the id itself for flavors that are cut from no pool */
export function lineageOf(flavorID: string): string {
  return OF_POOL.exec(flavorID)?.[1] ?? flavorID
}

/**
 * @param left an offer of the same owner and lineage as `right`
 * @returns less than zero when `left` is the older, more when it is the newer
 */
export function compareOffers(left: OfferHead, right: OfferHead): number {
  const [a, b] = [revisionOf(left.flavorID), revisionOf(right.flavorID)]
  if (a !== undefined && b !== undefined && a !== b) {
    return a.length === b.length ? (a < b ? -1 : 1) : a.length - b.length
  }
  return (Date.parse(left.timestamp) || 0) - (Date.parse(right.timestamp) || 0)
}

function revisionOf(flavorID: string): string | undefined {
  return OF_POOL.exec(flavorID)?.[2]?.replace(/^0+(?=.)/, '')
}

/** @returns the name of the entry for a provider's flavor; versions of one flavor share it */
export function candidateName(nodeID: string, flavorID: string): string {
  const lineage = lineageOf(flavorID)
  const name = `peeringcandidate-${digest(nodeID)}-${lineage}`
  return isObjectName(name) ? name : `peeringcandidate-${digest(nodeID)}-${digest(lineage)}`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
