/**
 * Watches: a list's changes as a stream of JSON lines.
 */
import { isStoreError, type ObjectStore } from '../kernel/object-store.ts'
import { deadline } from '../kernel/system.ts'
import { type KubeObject, keyOf, keyString } from '../objects/meta.ts'
import { type ApiContext, type ApiRequest, type ApiResponse, isOn } from './context.ts'
import { negotiate } from './negotiation.ts'
import { partialMetadata } from './partial-metadata.ts'
import { encodeShared } from './render.ts'
import type { Resource } from './resources.ts'
import type { Selection } from './selectors.ts'
import { ApiError, asApiError, statusOf } from './status.ts'
import { opened } from './streaming.ts'
import { columnDefinitions, listMetadataOf, parseIncludeObject, table, tableRow } from './table.ts'

interface WatchRequest {
  readonly resource: Resource
  readonly namespace: string | undefined
  readonly selection: Selection | undefined
}

type Frame =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly endsInitialEvents: boolean }

/**
 * @returns an answer that lasts until the client goes, `timeoutSeconds` are over or the server stops
 * @throws ApiError `Expired` (410) when it cannot start where it should; later that is an `ERROR` event
 */
export async function watchResponse(
  { store, system }: ApiContext,
  target: WatchRequest,
  request: ApiRequest,
): Promise<ApiResponse> {
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
  const encodeObject = (object: KubeObject): string => {
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
    frames = await opened(framesOf(store, target, query, signal), system.clock)
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
  store: ObjectStore,
  { resource, namespace, selection }: WatchRequest,
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<Frame> {
  const { kind } = resource
  const inNamespace = namespace === undefined ? {} : { namespace }
  const asked = query.get('resourceVersion') ?? ''
  const fromStart = asked === '' || asked === '0'
  const initial = query.get('sendInitialEvents')
  const sendInitial = initial === null ? fromStart : isOn(query, 'sendInitialEvents')
  const bookmarks = isOn(query, 'allowWatchBookmarks')

  let fromVersion = asked
  const selected = selection && new SelectedKeys(selection)
  if (fromStart || sendInitial || selected) {
    const list = await store.list(kind, inNamespace)
    if (fromStart || sendInitial) fromVersion = list.resourceVersion
    for (const object of list.items) {
      // What changed after the version asked for was perhaps not selected then; the replay will tell.
      const unchanged =
        fromVersion === list.resourceVersion || isNotAfter(object.metadata.resourceVersion, fromVersion)
      if (unchanged) selected?.remember(object)
      if (sendInitial && (selection?.(object) ?? true)) yield { type: 'ADDED', object }
    }
    if (initial !== null && sendInitial && bookmarks) {
      yield { type: 'BOOKMARK', resourceVersion: fromVersion, endsInitialEvents: true }
    }
  }

  try {
    for await (const event of store.watch(kind, { ...inNamespace, fromVersion, signal })) {
      if (event.type === 'BOOKMARK') {
        if (bookmarks) yield { ...event, endsInitialEvents: false }
        continue
      }
      const type = selected ? selected.translate(event.type, event.object) : event.type
      if (type) yield { type, object: event.object }
    }
  } catch (error) {
    if (isStoreError(error, 'Invalid')) {
      throw new ApiError('BadRequest', `resourceVersion: ${error.message}`, undefined, { cause: error })
    }
    throw error
  }
}

/** Both are decimal revisions of one store. */
function isNotAfter(version: string, other: string): boolean {
  return version.length < other.length || (version.length === other.length && version <= other)
}

/** Knows which objects the client has, for an object that leaves a selection is to the client as good as deleted. */
class SelectedKeys {
  readonly #selection: Selection
  /** Absent: it is not known whether the client has it. */
  readonly #has = new Map<string, boolean>()

  constructor(selection: Selection) {
    this.#selection = selection
  }

  remember(object: KubeObject): void {
    this.#has.set(keyString(keyOf(object)), this.#selection(object))
  }

  /** @returns what the change is to the client; undefined when it need not know */
  translate(
    type: 'ADDED' | 'MODIFIED' | 'DELETED',
    object: KubeObject,
  ): (Frame['type'] & typeof type) | undefined {
    const key = keyString(keyOf(object))
    const selected = this.#selection(object)
    const had = type === 'ADDED' ? false : this.#has.get(key)
    if (type === 'DELETED') {
      this.#has.delete(key)
      return (had ?? selected) ? 'DELETED' : undefined
    }
    this.#has.set(key, selected)
    if (selected) return had === false ? 'ADDED' : 'MODIFIED'
    return had === false ? undefined : 'DELETED'
  }
}
