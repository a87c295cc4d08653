/**
 * The scale subresource: how `kubectl scale` sets the number of replicas.
 */
import type { KubeObject, ObjectKey } from '../objects/meta.ts'
import { decodeBody } from './body.ts'
import type { ApiContext, ApiRequest, ApiResponse } from './context.ts'
import { isObject, type JsonObject, member } from '../kernel/json.ts'
import { decodePatch } from './patch/index.ts'
import { parseWriteOptions } from './prepare.ts'
import { getObject } from './read.ts'
import { encode, contentTypeOf } from './render.ts'
import { negotiate } from './negotiation.ts'
import type { Resource } from './resources.ts'
import { ApiError, conflict, invalid, MODIFIED } from './status.ts'
import { change } from './write.ts'

export async function handleScale(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  request: ApiRequest,
): Promise<ApiResponse> {
  switch (request.method) {
    case 'GET':
      return render(scaleOf(await getObject(context, resource, key)), request)
    case 'PUT': {
      const body = decodeBody(request.contentType, request.body)
      return setScale(context, resource, key, request, () => body)
    }
    case 'PATCH': {
      const patch = decodePatch(request.contentType, request.body, true)
      return setScale(context, resource, key, request, patch)
    }
    default:
      throw new ApiError('MethodNotAllowed', `${request.method} is not supported on a scale`)
  }
}

async function setScale(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  request: ApiRequest,
  make: (scale: JsonObject) => unknown,
): Promise<ApiResponse> {
  const target = { kind: resource.kind, name: key.name }
  const { object } = await change(
    context,
    resource,
    key,
    (current) => {
      const wanted = make(scaleOf(current))
      const version = member(member(wanted, 'metadata'), 'resourceVersion')
      if (typeof version === 'string' && version !== '' && version !== current.metadata.resourceVersion) {
        throw conflict(target, MODIFIED)
      }
      // Kubernetes leaves zero out.
      const replicas = member(member(wanted, 'spec'), 'replicas') ?? 0
      if (!Number.isSafeInteger(replicas) || (replicas as number) < 0) {
        throw invalid(target, [
          { field: 'spec.replicas', message: `Invalid value: ${JSON.stringify(replicas)}: must be a count` },
        ])
      }
      const spec = isObject(current.spec) ? current.spec : {}
      return { ...(current as unknown as JsonObject), spec: { ...spec, replicas } }
    },
    parseWriteOptions(request.query),
  )
  return render(scaleOf(object as KubeObject), request)
}

function render(scale: JsonObject, request: ApiRequest): ApiResponse {
  const { encoding } = negotiate(request.accept)
  return { status: 200, contentType: contentTypeOf({ encoding }), body: encode(scale, { encoding }, request) }
}

function scaleOf(object: KubeObject): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const labels = member(member(object.spec, 'selector'), 'matchLabels')
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: member(object.spec, 'replicas') ?? 1 },
    status: {
      replicas: member(object.status, 'replicas') ?? 0,
      selector: isObject(labels)
        ? Object.entries(labels)
            .map(([key, value]) => `${key}=${String(value)}`)
            .join(',')
        : '',
    },
  }
}
