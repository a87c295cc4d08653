/**
 * The ConfigMaps and Secrets that a pod sees: those of its namespace or, for a pod run for another node, what its
 * buyer sent with it.
 */
import type { ObjectStore } from '../../kernel/object-store.ts'
import { type ConfigMap, ConfigMapKind } from '../../objects/core/config-map.ts'
import { MOST_CONFIG_BYTES } from '../../objects/core/config-data.ts'
import type { Pod } from '../../objects/core/pod.ts'
import { type Secret, SecretKind } from '../../objects/core/secret.ts'
import { keyOf, type ObjectKey, ownedBy } from '../../objects/meta.ts'
import type { ConfigKind, ConfigReference } from './config-references.ts'
import { ORIGIN_ANNOTATION } from './names.ts'
import type { RemoteConfig } from './pods-protocol.ts'

/** The bytes of each key. */
export type ConfigContent = ReadonlyMap<string, Buffer>

/** @returns undefined when there is none of that name */
export type ConfigSource = (kind: ConfigKind, name: string) => Promise<ConfigContent | undefined>

/** Type of the Secret in which a provider keeps, encrypted, what came with one pod; it goes with the pod. */
const PARCEL_TYPE = 'tributary.io/pod-config'
const PARCEL = 'parcel'

/** @returns what the pod sees when it asks */
export function configSource(store: ObjectStore, pod: Pod): ConfigSource {
  if (pod.metadata.annotations?.[ORIGIN_ANNOTATION] === undefined) {
    const namespace = pod.metadata.namespace ?? 'default'
    return async (kind, name) => contentOf(await readConfig(store, kind, { namespace, name }))
  }
  return async (kind, name) => {
    const stored = await store.get(SecretKind, keyOf(pod))
    const parcel = stored?.type === PARCEL_TYPE ? stored.data?.[PARCEL] : undefined
    if (parcel === undefined) return undefined
    const all = JSON.parse(Buffer.from(parcel, 'base64').toString()) as readonly RemoteConfig[]
    const found = all.find((each) => each.kind === kind && each.name === name)
    return found && decoded(found.data)
  }
}

/** Buyer: what of its own a pod needs at its provider. @returns the parcel, and what is needed and not there */
export async function packConfig(
  store: ObjectStore,
  namespace: string,
  references: readonly ConfigReference[],
): Promise<{ readonly parcel: readonly RemoteConfig[]; readonly missing: readonly ConfigReference[] }> {
  const parcel: RemoteConfig[] = []
  const missing: ConfigReference[] = []
  for (const reference of references) {
    const { kind, name, optional } = reference
    const content = contentOf(await readConfig(store, kind, { namespace, name }))
    if (content !== undefined) {
      const data = Array.from(content, ([key, bytes]) => [key, bytes.toString('base64')] as const)
      parcel.push({ kind, name, data: Object.fromEntries(data) })
    } else if (!optional) missing.push(reference)
  }
  return { parcel, missing }
}

/** Provider: @returns how many bytes a parcel holds */
export function parcelBytes(parcel: readonly RemoteConfig[]): number {
  return parcel.reduce(
    (sum, { data }) => sum + Object.values(data).reduce((bytes, value) => bytes + value.length, 0) * 0.75,
    0,
  )
}

export const MOST_PARCEL_BYTES = MOST_CONFIG_BYTES

/** Provider: keeps what came with a pod until the pod is gone. Repeatable. */
export async function keepParcel(
  store: ObjectStore,
  pod: Pod,
  parcel: readonly RemoteConfig[],
): Promise<void> {
  const key = keyOf(pod)
  const stored = await store.get(SecretKind, key)
  if (stored?.metadata.ownerReferences?.[0]?.uid === pod.metadata.uid) return
  if (stored !== undefined) await store.delete(SecretKind, key)
  if (parcel.length === 0) return
  await store.create(SecretKind, {
    metadata: { ...key, ownerReferences: [ownedBy(pod)] },
    type: PARCEL_TYPE,
    data: { [PARCEL]: Buffer.from(JSON.stringify(parcel)).toString('base64') },
  })
}

function readConfig(
  store: ObjectStore,
  kind: ConfigKind,
  key: ObjectKey,
): Promise<ConfigMap | Secret | undefined> {
  return kind === 'Secret' ? store.get(SecretKind, key) : store.get(ConfigMapKind, key)
}

function contentOf(object: ConfigMap | Secret | undefined): ConfigContent | undefined {
  if (object === undefined) return undefined
  if (object.kind === SecretKind.kind) return decoded(object.data ?? {})
  const { data = {}, binaryData = {} } = object as ConfigMap
  const texts = Object.entries(data).map(([key, text]) => [key, Buffer.from(text)] as const)
  return new Map([...texts, ...decoded(binaryData)])
}

function decoded(data: Readonly<Record<string, string>>): ConfigContent {
  return new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64')]))
}
