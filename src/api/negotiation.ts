/**
 * Content negotiation: from an `Accept` header to the form of the answer.
 */
import { ApiError } from './status.ts'

/** What shape an object or list takes in an answer. */
export type Shape = 'Object' | 'Table' | 'PartialObjectMetadata'

/** The form of an answer. */
export interface Rendering {
  readonly encoding: 'json' | 'yaml'
  readonly shape: Shape
}

export const PLAIN_JSON: Rendering = { encoding: 'json', shape: 'Object' }

interface MediaType {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
}

/** @returns the media types of an `Accept` or `Content-Type` header, most wanted first */
export function mediaTypes(header: string | undefined): readonly MediaType[] {
  return (header ?? '')
    .split(',')
    .map((part) => {
      const [type = '', ...rest] = part.split(';').map((piece) => piece.trim())
      const parameters = new Map(
        rest.map((piece) => {
          const [name = '', value = ''] = piece.split('=', 2)
          return [name.trim().toLowerCase(), value.trim().replaceAll('"', '')] as const
        }),
      )
      return { type: type.toLowerCase(), parameters, quality: Number(parameters.get('q') ?? 1) }
    })
    .filter(({ type, quality }) => type !== '' && quality !== 0)
    .sort((a, b) => b.quality - a.quality)
}

const YAML = new Set(['application/yaml', 'text/yaml', 'application/x-yaml', 'text/x-yaml'])
const JSON_LIKE = new Set(['application/json', 'application/*', '*/*'])

/**
 * @param accept the header as it came; absent means JSON
 * @returns the first form in the client's list that this server speaks
 * @throws ApiError `NotAcceptable` when there is none, for example if only protobuf is accepted
 */
export function negotiate(accept: string | undefined): Rendering {
  const wanted = mediaTypes(accept)
  if (wanted.length === 0) return PLAIN_JSON
  for (const { type, parameters } of wanted) {
    const encoding = JSON_LIKE.has(type) ? 'json' : YAML.has(type) ? 'yaml' : undefined
    const shape = shapeOf(parameters)
    if (encoding && shape) return { encoding, shape }
  }
  throw new ApiError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml, ' +
      'application/json;as=Table;v=v1;g=meta.k8s.io, application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  )
}

function shapeOf(parameters: ReadonlyMap<string, string>): Shape | undefined {
  const as = parameters.get('as')
  if (as === undefined) return 'Object'
  if (parameters.get('g') !== 'meta.k8s.io' || !['v1', 'v1beta1'].includes(parameters.get('v') ?? ''))
    return undefined
  switch (as) {
    case 'Table':
      return 'Table'
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return 'PartialObjectMetadata'
    default:
      return undefined
  }
}

/** The media type of aggregated discovery, sent back as the client asked for it. */
export const AGGREGATED_DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

/** @returns whether the client prefers aggregated to legacy discovery */
export function wantsAggregatedDiscovery(accept: string | undefined): boolean {
  for (const { type, parameters } of mediaTypes(accept)) {
    if (type !== 'application/json') continue
    const as = parameters.get('as')
    if (as === undefined) return false
    if (
      as === 'APIGroupDiscoveryList' &&
      parameters.get('g') === 'apidiscovery.k8s.io' &&
      parameters.get('v') === 'v2'
    ) {
      return true
    }
  }
  return false
}
