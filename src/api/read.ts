/**
 * The reading verbs: get, list, watch.
 */
import { isStoreError, type ObjectList } from '../kernel/object-store.ts'
import type { KubeObject, ObjectKey } from '../objects/meta.ts'
import { type ApiContext, type ApiRequest, type ApiResponse, isOn } from './context.ts'
import { renderList, renderObject } from './render.ts'
import type { Resource } from './resources.ts'
import { type Selection, selectionOf } from './selectors.ts'
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
    const selection: Selection = (object) => (object as KubeObject).metadata.name === key.name
    return watchResponse(context, { resource, namespace: key.namespace, selection }, request)
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
  const selection = selectionOf(query)
  if (isOn(query, 'watch')) return watchResponse(context, { resource, namespace, selection }, request)
  const list = await listSelected(context, resource, namespace, query, selection)
  return renderList(resource, list, request, context.system.clock.now())
}

/**
 * @returns at most `limit` of the objects that are selected
 * @throws ApiError `BadRequest`, `Expired`
 */
async function listSelected(
  { store }: ApiContext,
  { kind }: Resource,
  namespace: string | undefined,
  query: URLSearchParams,
  selection: Selection | undefined,
): Promise<ObjectList<KubeObject>> {
  const limit = parseLimit(query)
  const page = async (count: number, token: string | null | undefined): Promise<ObjectList<KubeObject>> => {
    try {
      return await store.list(kind, {
        ...(namespace === undefined ? {} : { namespace }),
        ...(count > 0 ? { limit: count } : {}),
        ...(token ? { continue: token } : {}),
      })
    } catch (error) {
      if (!isStoreError(error, 'Invalid')) throw error
      throw new ApiError('BadRequest', error.message, undefined, { cause: error })
    }
  }
  let list = await page(limit, query.get('continue'))
  const exact = query.get('resourceVersion')
  if (query.get('resourceVersionMatch') === 'Exact' && exact !== null && exact !== list.resourceVersion) {
    throw new ApiError(
      'Expired',
      `the list as of version ${exact} is not kept; the current one is ${list.resourceVersion}`,
    )
  }
  if (!selection) return list
  // The store cannot select: pages are fetched until there is as much as was asked for.
  const items = list.items.filter(selection)
  while (list.continue !== undefined && items.length < limit) {
    list = await page(limit - items.length, list.continue)
    items.push(...list.items.filter(selection))
  }
  // How many of the remaining ones are selected is not known.
  const { remaining: _remaining, ...rest } = list
  return { ...rest, items }
}

function parseLimit(query: URLSearchParams): number {
  const text = query.get('limit') ?? '0'
  const limit = Number(text)
  if (!/^\d{1,9}$/.test(text))
    throw new ApiError('BadRequest', `limit: ${JSON.stringify(text)} is not a count`)
  return limit
}
