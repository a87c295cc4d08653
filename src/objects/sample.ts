/** Sample: what was measured of one contract while it ran, by both sides. One object for each contract. */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject } from './meta.ts'

export const MeasurementSchema = Type.Object({
  at: Type.String({ description: 'RFC 3339.', maxLength: 40 }),
  by: Type.String({ description: 'Node id of the side that measured.', maxLength: 512 }),
  available: Type.Boolean({ description: 'Whether what was bought could be used.' }),
  roundTripMs: Type.Optional(Type.Number({ description: 'Through the virtual router.' })),
  pods: Type.Optional(Type.Integer({ description: 'How many ran.' })),
  bytesIn: Type.Optional(Type.Integer()),
  bytesOut: Type.Optional(Type.Integer()),
})
export type Measurement = Static<typeof MeasurementSchema>

const SampleSpecSchema = Type.Object({ contractID: Type.String() })
const SampleStatusSchema = Type.Object({
  measurements: Type.Array(MeasurementSchema, { description: 'The last ones, oldest first.' }),
  availability: Type.Optional(
    Type.Number({ description: 'Share of the measurements in which it was available.' }),
  ),
})

export interface Sample extends KubeObject {
  readonly spec: Static<typeof SampleSpecSchema>
  readonly status?: Static<typeof SampleStatusSchema>
}

export const SampleKind: KindDefinition<Sample> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'Sample',
  plural: 'samples',
  singular: 'sample',
  namespaced: true,
  description: 'What was delivered under one contract, as both sides measured it.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('Sample'),
    metadata: MetadataSchema,
    spec: SampleSpecSchema,
    status: Type.Optional(SampleStatusSchema),
  }),
  statusSubresource: true,
  writable: { by: 'node', why: 'a measurement' },
  retention: { mode: 'owned', by: 'Contract' },
  selectableFields: ['spec.contractID'],
  columns: [
    { name: 'Contract', path: 'spec.contractID' },
    { name: 'Availability', path: 'status.availability' },
  ],
}
