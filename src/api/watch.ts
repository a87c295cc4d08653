/**
 * Watches: a list's changes as a stream of JSON lines.
 */
import { isStoreError } from '../kernel/object-store.ts'
import { deadline } from '../kernel/system.ts'
import type { KubeObject } from '../objects/meta.ts'
import type { ObjectSelection } from '../objects/object-selection.ts'
import { veil } from './access/veil.ts'
import { type ApiContext, type ApiRequest, type ApiResponse, isOn } from './context.ts'
import { negotiate } from './negotiation.ts'
import { partialMetadata } from './partial-metadata.ts'
import { listObjects } from './list-objects.ts'
import { encodeShared } from './render.ts'
import type { Resource } from './resources.ts'
import { ApiError, asApiError, statusOf } from './status.ts'
import { opened } from './streaming.ts'
import { columnDefinitions, listMetadataOf, parseIncludeObject, table, tableRow } from './table.ts'

interface WatchRequest {
  readonly resource: Resource
  readonly selection: ObjectSelection
}

type Frame =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly endsInitialEvents: boolean }

/**
 * @returns an answer that lasts until the client goes, `timeoutSeconds` are over or the server stops
 * @throws ApiError `Expired` (410) when it cannot start where it should; later that is an `ERROR` event
 */
export async function watchResponse(
  context: ApiContext,
  target: WatchRequest,
  request: ApiRequest,
): Promise<ApiResponse> {
  const { system } = context
  const { query } = request
  const { encoding, shape } = negotiate(request.accept)
  if (encoding !== 'json')
    throw new ApiError('NotAcceptable', 'a watch is a stream of JSON; accept application/json')
  const include = parseIncludeObject(query)
  const seconds = Number(query.get('timeoutSeconds') ?? 0)
  const end = seconds > 0 ? deadline(system.clock, seconds * 1000, request.signal) : undefined
  const signal = end?.signal ?? request.signal
  const { resource } = target

  let columnsSent = false
  const encodeObject = (stored: KubeObject): string => {
    const object = veil(resource.kind, stored, request.caller)
    switch (shape) {
      case 'Object':
        return encodeShared(object)
      case 'PartialObjectMetadata':
        return JSON.stringify(partialMetadata(object))
      case 'Table': {
        const row = tableRow(resource.kind, object, include, system.clock.now())
        const columns = columnsSent ? [] : columnDefinitions(resource.kind)
        columnsSent = true
        return JSON.stringify(table(listMetadataOf(object), [row], columns))
      }
    }
  }
  const encodeFrame = (frame: Frame): string => {
    if (frame.type !== 'BOOKMARK') return `{"type":"${frame.type}","object":${encodeObject(frame.object)}}\n`
    const metadata = {
      resourceVersion: frame.resourceVersion,
      ...(frame.endsInitialEvents ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    }
    const object =
      shape === 'Table'
        ? table(metadata, [], [])
        : shape === 'PartialObjectMetadata'
          ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
          : { kind: resource.kind.kind, apiVersion: resource.apiVersion, metadata }
    return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`
  }

  let frames: AsyncIterable<Frame>
  try {
    frames = await opened(framesOf(context, target, query, signal), system.clock)
  } catch (error) {
    end?.done()
    throw error
  }
  const lines = async function* (): AsyncGenerator<string> {
    try {
      for await (const frame of frames) yield encodeFrame(frame)
    } catch (error) {
      // The headers are long gone: the error is the last event.
      yield `${JSON.stringify({ type: 'ERROR', object: statusOf(asApiError(error, { kind: resource.kind })) })}\n`
    } finally {
      end?.done()
    }
  }
  return { status: 200, contentType: 'application/json', body: lines() }
}

async function* framesOf(
  context: ApiContext,
  { resource, selection }: WatchRequest,
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<Frame> {
  const asked = query.get('resourceVersion') ?? ''
  const fromStart = asked === '' || asked === '0'
  const initial = query.get('sendInitialEvents')
  const sendInitial = initial === null ? fromStart : isOn(query, 'sendInitialEvents')
  const bookmarks = isOn(query, 'allowWatchBookmarks')

  let fromVersion = asked
  if (fromStart || sendInitial) {
    const list = await listObjects(context, resource, selection)
    fromVersion = list.resourceVersion
    if (sendInitial) for (const object of list.items) yield { type: 'ADDED', object }
    if (initial !== null && sendInitial && bookmarks) {
      yield { type: 'BOOKMARK', resourceVersion: fromVersion, endsInitialEvents: true }
    }
  }

  try {
    for await (const event of context.store.watch(resource.kind, { ...selection, fromVersion, signal })) {
      if (event.type !== 'BOOKMARK') yield event
      else if (bookmarks) yield { ...event, endsInitialEvents: false }
    }
  } catch (error) {
    if (isStoreError(error, 'Invalid')) {
      throw new ApiError('BadRequest', error.message, undefined, { cause: error })
    }
    throw error
  }
}
