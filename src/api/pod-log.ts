/**
 * The log subresource of pods: what `kubectl logs` reads.
 */
import type { ObjectKey } from '../objects/meta.ts'
import { type ApiContext, type ApiRequest, type ApiResponse, isOn } from './context.ts'
import { getObject } from './read.ts'
import type { Resource } from './resources.ts'
import { ApiError } from './status.ts'
import { opened } from './streaming.ts'

/** @throws ApiError `NotFound`, `BadRequest` */
export async function handlePodLog(
  context: ApiContext,
  resource: Resource,
  key: ObjectKey,
  { method, query, signal }: ApiRequest,
): Promise<ApiResponse> {
  if (method !== 'GET') throw new ApiError('MethodNotAllowed', `${method} is not supported on logs`)
  const { podLogs, system } = context
  if (!podLogs) throw new ApiError('NotFound', 'this node keeps no logs of pods')
  if (isOn(query, 'previous')) throw new ApiError('BadRequest', 'logs of previous containers are not kept')
  await getObject(context, resource, key)
  const container = query.get('container')
  const tail = query.get('tailLines')
  if (tail !== null && !/^\d{1,9}$/.test(tail)) {
    throw new ApiError('BadRequest', `tailLines: ${JSON.stringify(tail)} is not a count`)
  }
  const source = podLogs(key, {
    follow: isOn(query, 'follow'),
    signal,
    ...(container ? { container } : {}),
    ...(tail === null ? {} : { tailLines: Number(tail) }),
  })
  return { status: 200, contentType: 'text/plain; charset=utf-8', body: await opened(source, system.clock) }
}
