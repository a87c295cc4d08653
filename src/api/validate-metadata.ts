/**
 * Validation of an object's metadata: Kubernetes' rules for names, labels, annotations. Pure.
 */
import type { KindDefinition } from '../objects/kind.ts'
import { isObjectName } from '../objects/meta.ts'
import type { FieldCause } from '../kernel/validation/field-cause.ts'
import { isObject, type JsonObject, member } from '../kernel/json.ts'
import { wrong } from '../kernel/validation/schema-causes.ts'

const NAME_RULE =
  'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "-" or ".", and must start and ' +
  'end with an alphanumeric character'
const LABEL_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
/** All annotations together, as in Kubernetes. */
const MAX_ANNOTATIONS = 256 * 1024

/** @returns what is wrong with the metadata of an object about to be stored */
export function metadataCauses(kind: KindDefinition, metadata: JsonObject): readonly FieldCause[] {
  const causes: FieldCause[] = []
  const bad = (field: string, value: unknown, rule: string): void => {
    causes.push(wrong(`metadata.${field}`, value, rule))
  }
  const { name, namespace, labels, annotations, finalizers, ownerReferences } = metadata
  if (typeof name !== 'string' || name === '') {
    causes.push({
      field: 'metadata.name',
      message: 'Required value: name or generateName is required',
      reason: 'FieldValueRequired',
    })
  } else if (!isObjectName(name)) bad('name', name, NAME_RULE)
  if (
    kind.namespaced &&
    (typeof namespace !== 'string' || !isObjectName(namespace) || namespace.length > 63)
  ) {
    bad('namespace', namespace, NAME_RULE)
  }
  for (const [field, map] of [
    ['labels', labels],
    ['annotations', annotations],
  ] as const) {
    if (map === undefined) continue
    if (!isObject(map)) {
      bad(field, map, 'must be a map of strings')
      continue
    }
    for (const [key, value] of Object.entries(map)) {
      if (!isQualifiedName(key))
        bad(field, key, 'name part must consist of alphanumeric characters, "-", "_" or "."')
      if (typeof value !== 'string') bad(`${field}.${key}`, value, 'must be string')
      else if (field === 'labels' && value !== '' && !LABEL_NAME.test(value)) {
        bad(field, value, 'a label value must have at most 63 characters, be alphanumeric, "-", "_" or "."')
      }
    }
  }
  if (isObject(annotations)) {
    const size = Object.entries(annotations).reduce(
      (sum, [key, value]) => sum + key.length + String(value).length,
      0,
    )
    if (size > MAX_ANNOTATIONS) {
      causes.push({
        field: 'metadata.annotations',
        message: `Too long: may not be more than ${MAX_ANNOTATIONS} bytes`,
        reason: 'FieldValueTooLong',
      })
    }
  }
  if (
    finalizers !== undefined &&
    !(Array.isArray(finalizers) && finalizers.every((item) => typeof item === 'string'))
  ) {
    bad('finalizers', finalizers, 'must be a list of strings')
  }
  if (
    ownerReferences !== undefined &&
    !(Array.isArray(ownerReferences) && ownerReferences.every(isOwnerReference))
  ) {
    bad('ownerReferences', ownerReferences, 'must be a list with apiVersion, kind, name and uid in each')
  }
  return causes
}

function isQualifiedName(key: string): boolean {
  const [prefix, name, ...rest] = key.includes('/') ? key.split('/') : [undefined, key]
  return rest.length === 0 && (prefix === undefined || isObjectName(prefix)) && LABEL_NAME.test(name ?? '')
}

function isOwnerReference(value: unknown): boolean {
  return ['apiVersion', 'kind', 'name', 'uid'].every((key) => typeof member(value, key) === 'string')
}
