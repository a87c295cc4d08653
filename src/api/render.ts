/**
 * Turns objects and lists into answers of the form that the client asked for.
 */
import type { ObjectList } from '../kernel/object-store.ts'
import type { KubeObject } from '../objects/meta.ts'
import { veil } from './access/veil.ts'
import type { ApiContext, ApiRequest, ApiResponse } from './context.ts'
import type { JsonObject } from '../kernel/json.ts'
import { listBody, type ListText } from './list-body.ts'
import { negotiate, type Rendering } from './negotiation.ts'
import { partialMetadata } from './partial-metadata.ts'
import type { Resource } from './resources.ts'
import { columnDefinitions, listMetadataOf, parseIncludeObject, table, tableRow } from './table.ts'
import { writeYaml } from './yaml.ts'

const encoded = new WeakMap<object, string>()

/**
 * Stored objects are frozen and shared, so the text of one serves all watches that see it.
 * @returns `object` as JSON
 */
export function encodeShared(object: object): string {
  let text = encoded.get(object)
  if (text === undefined) {
    text = JSON.stringify(object)
    encoded.set(object, text)
  }
  return text
}

/** @returns `value` in the encoding of the answer */
export function encode(
  value: unknown,
  { encoding }: Pick<Rendering, 'encoding'>,
  request: ApiRequest,
): string {
  if (encoding === 'yaml') return writeYaml(value)
  return isPretty(request) ? `${JSON.stringify(value, undefined, 2)}\n` : JSON.stringify(value)
}

function isPretty({ query }: ApiRequest): boolean {
  return ['1', 'true'].includes(query.get('pretty') ?? '')
}

export function contentTypeOf({ encoding }: Pick<Rendering, 'encoding'>): string {
  return encoding === 'yaml' ? 'application/yaml' : 'application/json'
}

/**
 * @param now milliseconds since 1970, for ages
 * @param warnings shown to the user by `kubectl`
 */
export function renderObject(
  resource: Resource,
  object: unknown,
  request: ApiRequest,
  now: number,
  { status = 200, warnings = [] }: { readonly status?: number; readonly warnings?: readonly string[] } = {},
): ApiResponse {
  const rendering = negotiate(request.accept)
  const shown = veil(resource.kind, object, request.caller)
  const body = encode(shapeObject(resource, shown, request, rendering, now), rendering, request)
  return {
    status,
    contentType: contentTypeOf(rendering),
    ...(warnings.length > 0 ? { headers: { warning: warnings.map(warningHeader) } } : {}),
    body,
  }
}

function shapeObject(
  resource: Resource,
  object: unknown,
  request: ApiRequest,
  { shape }: Rendering,
  now: number,
): unknown {
  switch (shape) {
    case 'Object':
      return object
    case 'PartialObjectMetadata':
      return partialMetadata(object)
    case 'Table':
      return table(
        listMetadataOf(object),
        [tableRow(resource.kind, object, parseIncludeObject(request.query), now)],
        columnDefinitions(resource.kind),
      )
  }
}

/** RFC 7234's `Warning` header, with the code and agent that Kubernetes uses. */
function warningHeader(text: string): string {
  // Header values are Latin-1 without control characters; quotes and backslashes are quoted.
  const safe = text.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/["\\]/g, String.raw`\$&`)
  return `299 - "${safe.slice(0, 1000)}"`
}

/** @param now milliseconds since 1970, for ages */
export function renderList(
  { turns }: Pick<ApiContext, 'turns'>,
  resource: Resource,
  list: ObjectList<KubeObject>,
  request: ApiRequest,
  now: number,
): ApiResponse {
  const rendering = negotiate(request.accept)
  const metadata: JsonObject = {
    resourceVersion: list.resourceVersion,
    ...(list.continue === undefined ? {} : { continue: list.continue }),
    ...(list.remaining === undefined ? {} : { remainingItemCount: list.remaining }),
  }
  const form = rendering.encoding === 'yaml' ? 'yaml' : isPretty(request) ? 'pretty' : 'json'
  const text = shapeList(resource, list, request, { metadata, shape: rendering.shape, now })
  return { status: 200, contentType: contentTypeOf(rendering), body: listBody(text, form, turns) }
}

function shapeList(
  { kind, apiVersion }: Resource,
  { items }: ObjectList<KubeObject>,
  request: ApiRequest,
  {
    metadata,
    shape,
    now,
  }: { readonly metadata: JsonObject; readonly shape: Rendering['shape']; readonly now: number },
): ListText {
  const shown = (item: KubeObject): KubeObject => veil(kind, item, request.caller)
  switch (shape) {
    case 'Object':
      return {
        head: { kind: `${kind.kind}List`, apiVersion, metadata },
        member: 'items',
        items,
        shape: (item: KubeObject) => {
          const value = shown(item)
          const json = encoded.get(value)
          return json === undefined ? { value } : { json }
        },
      }
    case 'PartialObjectMetadata':
      return {
        head: { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata },
        member: 'items',
        items,
        shape: (item: KubeObject) => ({ value: partialMetadata(shown(item)) }),
      }
    case 'Table': {
      const include = parseIncludeObject(request.query)
      const { rows: _, ...head } = table(metadata, [], columnDefinitions(kind))
      return {
        head,
        member: 'rows',
        items,
        shape: (item: KubeObject) => ({ value: tableRow(kind, shown(item), include, now) }),
      }
    }
  }
}
