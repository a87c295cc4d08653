/**
 * Requests for objects: finds the collection and the verb, and hands over to it.
 */
import { resourceOf } from '../objects/kind.ts'
import type { ObjectKey } from '../objects/meta.ts'
import { decideOnResource } from './access/authorize.ts'
import { type ApiContext, type ApiRequest, type ApiResponse, isOn } from './context.ts'
import { handleDelete, handleDeleteCollection } from './delete.ts'
import { handlePodLog } from './pod-log.ts'
import { getObject, handleGet, handleList } from './read.ts'
import { renderObject } from './render.ts'
import type { RequestPath } from './request-path.ts'
import type { Resource, Verb } from './resources.ts'
import { handleScale } from './scale.ts'
import { ApiError, asApiError, detailsOf } from './status.ts'
import { handleCreate, handlePatch, handleUpdate } from './write.ts'

/** @throws ApiError */
export async function handleResource(
  context: ApiContext,
  path: RequestPath & { readonly type: 'resource' },
  request: ApiRequest,
): Promise<ApiResponse> {
  const resource = context.resources.find(path.apiVersion, path.plural)
  if (!resource) throw noSuchResource()
  const { kind } = resource
  const { namespace, name, subresource } = path
  if (namespace !== undefined && !kind.namespaced) throw noSuchResource()
  authorize(resource, path, request)
  try {
    if (name === undefined) return await onCollection(context, resource, namespace, request)
    if (kind.namespaced && namespace === undefined) throw noSuchResource()
    const key: ObjectKey = namespace === undefined ? { name } : { namespace, name }
    if (subresource === undefined) return await onObject(context, resource, key, request)
    return await onSubresource(context, resource, key, subresource, request)
  } catch (error) {
    throw asApiError(error, name === undefined ? { kind } : { kind, name })
  }
}

/** @throws ApiError `Forbidden`, with the reason */
function authorize(
  resource: Resource,
  { name, namespace, subresource }: RequestPath & { readonly type: 'resource' },
  request: ApiRequest,
): void {
  const verb = verbOf(request, name === undefined)
  // What no verb stands for is refused as such by who would answer it.
  if (verb === undefined) return
  const asked = { verb, ...(subresource === undefined ? {} : { subresource }) }
  const { allowed, reason } = decideOnResource(request.caller, resource, asked)
  if (allowed) return
  const { kind } = resource
  const what = resourceOf(kind) + (subresource === undefined ? '' : `/${subresource}`)
  const where = namespace === undefined ? '' : ` in the namespace "${namespace}"`
  throw new ApiError(
    'Forbidden',
    `${what}${name === undefined ? '' : ` "${name}"`} is forbidden: "${request.caller.name}" cannot ${verb} ${what}${where}: ${reason}`,
    detailsOf(name === undefined ? { kind } : { kind, name }),
  )
}

function verbOf({ method, query }: ApiRequest, onCollection: boolean): Verb | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (isOn(query, 'watch')) return 'watch'
      return onCollection ? 'list' : 'get'
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return onCollection ? 'deletecollection' : 'delete'
    default:
      return undefined
  }
}

export function noSuchResource(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource')
}

function check(resource: Resource, verb: Verb | undefined, method: string): void {
  if (verb && resource.verbs.includes(verb)) return
  throw new ApiError(
    'MethodNotAllowed',
    `the server does not allow ${verb ?? method} on ${resource.kind.plural} here`,
  )
}

async function onCollection(
  context: ApiContext,
  resource: Resource,
  namespace: string | undefined,
  request: ApiRequest,
): Promise<ApiResponse> {
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return handleList(context, resource, namespace, request)
    case 'POST':
      check(resource, 'create', request.method)
      if (resource.kind.namespaced && namespace === undefined)
        check(resource, undefined, 'create without a namespace')
      return handleCreate(context, resource, namespace, request)
    case 'DELETE':
      check(resource, 'deletecollection', request.method)
      return handleDeleteCollection(context, resource, namespace, request)
    default:
      throw new ApiError('MethodNotAllowed', `the server does not allow ${request.method} on a collection`)
  }
}

async function onObject(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  request: ApiRequest,
): Promise<ApiResponse> {
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return handleGet(context, resource, key, request)
    case 'PUT':
      check(resource, 'update', request.method)
      return handleUpdate(context, resource, key, request)
    case 'PATCH':
      check(resource, 'patch', request.method)
      return handlePatch(context, resource, key, request)
    case 'DELETE':
      check(resource, 'delete', request.method)
      return handleDelete(context, resource, key, request)
    default:
      throw new ApiError('MethodNotAllowed', `the server does not allow ${request.method} on an object`)
  }
}

async function onSubresource(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  name: string,
  request: ApiRequest,
): Promise<ApiResponse> {
  const subresource = resource.subresources.find((each) => each === name)
  switch (subresource) {
    case undefined:
      throw noSuchResource()
    case 'scale':
      return handleScale(context, resource, key, request)
    case 'log':
      return handlePodLog(context, resource, key, request)
    case 'status':
      switch (request.method) {
        case 'GET':
        case 'HEAD':
          return renderObject(
            resource,
            await getObject(context, resource, key),
            request,
            context.system.clock.now(),
          )
        case 'PUT':
          return handleUpdate(context, resource, key, request, 'status')
        case 'PATCH':
          return handlePatch(context, resource, key, request, 'status')
        default:
          throw new ApiError('MethodNotAllowed', `the server does not allow ${request.method} on a status`)
      }
  }
}
