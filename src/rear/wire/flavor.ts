/**
 * Flavor on the wire, of all four types. `charateristics` is spelled as upstream spells it.
 *
 * `signature` and `expirationTime` are ours; upstream's nodes ignore them.
 */
import Type, { type Static } from 'typebox'
import { decodeAs, encodeAs } from './codec.ts'
import {
  anyObject,
  anyValue,
  id,
  message,
  omittedText,
  oneOf,
  orNull,
  plainText,
  quantity,
  time,
} from './members.ts'
import { networkAuthorizationsFromWire, WireNetworkAuthorizationsSchema } from './network-intent.ts'
import { WireLocationSchema, WireNodeIdentitySchema, WirePriceSchema } from './node-identity.ts'
import { formatMoney, parseMoney } from '../../quantity/money.ts'
import { sumOf } from '../../quantity/unit-prices.ts'
import { WireError } from './wire-error.ts'

export const WireK8SliceSchema = message(
  {
    charateristics: Type.Object(
      {
        architecture: plainText(),
        cpu: quantity(),
        memory: quantity(),
        pods: quantity(),
        gpu: Type.Optional(
          message({
            model: plainText(),
            cores: quantity({ default: '0' }),
            memory: quantity({ default: '0' }),
          }),
        ),
        storage: Type.Optional(quantity()),
      },
      { 'x-aliases': ['characteristics'] },
    ),
    properties: Type.Object(
      {
        latency: Type.Optional(Type.Number({ 'x-omit-empty': true, description: 'Milliseconds.' })),
        securityStandards: Type.Optional(Type.Array(Type.String(), { 'x-omit-empty': true })),
        carbonFootprint: Type.Optional(
          Type.Object(
            {
              embodied: Type.Number({ default: 0 }),
              operational: orNull<number[]>(Type.Array(Type.Number()), { default: null }),
            },
            { 'x-aliases': ['carbon-footprint'] },
          ),
        ),
        networkAuthorizations: Type.Optional(WireNetworkAuthorizationsSchema),
        additionalProperties: Type.Optional(anyObject({ 'x-omit-empty': true })),
      },
      { default: {} },
    ),
    policies: Type.Object(
      {
        partitionability: Type.Object(
          {
            cpuMin: quantity({ default: '0' }),
            memoryMin: quantity({ default: '0' }),
            podsMin: quantity({ default: '0' }),
            cpuStep: quantity({ default: '0' }),
            memoryStep: quantity({ default: '0' }),
            podsStep: quantity({ default: '0' }),
            gpuMin: Type.Optional(quantity()),
            gpuStep: Type.Optional(quantity()),
            cpuMax: Type.Optional(quantity()),
            memoryMax: Type.Optional(quantity()),
            podsMax: Type.Optional(quantity()),
          },
          {
            default: {
              cpuMin: '0',
              memoryMin: '0',
              podsMin: '0',
              cpuStep: '0',
              memoryStep: '0',
              podsStep: '0',
            },
          },
        ),
      },
      {
        default: {
          partitionability: {
            cpuMin: '0',
            memoryMin: '0',
            podsMin: '0',
            cpuStep: '0',
            memoryStep: '0',
            podsStep: '0',
          },
        },
      },
    ),
  },
  { title: 'K8Slice', description: 'A part of a Kubernetes cluster.' },
)
export type WireK8Slice = Static<typeof WireK8SliceSchema>

export const HOSTING_POLICIES = ['Provider', 'Consumer', 'Shared'] as const

export const WireServiceSchema = message(
  {
    name: plainText(),
    description: plainText(),
    category: plainText(),
    tags: orNull<string[]>(Type.Array(Type.String()), { default: null }),
    hostingPolicies: orNull<(typeof HOSTING_POLICIES)[number][]>(Type.Array(oneOf(HOSTING_POLICIES)), {
      default: null,
    }),
    configurationTemplate: Type.Optional(
      anyValue({ description: "A JSON schema of the service's configuration." }),
    ),
  },
  { title: 'Service', description: 'A managed service.' },
)
export type WireService = Static<typeof WireServiceSchema>

export type WireFlavorType =
  | { name: 'k8slice'; data: WireK8Slice }
  | { name: 'service'; data: WireService }
  | { name: 'vm'; data: Readonly<Record<string, unknown>> }
  | { name: 'sensor'; data: Readonly<Record<string, unknown>> }

export const WireFlavorTypeSchema = Type.Unsafe<WireFlavorType>({
  title: 'FlavorType',
  description: 'What is offered; the form of `data` depends on `name`.',
  'x-discriminator': 'name',
  anyOf: [
    Type.Object({ name: oneOf(['k8slice']), data: WireK8SliceSchema }),
    Type.Object({ name: oneOf(['service']), data: WireServiceSchema }),
    Type.Object({ name: oneOf(['vm']), data: anyObject({ default: {} }) }),
    Type.Object({ name: oneOf(['sensor']), data: anyObject({ default: {} }) }),
  ],
})

/** A node that passed an offer on, and through which it is bought. */
export const WireRelaySchema = message(
  {
    ID: Type.String({ minLength: 1, maxLength: 512 }),
    IP: Type.String({ description: 'Where it answers: host:port.' }),
    domain: Type.String(),
    margin: omittedText({
      pattern: '^([0-9]{1,3}(\\.[0-9]{1,4})?%)?$',
      description: 'What it adds to the price, for example `2.5%`.',
    }),
  },
  { title: 'Relay', description: 'Stands between buyer and owner; nearest to the receiver first.' },
)
export type WireRelay = Static<typeof WireRelaySchema>

export const WireFlavorSchema = message(
  {
    flavorID: id({ 'x-aliases': ['flavourID'] }),
    providerID: Type.String({ minLength: 1, maxLength: 512 }),
    type: WireFlavorTypeSchema,
    networkPropertyType: omittedText(),
    timestamp: time({ default: '0001-01-01T00:00:00Z' }),
    location: Type.Optional(WireLocationSchema),
    price: Type.Unsafe<Static<typeof WirePriceSchema>>({
      ...WirePriceSchema,
      default: { amount: '', currency: '', period: '' },
    }),
    owner: WireNodeIdentitySchema,
    availability: Type.Boolean({ default: false }),
    expirationTime: Type.Optional(
      time({ 'x-omit-empty': true, description: 'Not to be bought after this time.' }),
    ),
    visibility: omittedText({
      description: 'Whom the owner lets see it: internal, listed or public (the default).',
    }),
    signature: omittedText({ description: 'Detached JWS of the owner over the canonical JSON of the rest.' }),
    relays: Type.Optional(Type.Array(WireRelaySchema, { maxItems: 8, 'x-omit-empty': true })),
    catalog: Type.Optional(
      message(
        {
          ID: Type.String(),
          name: Type.Optional(Type.String()),
          seenAt: Type.Optional(Type.String()),
          validUntil: Type.Optional(Type.String()),
          rating: Type.Optional(Type.Number()),
        },
        { description: 'What a catalog says of the offer; not signed by the owner.' },
      ),
    ),
  },
  { title: 'Flavor', description: 'One offer.' },
)
/** A flavor with the wire's names. */
export type WireFlavor = Static<typeof WireFlavorSchema>

/**
 * @param path where the flavor stands in its message, for errors
 * @throws WireError
 */
export function decodeFlavor(json: unknown, path = '$'): WireFlavor {
  const flavor = decodeAs<WireFlavor>(WireFlavorSchema, json, path)
  if (flavor.type.name === 'k8slice') {
    const authorizations = flavor.type.data.properties.networkAuthorizations
    if (authorizations) {
      networkAuthorizationsFromWire(authorizations, `${path}.type.data.properties.networkAuthorizations`)
    }
    checkSum(flavor.price, flavor.type.data, path)
  }
  return flavor
}

/** Upstream's nodes and filters go by the amount, everybody else by the unit prices: they say the same. */
function checkSum({ amount, units }: WireFlavor['price'], slice: WireK8Slice, path: string): void {
  if (units === undefined) return
  const { cpu, memory, pods, storage, gpu } = slice.charateristics
  const whole = {
    ...{ cpu, memory, pods },
    ...(storage === undefined ? {} : { storage }),
    ...(gpu === undefined ? {} : { 'gpu.cores': gpu.cores, 'gpu.memory': gpu.memory }),
  }
  const sum = sumOf(units, whole)
  if (sum === (amount === '' ? 0n : parseMoney(amount))) return
  throw new WireError(
    'bad-price',
    `${path}.price.amount`,
    `is ${amount}, its unit prices sum to ${formatMoney(sum)}`,
  )
}

/** @returns a plain object whose `JSON.stringify` is the exact message. */
export function encodeFlavor(flavor: WireFlavor): WireFlavor {
  return encodeAs(WireFlavorSchema, flavor) as WireFlavor
}

/** A list of flavors, good ones and bad ones apart: one bad offer must not hide the others. */
export interface DecodedFlavors {
  /** `raw` is the flavor exactly as received: what its signature covers, what is passed on. */
  readonly flavors: readonly { readonly flavor: WireFlavor; readonly raw: unknown }[]
  readonly rejected: readonly {
    readonly index: number
    readonly flavorID?: string
    readonly error: WireError
  }[]
}

/**
 * @param json the body of a LIST_FLAVORS answer; null and undefined (204) are empty lists
 * @param limit flavors after this many are not looked at
 * @throws WireError `wrong-type` when it is not a list at all
 */
export function decodeFlavors(json: unknown, limit = 10_000): DecodedFlavors {
  if (json === null || json === undefined) return { flavors: [], rejected: [] }
  if (!Array.isArray(json)) throw new WireError('wrong-type', '$', 'expected a list of flavors')
  const flavors: { flavor: WireFlavor; raw: unknown }[] = []
  const rejected: { index: number; flavorID?: string; error: WireError }[] = []
  for (const [index, raw] of (json as unknown[]).slice(0, limit).entries()) {
    try {
      flavors.push({ flavor: decodeFlavor(raw, `$[${index}]`), raw })
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      const flavorID = (raw as { flavorID?: unknown } | null)?.flavorID
      rejected.push({ index, error, ...(typeof flavorID === 'string' ? { flavorID } : {}) })
    }
  }
  return { flavors, rejected }
}
