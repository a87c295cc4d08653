/**
 * The reading verbs: get, list, watch.
 */
import { fieldsEqual } from '../objects/field-selector.ts'
import type { KubeObject, ObjectKey } from '../objects/meta.ts'
import { type ApiContext, type ApiRequest, type ApiResponse, isOn } from './context.ts'
import { listObjects } from './list-objects.ts'
import { renderList, renderObject } from './render.ts'
import type { Resource } from './resources.ts'
import { selectionOf } from './selectors.ts'
import { ApiError, notFound } from './status.ts'
import { watchResponse } from './watch.ts'

/** @throws ApiError `NotFound` */
export async function getObject(
  { store }: ApiContext,
  { kind }: Resource,
  key: ObjectKey,
): Promise<KubeObject> {
  const object = await store.get(kind, key)
  if (object === undefined) throw notFound({ kind, name: key.name })
  return object
}

export async function handleGet(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  request: ApiRequest,
): Promise<ApiResponse> {
  if (isOn(request.query, 'watch')) {
    const { namespace, name } = key
    const fields = fieldsEqual({ 'metadata.name': name })
    const selection = { fields, ...(namespace === undefined ? {} : { namespace }) }
    return watchResponse(context, { resource, selection }, request)
  }
  const object = await getObject(context, resource, key)
  return renderObject(resource, object, request, context.system.clock.now())
}

/** A list, or a watch with `watch=true`. */
export async function handleList(
  context: ApiContext,
  resource: Resource,
  namespace: string | undefined,
  request: ApiRequest,
): Promise<ApiResponse> {
  const { query } = request
  const selection = selectionOf(query, namespace)
  if (isOn(query, 'watch')) return watchResponse(context, { resource, selection }, request)
  const limit = parseLimit(query)
  const token = query.get('continue')
  const list = await listObjects(context, resource, {
    ...selection,
    ...(limit > 0 ? { limit } : {}),
    ...(token ? { continue: token } : {}),
  })
  const exact = query.get('resourceVersion')
  if (query.get('resourceVersionMatch') === 'Exact' && exact !== null && exact !== list.resourceVersion) {
    throw new ApiError(
      'Expired',
      `the list as of version ${exact} is not kept; the current one is ${list.resourceVersion}`,
    )
  }
  return renderList(context, resource, list, request, context.system.clock.now())
}

function parseLimit(query: URLSearchParams): number {
  const text = query.get('limit') ?? '0'
  const limit = Number(text)
  if (!/^\d{1,9}$/.test(text))
    throw new ApiError('BadRequest', `limit: ${JSON.stringify(text)} is not a count`)
  return limit
}
