/** Intent: what a user wants run, what it needs, and what matters to them. Entered at the Service Handler. */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from './kind.ts'
import { ConditionSchema, MetadataSchema, type Condition, type KubeObject } from './meta.ts'
import { PlannedPartSchema } from './plan.ts'
import { RequirementsSchema } from './requirements.ts'
import { DURATION_PATTERN } from './schema.ts'
import { RankingWeightsSchema } from './solver.ts'
import { SpendingSchema } from './spending.ts'
import { withTextNumbers } from './unquoted.ts'

const closed = { additionalProperties: false } as const

const ManifestSchema = Type.Object(
  {
    apiVersion: Type.String(),
    kind: Type.String(),
    metadata: Type.Object({}, { additionalProperties: true }),
  },
  { additionalProperties: true, description: 'An ordinary Kubernetes manifest.' },
)

const IntentSpecSchema = Type.Object(
  {
    workload: Type.Optional(
      Type.Array(ManifestSchema, {
        description: 'The manifests to run; each Deployment becomes one request.',
      }),
    ),
    workloadRef: Type.Optional(
      Type.Object(
        { apiVersion: Type.String(), kind: Type.String(), name: Type.String() },
        { ...closed, description: 'A workload that is already in the cluster, instead of `workload`.' },
      ),
    ),
    requirements: Type.Optional(RequirementsSchema),
    weights: Type.Optional(RankingWeightsSchema),
    placement: Type.Optional(
      Type.Union([Type.Literal('Any'), Type.Literal('Local'), Type.Literal('Remote')], {
        description:
          'Where it may run: anywhere (own resources first), only here, or only on bought resources.',
        default: 'Any',
      }),
    ),
    onFailure: Type.Optional(
      Type.Union([Type.Literal('Replace'), Type.Literal('Keep'), Type.Literal('Stop')], {
        description: 'What to do when the provider breaks its promise. Keep is the careful default.',
        default: 'Keep',
      }),
    ),
    duration: Type.Optional(
      Type.String({
        pattern: DURATION_PATTERN,
        description: 'How long to buy for, such as 24h.',
        default: '24h',
      }),
    ),
  },
  closed,
)
export type IntentSpec = Static<typeof IntentSpecSchema>

const IntentStatusSchema = Type.Object({
  phase: Type.Optional(
    Type.Union([
      Type.Literal('Pending'),
      Type.Literal('Acquiring'),
      Type.Literal('Deploying'),
      Type.Literal('Running'),
      Type.Literal('Degraded'),
      Type.Literal('Failed'),
      Type.Literal('Deleting'),
    ]),
  ),
  message: Type.Optional(Type.String()),
  traceID: Type.Optional(Type.String()),
  requests: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        workload: Type.String(),
        placement: Type.Optional(Type.String({ description: 'Local, ExistingVirtualNode or Purchase.' })),
        node: Type.Optional(Type.String()),
        solver: Type.Optional(Type.String()),
      }),
    ),
  ),
  nodes: Type.Optional(Type.String({ description: 'Names of the nodes that it runs on, comma-separated.' })),
  endpoints: Type.Optional(
    Type.Array(Type.Object({ name: Type.String(), port: Type.Integer(), url: Type.String() })),
  ),
  url: Type.Optional(Type.String({ description: 'The first of the endpoints.' })),
  plan: Type.Optional(
    Type.Object(
      {
        id: Type.String(),
        met: Type.Boolean({ description: 'It ran once: from then on the plan binds nothing.' }),
        parts: Type.Array(PlannedPartSchema),
      },
      { description: 'What it may be bought at, as a plan showed it.' },
    ),
  ),
  spending: Type.Optional(SpendingSchema),
  conditions: Type.Optional(Type.Array(ConditionSchema)),
  observedGeneration: Type.Optional(Type.Integer()),
  specHash: Type.Optional(
    Type.String({ description: 'Digest of what was placed, to see whether that changed.' }),
  ),
  wish: Type.Optional(Type.String({ description: 'What an earlier version wrote instead of specHash.' })),
})
export type IntentStatus = Static<typeof IntentStatusSchema>
export type IntentPhase = NonNullable<IntentStatus['phase']>

export interface Intent extends KubeObject {
  readonly spec: IntentSpec
  readonly status?: IntentStatus
}

/** The condition that says whether an intent is one, by the rules of the Service Handler. */
export const ACCEPTED = 'Accepted'

/** @returns what the Service Handler said of an intent last */
export function acceptedCondition({ status }: Pick<Intent, 'status'>): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === ACCEPTED)
}

/** @returns whether an intent was found to be right as it is now; nothing may be done for one that was not */
export function isAccepted(intent: Pick<Intent, 'metadata' | 'status'>): boolean {
  const condition = acceptedCondition(intent)
  return condition?.status === 'True' && condition.observedGeneration === intent.metadata.generation
}

/** Keeps an Intent until its workload has stopped and what was bought is given back. */
export const INTENT_FINALIZER = 'tributary.io/intent'

/** @returns what an intent costs until its contracts end, and out of how much: `0.24 of 1 EUR` */
function costText(object: KubeObject): string | undefined {
  const { total, limit } = (object as Intent).status?.spending ?? {}
  if (total === undefined) return undefined
  const [, currency] = limit?.split(' ') ?? []
  return currency === undefined || !total.endsWith(` ${currency}`)
    ? total
    : `${total.slice(0, -currency.length - 1)} of ${limit}`
}

export const IntentKind: KindDefinition<Intent> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'Intent',
  plural: 'intents',
  singular: 'intent',
  shortNames: ['in'],
  namespaced: true,
  description: 'A workload to run, with what it needs; the node finds, buys and uses the resources for it.',
  schema: Type.Object(
    {
      apiVersion: Type.Literal('tributary.io/v1alpha1'),
      kind: Type.Literal('Intent'),
      metadata: MetadataSchema,
      spec: IntentSpecSchema,
      status: Type.Optional(IntentStatusSchema),
    },
    closed,
  ),
  statusSubresource: true,
  normalize: (object) =>
    withTextNumbers(
      object,
      ['spec', 'requirements', 'maxPrice', 'amount'],
      ['spec', 'requirements', 'budget', 'amount'],
    ),
  writable: { by: 'user' },
  retention: { mode: 'kept', why: 'what the user wants' },
  selectableFields: ['status.phase'],
  columns: [
    { name: 'Phase', path: 'status.phase' },
    { name: 'Node', path: 'status.nodes' },
    { name: 'URL', path: 'status.url' },
    { name: 'Price', path: 'status.spending.rate', wide: true },
    { name: 'Cost', path: 'status.spending.total', wide: true, render: costText },
    { name: 'Message', path: 'status.message', wide: true },
  ],
}
