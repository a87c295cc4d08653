/**
 * The parts that upstream's kinds share: identities, prices, places, phases, references.
 *
 * Pure; names are those of upstream's custom resources (the wire has other ones, see `rear/wire`).
 */
import Type, { type Static } from 'typebox'
import {
  AMOUNT_PATTERN,
  anyObject,
  anyValue,
  CURRENCY_PATTERN,
  oneOf,
  open,
  orEmpty,
  PERIOD_PATTERN,
  QUANTITY_PATTERN,
} from './schema.ts'

export const NODECORE = { group: 'nodecore.fluidos.eu', version: 'v1alpha1' } as const
export const ADVERTISEMENT = { group: 'advertisement.fluidos.eu', version: 'v1alpha1' } as const
export const RESERVATION = { group: 'reservation.fluidos.eu', version: 'v1alpha1' } as const
export const NETWORK = { group: 'network.fluidos.eu', version: 'v1alpha1' } as const

/** A Kubernetes quantity as text, for example `500m` or `8Gi`. */
export const QuantitySchema = Type.String({
  description: 'A Kubernetes quantity.',
  pattern: QUANTITY_PATTERN,
  maxLength: 64,
})

export const NodeIdentitySchema = open(
  {
    domain: Type.String(),
    nodeID: Type.String(),
    ip: Type.String({ description: 'Where the node answers: host:port.' }),
    additionalInformation: Type.Optional(
      open({ liqoID: Type.Optional(Type.String()) }, { description: 'What does not identify the node.' }),
    ),
  },
  { description: 'A node as its partners know it.' },
)
export type NodeIdentity = Static<typeof NodeIdentitySchema>

export const PriceSchema = open(
  {
    amount: Type.String({
      pattern: orEmpty(AMOUNT_PATTERN),
      description: 'A decimal number with at most nine decimals; empty when nothing is asked.',
    }),
    currency: Type.String({ pattern: orEmpty(CURRENCY_PATTERN), description: 'For example EUR.' }),
    period: Type.String({
      pattern: orEmpty(PERIOD_PATTERN),
      description: 'What the amount pays for: second, minute, hour, day, week, month or year.',
    }),
    units: Type.Optional(
      Type.Record(Type.String(), Type.String({ pattern: AMOUNT_PATTERN }), {
        description:
          'What one of each resource costs, a GiB of memory or storage; the amount is that of the whole.',
      }),
    ),
  },
  { description: 'What a flavor costs.' },
)

export const LocationSchema = open(
  {
    latitude: Type.Optional(Type.String()),
    longitude: Type.Optional(Type.String()),
    country: Type.Optional(Type.String()),
    city: Type.Optional(Type.String()),
    additionalNotes: Type.Optional(Type.String()),
  },
  { description: 'Where a flavor is.' },
)
export type Location = Static<typeof LocationSchema>

export const FLAVOR_TYPES = ['K8Slice', 'VM', 'Service', 'Sensor'] as const
export type FlavorTypeIdentifier = (typeof FLAVOR_TYPES)[number]

/** How many of a k8slice; quantities are text, as in every custom resource of ours. */
export interface K8SliceConfiguration {
  readonly cpu: string
  readonly memory: string
  readonly pods: string
  readonly gpu?: { readonly model?: string; readonly cores?: string; readonly memory?: string }
  readonly storage?: string
  readonly [unknown: string]: unknown
}

export interface ServiceConfiguration {
  readonly hostingPolicy?: string
  readonly configurationData?: unknown
  readonly [unknown: string]: unknown
}

/** What is reserved of a flavor. */
export type Configuration =
  | { readonly type: 'K8Slice'; readonly data: K8SliceConfiguration }
  | { readonly type: 'Service'; readonly data: ServiceConfiguration }
  | { readonly type: 'VM' | 'Sensor'; readonly data: Readonly<Record<string, unknown>> }

export const ConfigurationSchema = Type.Unsafe<Configuration>(
  open({ type: oneOf(FLAVOR_TYPES), data: anyObject() }, { description: 'What is reserved of a flavor.' }),
)

export const GenericRefSchema = open({
  name: Type.Optional(Type.String()),
  namespace: Type.Optional(Type.String()),
  kind: Type.Optional(Type.String()),
  apiVersion: Type.Optional(Type.String()),
})

export const PhaseStatusSchema = open({
  phase: Type.String(),
  message: Type.Optional(Type.String()),
  startTime: Type.Optional(Type.String()),
  lastChangeTime: Type.Optional(Type.String()),
  endTime: Type.Optional(Type.String()),
})

export const TelemetryServerSchema = open({
  endpoint: Type.String(),
  intents: Type.Optional(Type.Array(Type.String())),
})

export const AmountsSchema = Type.Record(Type.String(), QuantitySchema, {
  description: 'Resource name to quantity: cpu, memory, pods, storage, gpu.',
})

/** The body of a message as it came, kept for its signature. */
export const RawMessageSchema = anyValue({ description: 'The message exactly as received.' })
