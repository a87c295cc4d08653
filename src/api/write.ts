/**
 * The writing verbs: create, update, patch.
 */
import { isStoreError } from '../kernel/object-store.ts'
import { rfc3339, uuid } from '../kernel/system.ts'
import type { KubeObject, NewObject, ObjectKey } from '../objects/meta.ts'
import { checkTame, decodeBody } from './body.ts'
import type { ApiContext, ApiRequest, ApiResponse } from './context.ts'
import { isObject, type JsonObject, member, omit, sameJson } from '../kernel/json.ts'
import { decodePatch } from './patch/index.ts'
import {
  parseWriteOptions,
  prepareNew,
  prepareUpdate,
  withNodeFinalizers,
  type WriteOptions,
} from './prepare.ts'
import { getObject } from './read.ts'
import { renderObject } from './render.ts'
import type { Resource } from './resources.ts'
import { ApiError, asApiError } from './status.ts'

/** How often a change is tried again when somebody else was faster; each time somebody got on. */
const MAX_ATTEMPTS = 20
/** How many generated names are tried; two of a million collide seldom. */
const MAX_NAMES = 8

export async function handleCreate(
  context: ApiContext,
  resource: Resource,
  namespace: string | undefined,
  request: ApiRequest,
): Promise<ApiResponse> {
  const options = parseWriteOptions(request.query)
  const body = decodeBody(request.contentType, request.body)
  // To read, to check, to store and to answer are some milliseconds each: others get their turn in between.
  await context.turns.next()
  const generated = !member(member(body, 'metadata'), 'name')
  const now = context.system.clock.now()
  for (let attempt = 1; ; attempt++) {
    const { object, warnings } = await prepareNew(context, resource, body, namespace, options)
    await context.turns.next()
    try {
      const created = options.dryRun
        ? await pretendCreate(context, resource, object)
        : await create(context, resource, object)
      await context.turns.next()
      return renderObject(resource, created, request, now, { status: 201, warnings })
    } catch (error) {
      if (generated && attempt < MAX_NAMES && isStoreError(error, 'AlreadyExists')) continue
      throw asApiError(error, { kind: resource.kind, name: object.metadata.name })
    }
  }
}

function create({ store }: ApiContext, { kind }: Resource, object: unknown): Promise<KubeObject> {
  return store.create(kind, object as NewObject<KubeObject>)
}

async function pretendCreate(
  { store, system }: ApiContext,
  { kind }: Resource,
  object: JsonObject & { readonly metadata: NewObject<KubeObject>['metadata'] },
): Promise<unknown> {
  if (await store.get(kind, object.metadata)) {
    throw new ApiError('AlreadyExists', `${kind.plural} "${object.metadata.name}" already exists`)
  }
  const { random, clock } = system
  const filled = { uid: uuid(random), generation: 1, creationTimestamp: rfc3339(clock.now()) }
  return { ...object, metadata: { ...object.metadata, ...filled } }
}

export async function handleUpdate(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  request: ApiRequest,
  subresource?: 'status',
): Promise<ApiResponse> {
  const options = parseWriteOptions(request.query)
  const body = decodeBody(request.contentType, request.body)
  if (!isObject(body)) throw new ApiError('BadRequest', 'the body is not an object')
  const whole = (current: KubeObject): JsonObject => {
    const metadata = body['metadata'] ?? {}
    return isObject(metadata) ? { ...body, metadata: withNodeFinalizers(metadata, current) } : body
  }
  const { object, warnings } = await change(context, resource, key, whole, options, subresource)
  return renderObject(resource, object, request, context.system.clock.now(), { warnings })
}

export async function handlePatch(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  request: ApiRequest,
  subresource?: 'status',
): Promise<ApiResponse> {
  const options = parseWriteOptions(request.query)
  const patch = decodePatch(request.contentType, request.body, resource.builtIn)
  const apply = (current: KubeObject): JsonObject => {
    const result = patch(current as unknown as JsonObject)
    checkSize(result, context.maxBodyBytes)
    return result
  }
  const { object, warnings } = await change(context, resource, key, apply, options, subresource)
  return renderObject(resource, object, request, context.system.clock.now(), { warnings })
}

/** A patch can make a large object of a small one. */
function checkSize(object: JsonObject, maxBodyBytes: number): void {
  checkTame(omit(object, 'status'))
  if (Buffer.byteLength(JSON.stringify(object)) > 2 * maxBodyBytes) {
    throw new ApiError('RequestEntityTooLarge', 'the object would become too large')
  }
}

/**
 * Reads, changes and writes an object. If the client did not say which version it means, the change is
 * made again on top of whatever came between.
 *
 * @param make the whole object as it should be; its `metadata.resourceVersion`, if any, must be the current one
 * @throws ApiError `NotFound`, `Conflict`, `Invalid`
 */
export async function change(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  make: (current: KubeObject) => JsonObject,
  options: WriteOptions,
  subresource?: 'status',
): Promise<{ readonly object: unknown; readonly warnings: readonly string[] }> {
  const { store, turns } = context
  const { kind } = resource
  for (let attempt = 1; ; attempt++) {
    await turns.next()
    const current = await getObject(context, resource, key)
    const { object, warnings } = await prepareUpdate(
      context,
      resource,
      current,
      make(current),
      options,
      subresource,
    )
    if (options.dryRun) return { object, warnings }
    await turns.next()
    try {
      const wanted = object as unknown as KubeObject
      let stored = await store.update(kind, wanted, subresource && { subresource })
      // Of a kind without status subresource everything is written at once; the store keeps them apart.
      if (!kind.statusSubresource && subresource === undefined && !sameJson(stored.status, wanted.status)) {
        stored = await store.update(kind, { ...stored, status: wanted.status }, { subresource: 'status' })
      }
      await turns.next()
      return { object: stored, warnings }
    } catch (error) {
      if (isStoreError(error, 'Conflict') && attempt < MAX_ATTEMPTS) continue
      throw asApiError(error, { kind, name: key.name })
    }
  }
}
