/**
 * The deleting verbs: delete, deletecollection.
 */
import { isStoreError } from '../kernel/object-store.ts'
import { type KubeObject, keyOf, type ObjectKey } from '../objects/meta.ts'
import { decodeBody } from './body.ts'
import { type ApiContext, type ApiRequest, type ApiResponse, jsonResponse } from './context.ts'
import { isObject, member } from '../kernel/json.ts'
import { orphanDependents } from './orphan.ts'
import { listObjects } from './list-objects.ts'
import { getObject } from './read.ts'
import { renderList, renderObject } from './render.ts'
import { checkChange } from './access/check-change.ts'
import type { Resource } from './resources.ts'
import { selectionOf } from './selectors.ts'
import { ApiError, asApiError, conflict, detailsOf } from './status.ts'
import { hasReserved } from '../objects/writable.ts'

interface DeleteRequest {
  readonly dryRun: boolean
  readonly uid?: string
  readonly resourceVersion?: string
  /** Dependents stay; else the garbage collector removes them. */
  readonly orphan: boolean
}

/** @throws ApiError `BadRequest`, `UnsupportedMediaType` */
function parseDeleteRequest({ query, contentType, body }: ApiRequest): DeleteRequest {
  const sent = body && body.length > 0 ? decodeBody(contentType, body) : {}
  if (!isObject(sent)) throw new ApiError('BadRequest', 'the body is not DeleteOptions')
  const policy = sent['propagationPolicy'] ?? query.get('propagationPolicy') ?? 'Background'
  if (!['Background', 'Foreground', 'Orphan'].includes(String(policy))) {
    throw new ApiError('BadRequest', 'propagationPolicy: must be Background, Foreground or Orphan')
  }
  const dryRun = [
    ...query.getAll('dryRun'),
    ...(Array.isArray(sent['dryRun']) ? (sent['dryRun'] as unknown[]) : []),
  ]
  if (dryRun.some((value) => value !== 'All'))
    throw new ApiError('BadRequest', 'dryRun: only "All" is supported')
  const uid = member(sent['preconditions'], 'uid')
  const resourceVersion = member(sent['preconditions'], 'resourceVersion')
  return {
    dryRun: dryRun.length > 0,
    orphan: policy === 'Orphan' || sent['orphanDependents'] === true,
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
  }
}

/** Answers with a success `Status` when the object is gone, with the object when finalizers still hold it. */
export async function handleDelete(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  request: ApiRequest,
): Promise<ApiResponse> {
  const options = parseDeleteRequest(request)
  const object = await removeObject(context, resource, key, options)
  if ((object.metadata.finalizers?.length ?? 0) > 0) {
    return renderObject(resource, object, request, context.system.clock.now())
  }
  const details = { ...detailsOf({ kind: resource.kind, name: key.name }), uid: object.metadata.uid }
  return jsonResponse({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details })
}

async function removeObject(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  options: DeleteRequest,
): Promise<KubeObject> {
  const { kind } = resource
  const target = { kind, name: key.name }
  let { uid } = options
  if (options.dryRun || options.orphan || hasReserved(kind)) {
    const object = await getObject(context, resource, key)
    checkChange(target, { before: object, after: undefined })
    // What was looked at is what is deleted.
    uid ??= object.metadata.uid
    for (const field of ['uid', 'resourceVersion'] as const) {
      if (options[field] !== undefined && options[field] !== object.metadata[field]) {
        throw conflict(target, `Precondition failed: ${field} is not that of the object`)
      }
    }
    if (options.dryRun) return object
    if (options.orphan) await orphanDependents(context, object)
  }
  try {
    return await context.store.delete(kind, key, {
      ...(uid === undefined ? {} : { uid }),
      ...(options.resourceVersion === undefined ? {} : { resourceVersion: options.resourceVersion }),
    })
  } catch (error) {
    if (isStoreError(error, 'Conflict')) {
      throw conflict(target, `Precondition failed: ${error.message}`, { cause: error })
    }
    throw asApiError(error, target)
  }
}

/** Deletes all that are selected, and answers with their list. */
export async function handleDeleteCollection(
  context: ApiContext,
  resource: Resource,
  namespace: string | undefined,
  request: ApiRequest,
): Promise<ApiResponse> {
  const { uid: _uid, resourceVersion: _resourceVersion, ...options } = parseDeleteRequest(request)
  const list = await listObjects(context, resource, selectionOf(request.query, namespace))
  await Promise.all(
    list.items.map(async (item) => {
      try {
        await removeObject(context, resource, keyOf(item), { ...options, uid: item.metadata.uid })
      } catch (error) {
        // Gone already, or a new one of that name: neither is what was to be deleted.
        if (error instanceof ApiError && (error.reason === 'NotFound' || error.reason === 'Conflict')) return
        throw error
      }
    }),
  )
  return renderList(context, resource, list, request, context.system.clock.now())
}
