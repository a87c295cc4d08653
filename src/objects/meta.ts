/**
 * The shape every durable object shares: Kubernetes' own.
 *
 * Pure types and small pure helpers. May be used by everything, uses nothing of ours.
 */
import Type, { type Static, type TSchema } from 'typebox'

/** A link from an object to the one that owns it; when the owner goes, the object goes. */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** What a client may say of an object when it creates one. */
export interface MetadataInput {
  readonly name: string
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
}

/** Metadata of a stored object. The store fills what `MetadataInput` lacks. */
export interface ObjectMetadata extends MetadataInput {
  readonly uid: string
  /** Opaque to clients; ours is the store's revision in decimal digits. */
  readonly resourceVersion: string
  /** Counts changes of anything but metadata and status. */
  readonly generation: number
  /** RFC 3339, UTC. */
  readonly creationTimestamp: string
  /** Set when deletion was asked for and finalizers remain. */
  readonly deletionTimestamp?: string
}

/** Any stored object. Kinds narrow `spec` and `status`. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMetadata
  readonly spec?: unknown
  readonly status?: unknown
}

/** An object as handed to `create`: everything but what the store fills in. */
export type NewObject<T extends KubeObject> = Omit<T, 'metadata' | 'apiVersion' | 'kind'> & {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: MetadataInput
}

/** Where an object is. `namespace` is absent for cluster-scoped kinds. */
export interface ObjectKey {
  readonly namespace?: string
  readonly name: string
}

/** The namespace that objects go to when nobody says otherwise. */
export const DEFAULT_NAMESPACE = 'default'

/** An RFC 1123 subdomain: the form of every object name, at most 253 characters. */
export const NAME_PATTERN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/** @returns whether `name` may name an object (RFC 1123 subdomain, ≤ 253 characters). */
export function isObjectName(name: string): boolean {
  return name.length <= 253 && NAME_PATTERN.test(name)
}

/** @returns the key of `object`. */
export function keyOf(object: { readonly metadata: MetadataInput }): ObjectKey {
  const { namespace, name } = object.metadata
  return namespace === undefined ? { name } : { namespace, name }
}

/** @returns the key of what is called `name` in the namespace that everything of a node itself is in. */
export function inDefaultNamespace(name: string): ObjectKey & { readonly namespace: string } {
  return { namespace: DEFAULT_NAMESPACE, name }
}

/** @returns `namespace/name`, or `name` for a cluster-scoped object; the form used in queues and logs. */
export function keyString(key: ObjectKey): string {
  return key.namespace === undefined ? key.name : `${key.namespace}/${key.name}`
}

/** The inverse of `keyString`. */
export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf('/')
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) }
}

/** @returns a controller owner reference to `owner`. */
export function ownedBy(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  }
}

/** @returns what another object, in any namespace, names `object` by */
export function referenceTo({ apiVersion, kind, metadata }: KubeObject): {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string
} {
  return { apiVersion, kind, name: metadata.name, namespace: metadata.namespace ?? DEFAULT_NAMESPACE }
}

/** @returns the controlling owner of `object`, if it has one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true)
}

/** Schema of `metadata` as clients may send it; unknown members are Kubernetes' own and survive. */
export const MetadataSchema = Type.Object(
  {
    name: Type.Optional(Type.String({ description: 'Unique within its kind and namespace.' })),
    generateName: Type.Optional(Type.String()),
    namespace: Type.Optional(Type.String()),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
    finalizers: Type.Optional(Type.Array(Type.String())),
  },
  { description: "Kubernetes' object metadata." },
)

/** One condition of a status, with Kubernetes' members and meaning. */
export const ConditionSchema = Type.Object({
  type: Type.String(),
  status: Type.Union([Type.Literal('True'), Type.Literal('False'), Type.Literal('Unknown')]),
  reason: Type.Optional(Type.String()),
  message: Type.Optional(Type.String()),
  lastTransitionTime: Type.Optional(Type.String()),
  observedGeneration: Type.Optional(Type.Integer({ description: 'Of what it was said.' })),
})
export type Condition = Static<typeof ConditionSchema>

/**
 * @param conditions what the status has now
 * @param next the condition to set
 * @param now RFC 3339 time, used only if the condition's status changes
 * @returns the conditions with `next` in place of the one of its type; the very same array if nothing changed
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  next: Omit<Condition, 'lastTransitionTime'>,
  now: string,
): readonly Condition[] {
  const before = conditions?.find((condition) => condition.type === next.type)
  if (
    conditions &&
    before &&
    before.status === next.status &&
    before.reason === next.reason &&
    before.message === next.message &&
    before.observedGeneration === next.observedGeneration
  ) {
    return conditions
  }
  const lastTransitionTime =
    before?.status === next.status && before.lastTransitionTime ? before.lastTransitionTime : now
  const rest = conditions?.filter((condition) => condition.type !== next.type) ?? []
  return [...rest, { ...next, lastTransitionTime }]
}

export type { Static, TSchema }
