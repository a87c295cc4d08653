/**
 * From what a client sent to what may be stored: defaults, unknown fields, validation, admission.
 */
import { randomHex } from '../kernel/system.ts'
import type { KindDefinition } from '../objects/kind.ts'
import type { KubeObject, MetadataInput } from '../objects/meta.ts'
import { isNodeFinalizer } from '../objects/writable.ts'
import type { ApiContext } from './context.ts'
import { isObject, type JsonObject, omit, sameJson } from '../kernel/json.ts'
import type { Resource } from './resources.ts'
import { ApiError, asApiError, conflict, invalid, MODIFIED, type Target } from './status.ts'
import type { FieldCause } from '../kernel/validation/field-cause.ts'
import { checkChange } from './access/check-change.ts'
import { checkFields, SERVER_METADATA } from '../kernel/validation/unknown-fields.ts'
import { metadataCauses } from './validate-metadata.ts'
import { schemaCauses } from '../kernel/validation/schema-causes.ts'

/** The query parameters of a write. */
export interface WriteOptions {
  /** Do everything but store. */
  readonly dryRun: boolean
  /** What to do about unknown fields. */
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore'
}

/** @throws ApiError `BadRequest` */
export function parseWriteOptions(query: URLSearchParams): WriteOptions {
  const dryRun = query.getAll('dryRun').filter((value) => value !== '')
  if (dryRun.some((value) => value !== 'All'))
    throw new ApiError('BadRequest', 'dryRun: only "All" is supported')
  const fieldValidation = query.get('fieldValidation') || 'Warn'
  if (fieldValidation !== 'Strict' && fieldValidation !== 'Warn' && fieldValidation !== 'Ignore') {
    throw new ApiError('BadRequest', 'fieldValidation: must be Ignore, Warn or Strict')
  }
  return { dryRun: dryRun.length > 0, fieldValidation }
}

/** An object ready to be stored, and what its author should know. */
export interface Prepared {
  readonly object: JsonObject & { readonly metadata: MetadataInput }
  readonly warnings: readonly string[]
}

/**
 * @param namespace of the request's path
 * @throws ApiError `BadRequest`, `Invalid`
 */
export async function prepareNew(
  context: ApiContext,
  resource: Resource,
  body: unknown,
  namespace: string | undefined,
  options: WriteOptions,
): Promise<Prepared> {
  const { kind } = resource
  const sent = withoutNulls(objectOf(body))
  checkType(resource, sent)
  const { value, warnings } = checkUnknown(resource, sent, options)
  const given = metadataOf(value)
  const metadata: JsonObject = withNodeFinalizers(omit(given, ...SERVER_METADATA), undefined)
  if (kind.namespaced) metadata['namespace'] = checkNamespace(given['namespace'], namespace)
  else delete metadata['namespace']
  if (!metadata['name'] && typeof metadata['generateName'] === 'string' && metadata['generateName'] !== '') {
    metadata['name'] = generatedName(context, metadata['generateName'])
  }
  const written: JsonObject = { ...value, apiVersion: resource.apiVersion, kind: kind.kind, metadata }
  const object: JsonObject = { ...(kind.normalize?.(written) ?? written) }
  if (kind.statusSubresource) delete object['status']
  const target: Target = { kind, name: String(metadata['name'] ?? metadata['generateName'] ?? '') }
  const causes = [...metadataCauses(kind, metadata), ...objectCauses(kind, object, undefined)]
  if (causes.length > 0) throw invalid(target, causes)
  checkChange(target, { before: undefined, after: object as unknown as KubeObject })
  const admitted = await admit(context, target, object, 'CREATE')
  return { object: admitted as Prepared['object'], warnings }
}

/**
 * @param current as it is stored
 * @param body as the client wants it, whole
 * @param subresource `status`: everything else of `body` is ignored
 * @throws ApiError `BadRequest`, `Conflict`, `Invalid`
 */
export async function prepareUpdate(
  context: ApiContext,
  resource: Resource,
  current: KubeObject,
  body: unknown,
  options: WriteOptions,
  subresource: 'status' | undefined,
): Promise<Prepared> {
  const { kind } = resource
  const target: Target = { kind, name: current.metadata.name }
  const sent = withoutNulls(objectOf(body))
  checkType(resource, sent)
  const { value, warnings } = checkUnknown(resource, sent, options)
  const given = metadataOf(value)
  checkIdentity(target, current, given)
  if (kind.namespaced) checkNamespace(given['namespace'], current.metadata.namespace)

  const stored = current as unknown as JsonObject & { readonly metadata: KubeObject['metadata'] }
  const withStatus = (object: JsonObject, status: unknown): JsonObject =>
    status === undefined ? omit(object, 'status') : { ...object, status }

  if (subresource === 'status') {
    const object = withStatus(stored, value['status'])
    const causes = schemaCauses(kind, object).filter(({ field }) => isBelow(field, 'status'))
    if (causes.length > 0) throw invalid(target, causes)
    return { object: object as Prepared['object'], warnings }
  }

  const own = stored.metadata as unknown as JsonObject
  const metadata: JsonObject = { ...omit(given, ...SERVER_METADATA) }
  for (const field of ['name', 'namespace', ...SERVER_METADATA]) {
    if (Object.hasOwn(own, field)) metadata[field] = own[field]
  }
  const written: JsonObject = { ...value, apiVersion: resource.apiVersion, kind: kind.kind, metadata }
  const wanted: JsonObject = { ...(kind.normalize?.(written) ?? written) }
  const object = withStatus(wanted, kind.statusSubresource ? stored['status'] : value['status'])
  const wrong = metadataCauses(kind, metadata)
  if (wrong.length > 0) throw invalid(target, wrong)
  const faults = schemaCauses(kind, object).filter(
    ({ field }) => !(kind.statusSubresource && isBelow(field, 'status')),
  )
  if (faults.length > 0) throw invalid(target, faults)
  // Before what the kind complains about: that it is not his tells the user more.
  checkChange(target, { before: current, after: object as unknown as KubeObject })
  const complaints = kind.complaints?.(object as unknown as KubeObject, current) ?? []
  if (complaints.length > 0) throw invalid(target, complaints)
  // What has not changed was admitted before; rules may have become stricter since.
  const unchanged = sameJson(omit(object, 'metadata', 'status'), omit(stored, 'metadata', 'status'))
  const admitted = unchanged ? object : await admit(context, target, object, 'UPDATE')
  return { object: admitted as Prepared['object'], warnings }
}

/** What the schema says against an object and, where it says nothing, what else the kind does. */
function objectCauses(
  kind: KindDefinition,
  object: JsonObject,
  before: KubeObject | undefined,
): readonly FieldCause[] {
  const causes = schemaCauses(kind, object)
  return causes.length > 0 ? causes : (kind.complaints?.(object as unknown as KubeObject, before) ?? [])
}

/**
 * The node's own finalizers are as they are stored, whatever a client says that writes whole objects: `kubectl
 * replace` and restored backups would else lose them, or bring some that nobody takes off.
 * @param current undefined for a new object
 */
export function withNodeFinalizers(metadata: JsonObject, current: KubeObject | undefined): JsonObject {
  const { finalizers } = metadata
  // What is no list is for the validation to refuse.
  if (finalizers !== undefined && finalizers !== null && !Array.isArray(finalizers)) return metadata
  const others = ((finalizers ?? []) as readonly unknown[]).filter((each) => !isNodeFinalizer(each))
  const own = (current?.metadata.finalizers ?? []).filter(isNodeFinalizer)
  if (own.length + others.length === 0) return omit(metadata, 'finalizers')
  return { ...metadata, finalizers: [...own, ...others] }
}

function objectOf(body: unknown): JsonObject {
  if (isObject(body)) return body
  throw new ApiError('BadRequest', 'the body is not an object')
}

function metadataOf(object: JsonObject): JsonObject {
  const metadata = object['metadata'] ?? {}
  if (!isObject(metadata)) throw new ApiError('BadRequest', 'metadata is not an object')
  return metadata
}

/** Manifests made by tools are full of `status: null` and `creationTimestamp: null`, which mean nothing. */
function withoutNulls(object: JsonObject): JsonObject {
  const drop = (value: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null))
  const result = drop(object)
  return isObject(result['metadata']) ? { ...result, metadata: drop(result['metadata']) } : result
}

function checkType({ apiVersion, kind }: Resource, object: JsonObject): void {
  for (const [field, expected] of [
    ['apiVersion', apiVersion],
    ['kind', kind.kind],
  ] as const) {
    const given = object[field]
    if (given !== undefined && given !== expected) {
      throw new ApiError(
        'BadRequest',
        `${field} in the data (${JSON.stringify(given)}) does not match the expected one (${expected})`,
      )
    }
  }
}

function checkNamespace(given: unknown, expected: string | undefined): string | undefined {
  if (given !== undefined && given !== '' && given !== expected) {
    throw new ApiError(
      'BadRequest',
      `the namespace of the provided object (${JSON.stringify(given)}) does not match the namespace sent on the request (${expected})`,
    )
  }
  return expected
}

function checkIdentity(target: Target, current: KubeObject, given: JsonObject): void {
  const { name, uid, resourceVersion } = current.metadata
  if (given['name'] !== undefined && given['name'] !== name) {
    throw new ApiError(
      'BadRequest',
      `the name of the object (${JSON.stringify(given['name'])}) does not match the name on the URL (${name})`,
    )
  }
  if (given['uid'] !== undefined && given['uid'] !== '' && given['uid'] !== uid) {
    throw conflict(
      target,
      `Precondition failed: UID in precondition: ${String(given['uid'])}, UID in object meta: ${uid}`,
    )
  }
  const version = given['resourceVersion']
  if (version !== undefined && version !== '' && version !== resourceVersion) {
    throw conflict(target, MODIFIED)
  }
}

function checkUnknown(
  { kind, builtIn }: Resource,
  object: JsonObject,
  { fieldValidation }: WriteOptions,
): { readonly value: JsonObject; readonly warnings: readonly string[] } {
  const { value, unknown } = checkFields(kind.schema, object, {
    // Of Kubernetes' own kinds our schemas name only what we use.
    misspellings: !builtIn,
  })
  const text = ({ path, suggestion }: (typeof unknown)[number]): string =>
    `unknown field "${path}"${suggestion === undefined ? '' : ` (did you mean "${suggestion}"?)`}`
  const dropped = unknown.filter((field) => field.dropped)
  if (fieldValidation === 'Strict' && dropped.length > 0) {
    throw new ApiError(
      'BadRequest',
      `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${dropped.map(text).join(', ')}`,
    )
  }
  return { value, warnings: fieldValidation === 'Ignore' ? [] : unknown.slice(0, 20).map(text) }
}

function isBelow(field: string, prefix: string): boolean {
  return field === prefix || field.startsWith(`${prefix}.`) || field.startsWith(`${prefix}[`)
}

function generatedName({ system }: ApiContext, prefix: string): string {
  // Kubernetes' own limit: with five more characters the name fits a DNS label.
  return `${prefix.slice(0, 58)}${randomHex(system.random, 3).slice(0, 5)}`
}

/** @throws ApiError `Invalid` that names the object, where admission names fields */
async function admit(
  { admit: decide }: ApiContext,
  target: Target,
  object: JsonObject,
  operation: 'CREATE' | 'UPDATE',
): Promise<unknown> {
  try {
    return decide ? await decide(target.kind, object, operation) : object
  } catch (error) {
    throw asApiError(error, target)
  }
}
