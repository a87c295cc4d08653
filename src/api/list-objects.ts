/**
 * Lists from the store, with what it refuses told as the API tells it.
 */
import { isStoreError, type ListOptions, type ObjectList } from '../kernel/object-store.ts'
import type { KubeObject } from '../objects/meta.ts'
import type { ApiContext } from './context.ts'
import type { Resource } from './resources.ts'
import { ApiError } from './status.ts'

/** @throws ApiError `BadRequest` (a selector or a continue token that the store does not take), `Expired` */
export async function listObjects(
  { store }: ApiContext,
  { kind }: Resource,
  options: ListOptions,
): Promise<ObjectList<KubeObject>> {
  try {
    return await store.list(kind, options)
  } catch (error) {
    if (!isStoreError(error, 'Invalid')) throw error
    throw new ApiError('BadRequest', error.message, undefined, { cause: error })
  }
}
