/**
 * The rules of the Kubernetes API about a single object: where it is, what only the store may set of it, which
 * changes are allowed. Pure; used by the table.
 */
import { StoreError } from '../kernel/object-store.ts'
import { apiVersionOf, type KindDefinition, resourceOf } from '../objects/kind.ts'
import {
  DEFAULT_NAMESPACE,
  isObjectName,
  type KubeObject,
  type MetadataInput,
  type NewObject,
  type ObjectKey,
  type ObjectMetadata,
} from '../objects/meta.ts'
import { frozenCopy, jsonBytes } from './frozen-copy.ts'
import { sameJson } from '../kernel/json.ts'

/** @returns where the object of this key is stored: default namespace filled in, none for cluster-scoped kinds. */
export function placeOf(kind: KindDefinition, key: ObjectKey): ObjectKey {
  return kind.namespaced
    ? { namespace: key.namespace || DEFAULT_NAMESPACE, name: key.name }
    : { name: key.name }
}

export function tableKeyOf({ namespace = '', name }: ObjectKey): string {
  return `${namespace}\0${name}`
}

export function describe(kind: KindDefinition, { namespace, name }: ObjectKey): string {
  return `${resourceOf(kind)} "${name}"${namespace === undefined ? '' : ` in namespace "${namespace}"`}`
}

export function checkNames(kind: KindDefinition, input: NewObject<KubeObject>): void {
  const { name, namespace } = input.metadata
  for (const [field, value] of [
    ['name', name as unknown],
    ['namespace', namespace || DEFAULT_NAMESPACE],
  ] as const) {
    if (typeof value === 'string' && isObjectName(value)) continue
    throw new StoreError(
      'Invalid',
      `${kind.kind}: metadata.${field}: ${JSON.stringify(value)} is not a lower-case RFC 1123 subdomain`,
    )
  }
  for (const [field, given, expected] of [
    ['apiVersion', input.apiVersion, apiVersionOf(kind)],
    ['kind', input.kind, kind.kind],
  ] as const) {
    if (given !== undefined && given !== expected) {
      throw new StoreError('Invalid', `${resourceOf(kind)}: ${field}: expected ${expected}, got ${given}`)
    }
  }
}

export function checkUnchanged(
  kind: KindDefinition,
  before: KubeObject,
  expected: { readonly uid: string; readonly resourceVersion: string },
): void {
  const { uid, resourceVersion } = before.metadata
  if (expected.uid && expected.uid !== uid) {
    throw new StoreError(
      'Conflict',
      `${describe(kind, before.metadata)}: the uid ${expected.uid} is not that of the stored object, ${uid}`,
    )
  }
  if (!expected.resourceVersion) {
    throw new StoreError(
      'Invalid',
      `${describe(kind, before.metadata)}: metadata.resourceVersion: must be specified`,
    )
  }
  if (expected.resourceVersion !== resourceVersion) {
    throw new StoreError(
      'Conflict',
      `${describe(kind, before.metadata)} has been modified: version ${expected.resourceVersion} is not the latest, ${resourceVersion}`,
    )
  }
}

/** Kubernetes' rule: an object on its way out takes no new finalizers. */
export function checkFinalizers(kind: KindDefinition, before: KubeObject, after: KubeObject): void {
  if (before.metadata.deletionTimestamp === undefined) return
  const known = before.metadata.finalizers ?? []
  const added = (after.metadata.finalizers ?? []).filter((finalizer) => !known.includes(finalizer))
  if (added.length > 0) {
    throw new StoreError(
      'Invalid',
      `${describe(kind, before.metadata)}: metadata.finalizers: ${added.join(', ')} cannot be added while it is being deleted`,
    )
  }
}

export function hasFinalizers(object: KubeObject): boolean {
  return (object.metadata.finalizers?.length ?? 0) > 0
}

export function withMetadata(object: KubeObject, metadata: Partial<ObjectMetadata>): KubeObject {
  return frozenCopy({ ...object, metadata: { ...object.metadata, ...metadata } })
}

/** @returns the metadata without what only the store may set. */
export function withoutStoreFields(metadata: MetadataInput): MetadataInput {
  const {
    uid: _uid,
    resourceVersion: _resourceVersion,
    generation: _generation,
    creationTimestamp: _creationTimestamp,
    deletionTimestamp: _deletionTimestamp,
    namespace: _namespace,
    ...rest
  } = metadata as ObjectMetadata
  return rest
}

/** @returns everything of an object but its metadata and status: a change of it is a new generation. */
export function desiredOf({ metadata: _metadata, status: _status, ...desired }: KubeObject): object {
  return desired
}

export function sameMetadata(a: ObjectMetadata, b: ObjectMetadata): boolean {
  const normal = ({ resourceVersion: _version, ...metadata }: ObjectMetadata): object =>
    // Absent and empty mean the same in Kubernetes' metadata.
    Object.fromEntries(
      Object.entries(metadata).filter(
        ([, value]: [string, unknown]) =>
          typeof value !== 'object' || value === null || Object.keys(value).length > 0,
      ),
    )
  return sameJson(normal(a), normal(b))
}

/**
 * An object that is too large already, from a time with another limit, may be changed as long as it does not grow.
 * @throws StoreError `TooLarge`
 */
export function checkSize(
  kind: KindDefinition,
  before: KubeObject | undefined,
  after: KubeObject,
  limit: number,
): void {
  const bytes = jsonBytes(after)
  if (bytes <= limit || (before !== undefined && bytes <= jsonBytes(before))) return
  throw new StoreError(
    'TooLarge',
    `${describe(kind, after.metadata)} would have ${bytes} bytes, more than the ${limit} that an object may have`,
  )
}
