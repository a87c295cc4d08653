/**
 * Solver: one request to acquire resources: look up, discover, reserve, buy, peer.
 *
 * Pure. Upstream's kind; `request` and what follows it in the spec, `considered` and what follows it in
 * the status are ours.
 */
import { isDeepStrictEqual } from 'node:util'
import Type, { type Static } from 'typebox'
import { GenericRefSchema, NODECORE, PhaseStatusSchema, QuantitySchema } from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { ConditionSchema, type KubeObject, type ObjectMetadata } from './meta.ts'
import { PlanTermsSchema } from './plan.ts'
import { RequirementsSchema } from './requirements.ts'
import { closed, DURATION_PATTERN, objectSchema, oneOf, open } from './schema.ts'
import { SelectorSchema } from './selector.ts'
import { touchesNames } from './writable.ts'

export const RankingWeightsSchema = closed(
  {
    price: Type.Optional(Type.Number({ minimum: 0 })),
    rating: Type.Optional(Type.Number({ minimum: 0 })),
    latency: Type.Optional(Type.Number({ minimum: 0 })),
    location: Type.Optional(Type.Number({ minimum: 0 })),
    carbon: Type.Optional(Type.Number({ minimum: 0 })),
    fit: Type.Optional(Type.Number({ minimum: 0, description: 'Least waste.' })),
  },
  { description: 'How much each criterion counts; they need not add up to anything.' },
)
export type RankingWeights = Static<typeof RankingWeightsSchema>

export const WantedAmountsSchema = open(
  {
    cpu: Type.Optional(QuantitySchema),
    memory: Type.Optional(QuantitySchema),
    pods: Type.Optional(QuantitySchema),
    storage: Type.Optional(QuantitySchema),
    gpu: Type.Optional(QuantitySchema),
  },
  { description: 'The amounts to buy, as quantities.' },
)
export type WantedAmounts = Static<typeof WantedAmountsSchema>

export const VERDICTS = ['taken', 'fits', 'rejected'] as const

export const ConsideredSchema = open(
  {
    flavorID: Type.String(),
    providerID: Type.String(),
    domain: Type.Optional(Type.String()),
    verdict: oneOf(VERDICTS),
    reason: Type.String({ description: 'A stable code.' }),
    detail: Type.Optional(Type.String()),
    numbers: Type.Optional(Type.Record(Type.String(), Type.String())),
    score: Type.Optional(Type.Number()),
    scores: Type.Optional(Type.Record(Type.String(), Type.Number())),
  },
  { description: 'Why an offer was taken or not.' },
)
export type Considered = Static<typeof ConsideredSchema>

export const SolverSpecSchema = open({
  intentID: Type.String({ description: 'The intent that this solver works for.' }),
  selector: Type.Optional(SelectorSchema),
  findCandidate: Type.Optional(Type.Boolean()),
  reserveAndBuy: Type.Optional(Type.Boolean()),
  establishPeering: Type.Optional(Type.Boolean()),
  request: Type.Optional(WantedAmountsSchema),
  requirements: Type.Optional(RequirementsSchema),
  weights: Type.Optional(RankingWeightsSchema),
  duration: Type.Optional(
    Type.String({
      pattern: DURATION_PATTERN,
      description: 'How long the contract shall last, for example 24h.',
    }),
  ),
  terms: Type.Optional(PlanTermsSchema),
  reserveOnly: Type.Optional(Type.Boolean({ description: 'Stop after RESERVE; somebody else will buy.' })),
})
export type SolverSpec = Static<typeof SolverSpecSchema>

/** Values of `status.solverPhase.phase` that we write; upstream's tools know others. */
export const SOLVER_PHASES = ['Running', 'Solved', 'Failed'] as const
export type SolverPhase = (typeof SOLVER_PHASES)[number]

export const SolverStatusSchema = open({
  findCandidate: Type.Optional(Type.String()),
  reserveAndBuy: Type.Optional(Type.String()),
  peering: Type.Optional(Type.String()),
  discoveryPhase: Type.Optional(Type.String()),
  reservationPhase: Type.Optional(Type.String()),
  consumePhase: Type.Optional(Type.String()),
  solverPhase: Type.Optional(PhaseStatusSchema),
  peeringCandidate: Type.Optional(GenericRefSchema),
  allocation: Type.Optional(GenericRefSchema),
  considered: Type.Optional(Type.Array(ConsideredSchema)),
  reservation: Type.Optional(GenericRefSchema),
  attempts: Type.Optional(Type.Integer({ description: 'How many offers were tried.' })),
  contract: Type.Optional(GenericRefSchema),
  virtualNode: Type.Optional(GenericRefSchema),
  conditions: Type.Optional(Type.Array(ConditionSchema)),
})
export type SolverStatus = Static<typeof SolverStatusSchema>

export interface Solver extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: SolverSpec
  readonly status?: SolverStatus
}

/** Label of solvers: the intent that they work for, as far as a label can say it. */
export const INTENT_LABEL = 'tributary.io/intent'

/** @returns whether a solver was made for an intent, and not by hand */
export function isOfAnIntent({ metadata }: Pick<Solver, 'metadata'>): boolean {
  return metadata.labels?.[INTENT_LABEL] !== undefined
}

const description = 'A solver: one acquisition, from looking for an offer to the virtual node.'

/** Keeps a Solver until what was acquired for it is given back. Who makes one puts it on at once, which saves a write. */
export const SOLVER_FINALIZER = 'tributary.io/acquisition'

export const SolverKind: KindDefinition<Solver> = {
  ...NODECORE,
  kind: 'Solver',
  plural: 'solvers',
  singular: 'solver',
  shortNames: ['sol'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'nodecore.fluidos.eu/v1alpha1', kind: 'Solver' },
    SolverSpecSchema,
    SolverStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: {
    by: 'user',
    reserved: [
      {
        what: 'the spec of a Solver that the node made for an Intent',
        instead: 'make one of your own, or change the Intent',
        touches: (change) => {
          const { before, after } = change
          if (after === undefined) return false
          const isMade = before?.metadata.labels?.[INTENT_LABEL] !== undefined
          return (
            touchesNames(change, [INTENT_LABEL]) || (isMade && !isDeepStrictEqual(before.spec, after.spec))
          )
        },
      },
    ],
  },
  retention: { mode: 'component', by: 'Node Orchestrator', until: 'its intent is gone or needs it no more' },
  selectableFields: ['spec.intentID', 'status.contract.name', 'status.solverPhase.phase'],
  columns: [
    { name: 'Intent', path: 'spec.intentID' },
    { name: 'Candidate', path: 'status.findCandidate', wide: true },
    { name: 'Reserve and buy', path: 'status.reserveAndBuy', wide: true },
    { name: 'Peering', path: 'status.peering', wide: true },
    { name: 'Contract', path: 'status.contract.name' },
    { name: 'Virtual node', path: 'status.virtualNode.name', wide: true },
    { name: 'Status', path: 'status.solverPhase.phase' },
    { name: 'Message', path: 'status.solverPhase.message' },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
