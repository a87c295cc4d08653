/**
 * Trace: what one node did for one intent, step by step of the workflow document. Named after the trace id and, where it
 * was done for another node, after that one: what is done for one is kept apart from what is done for another.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject } from './meta.ts'

export const TraceEventSchema = Type.Object({
  step: Type.Integer({
    description:
      'Number in the workflow document, as far as the workflow was known then; -1 where it has none.',
  }),
  workflow: Type.Integer({ minimum: 1, maximum: 4 }),
  action: Type.String({ description: 'What was done; with the role it gives the number.' }),
  component: Type.String(),
  node: Type.String(),
  role: Type.String({
    description:
      'What the node is in this workflow: consumer, provider, supernode, provider-supernode, catalog.',
  }),
  spanID: Type.Optional(Type.String({ description: 'W3C span id of the step: 16 hexadecimal digits.' })),
  parentSpanID: Type.Optional(
    Type.String({
      description: 'The span that it is a part of, perhaps one of another node; the first has none.',
    }),
  ),
  peer: Type.Optional(Type.String()),
  message: Type.String(),
  outcome: Type.Union([Type.Literal('ok'), Type.Literal('failed'), Type.Literal('skipped')]),
  detail: Type.Optional(Type.String()),
  at: Type.Number({ description: 'Milliseconds since 1970, with fractions: when the step was over.' }),
  ms: Type.Number({ description: 'How long it took.' }),
})
export type TraceEvent = Static<typeof TraceEventSchema>

const TraceSpecSchema = Type.Object({
  traceID: Type.String({ description: 'W3C trace id: 32 hexadecimal digits.' }),
  intent: Type.Optional(Type.String()),
  workflow: Type.Optional(Type.Integer({ description: 'Which workflow it turned out to be.' })),
  from: Type.Optional(
    Type.String({
      description:
        'Node id of the one for whose question or contract this was done, and who may read it; absent where it is ours.',
    }),
  ),
})
const TraceStatusSchema = Type.Object({ events: Type.Array(TraceEventSchema) })

export interface Trace extends KubeObject {
  readonly spec: Static<typeof TraceSpecSchema>
  readonly status?: Static<typeof TraceStatusSchema>
}

export const TraceKind: KindDefinition<Trace> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'Trace',
  plural: 'traces',
  singular: 'trace',
  namespaced: true,
  description: 'The numbered workflow steps that this node took for one intent.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('Trace'),
    metadata: MetadataSchema,
    spec: TraceSpecSchema,
    status: Type.Optional(TraceStatusSchema),
  }),
  // Written by one writer, in one go.
  statusSubresource: false,
  writable: { by: 'node', why: 'a record of what happened' },
  retention: { mode: 'count', setting: 'traces', of: ({ spec }) => spec.from },
  selectableFields: ['spec.intent', 'spec.traceID', 'spec.from'],
  columns: [
    { name: 'Intent', path: 'spec.intent' },
    { name: 'Trace-ID', path: 'spec.traceID', wide: true },
  ],
}
