/**
 * Event: Kubernetes' core kind; something worth telling the user happened to an object.
 *
 * Pure.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from '../kind.ts'
import { type KubeObject, MetadataSchema, type ObjectMetadata } from '../meta.ts'
import { anyValue, oneOf, open } from '../schema.ts'

const opt = Type.Optional

export const InvolvedObjectSchema = open({
  apiVersion: opt(Type.String()),
  kind: opt(Type.String()),
  namespace: opt(Type.String()),
  name: opt(Type.String()),
  uid: opt(Type.String()),
  fieldPath: opt(Type.String()),
})

const description = 'An event: something worth telling happened to an object.'

/** An event has neither `spec` nor `status`: its members stand beside `metadata`. */
export const EventSchema = Type.Object(
  {
    apiVersion: opt(oneOf(['v1'])),
    kind: opt(oneOf(['Event'])),
    metadata: MetadataSchema,
    involvedObject: InvolvedObjectSchema,
    reason: opt(Type.String()),
    message: opt(Type.String()),
    type: opt(Type.String()),
    count: opt(Type.Integer()),
    firstTimestamp: opt(anyValue()),
    lastTimestamp: opt(anyValue()),
    eventTime: opt(anyValue()),
    action: opt(Type.String()),
    related: opt(anyValue()),
    series: opt(anyValue()),
    reportingComponent: opt(Type.String()),
    reportingInstance: opt(Type.String()),
    source: opt(open({ component: opt(Type.String()), host: opt(Type.String()) })),
  },
  { description, additionalProperties: false },
)

export interface Event extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly involvedObject: Static<typeof InvolvedObjectSchema>
  readonly reason?: string
  readonly message?: string
  readonly type?: string
  readonly count?: number
  readonly firstTimestamp?: string
  readonly lastTimestamp?: string
  readonly source?: { readonly component?: string; readonly host?: string }
}

/** What Kubernetes lets events be selected by; `kubectl describe` does. */
export const EVENT_FIELDS: readonly string[] = [
  'involvedObject.apiVersion',
  'involvedObject.kind',
  'involvedObject.namespace',
  'involvedObject.name',
  'involvedObject.uid',
  'involvedObject.fieldPath',
  'involvedObject.resourceVersion',
  'reason',
  'reportingComponent',
  'type',
]

export const EventKind: KindDefinition<Event> = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  schema: EventSchema,
  statusSubresource: false,
  writable: { by: 'user' },
  retention: {
    mode: 'age',
    setting: 'eventsMs',
    from: 'when it was seen last',
    since: ({ metadata, lastTimestamp }) => Date.parse(lastTimestamp ?? metadata.creationTimestamp),
  },
  selectableFields: EVENT_FIELDS,
  columns: [
    { name: 'Last seen', type: 'date', path: 'lastTimestamp' },
    { name: 'Type', path: 'type' },
    { name: 'Reason', path: 'reason' },
    {
      name: 'Object',
      path: 'involvedObject.name',
      render: (object) => {
        const { kind, name } = (object as Event).involvedObject
        return `${(kind ?? '').toLowerCase()}/${name ?? ''}`
      },
    },
    { name: 'Message', path: 'message' },
    { name: 'Count', type: 'integer', path: 'count', wide: true },
  ],
  description,
}
