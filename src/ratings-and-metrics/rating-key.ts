/** Where the rating of a node is. */
import { inDefaultNamespace, type ObjectKey } from '../objects/meta.ts'
import { hash } from './fact-objects.ts'

/** @returns the key of the Rating object of a node id */
export function ratingKey(nodeID: string): ObjectKey {
  return inDefaultNamespace(`rating-${hash(nodeID)}`)
}
