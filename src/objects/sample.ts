/**
 * Sample: what was measured of one contract while it ran, by both sides. One object for each contract.
 *
 * The latest measurements stand for themselves; those before them are put together in chunks, coarser with their age, so
 * that its size has a bound. What is counted and summed in a chunk is exact: a question about all of it has the same
 * answer before and after.
 */
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

const RoundTripsSchema = Type.Object({
  count: Type.Integer({ minimum: 1 }),
  totalMs: Type.Number(),
  mostMs: Type.Number(),
})

const MeasurementChunkSchema = Type.Object({
  by: Type.String({ description: 'Node id of the side that measured.' }),
  seconds: Type.Integer({ description: 'The width of the chunk: none reaches over a multiple of it.' }),
  from: Type.String({ description: 'RFC 3339: of its first measurement.' }),
  to: Type.String({ description: 'RFC 3339: of its last measurement.' }),
  count: Type.Integer({ minimum: 1 }),
  available: Type.Integer({ minimum: 0, description: 'In how many of them it could be used.' }),
  roundTrips: Type.Optional(RoundTripsSchema),
  leastPods: Type.Optional(Type.Integer()),
  bytesIn: Type.Optional(Type.Integer({ description: 'Until its end.' })),
  bytesOut: Type.Optional(Type.Integer({ description: 'Until its end.' })),
})
/** Measurements of one side that were put together. */
export type MeasurementChunk = Static<typeof MeasurementChunkSchema>

/** How many measurements of each side stand for themselves. */
export const LATEST_MEASUREMENTS = 120
/** Into what the older ones go, the finest first: how wide a chunk is, and how many there are of each side. */
export const CHUNK_STEPS = [
  { seconds: 300, most: 24, text: '5 minutes' },
  { seconds: 3_600, most: 48, text: 'hours' },
  { seconds: 86_400, most: 32, text: 'days' },
  { seconds: 30 * 86_400, most: 12, text: '30 days' },
] as const
/** The narrowest chunk when the contract is over. */
export const CHUNK_SECONDS_WHEN_OVER = 3_600

const SampleSpecSchema = Type.Object({ contractID: Type.String() })
const SampleStatusSchema = Type.Object({
  measurements: Type.Array(MeasurementSchema, { description: 'The latest of each side, oldest first.' }),
  chunks: Type.Optional(
    Type.Array(MeasurementChunkSchema, { description: 'Of those before, of each side the oldest first.' }),
  ),
  availability: Type.Optional(
    Type.Number({
      description:
        'Share of all measurements in which it was available; each side counts for as much, however often it measured.',
    }),
  ),
})
export type SampleStatus = Static<typeof SampleStatusSchema>

export interface Sample extends KubeObject {
  readonly spec: Static<typeof SampleSpecSchema>
  readonly status?: SampleStatus
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
  retention: {
    mode: 'owned',
    by: 'Contract',
    coarser:
      `the latest ${LATEST_MEASUREMENTS} measurements of each side one by one, those before together by ` +
      `${CHUNK_STEPS.map(({ text, most }) => `${text} (${most})`).join(', ')}, the rest in one; ` +
      'when the contract is over, by hours at the finest',
  },
  selectableFields: ['spec.contractID'],
  columns: [
    { name: 'Contract', path: 'spec.contractID' },
    { name: 'Availability', path: 'status.availability' },
  ],
}
