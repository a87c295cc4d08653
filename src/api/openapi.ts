/**
 * OpenAPI v3 documents, one per group and version: what `kubectl explain` reads, and what tells
 * `kubectl` that the server checks fields and knows dry runs.
 */
import { createHash } from 'node:crypto'
import { isObject, type JsonObject } from '../kernel/json.ts'
import { plainSchema } from './plain-schema.ts'
import { JSON_PATCH, MERGE_PATCH } from './patch/index.ts'
import { type Resource, type Resources, subresourceVerbs, type Verb } from './resources.ts'

/** Documents by their path below `/openapi/v3/`, for example `apis/tributary.io/v1alpha1`. */
export interface OpenApi {
  /** `/openapi/v3`: where the documents are */
  readonly index: JsonObject
  readonly documents: ReadonlyMap<string, string>
}

/** @param version of the program */
export function createOpenApi(resources: Resources, version: string): OpenApi {
  const documents = new Map<string, string>()
  const paths: JsonObject = {}
  for (const [apiVersion, served] of resources.byApiVersion) {
    const path = rootOf(apiVersion).slice(1)
    const text = JSON.stringify(documentOf(apiVersion, served, version))
    documents.set(path, text)
    const hash = createHash('sha256').update(text).digest('hex').toUpperCase()
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }
  }
  return { index: { paths }, documents }
}

function rootOf(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'

function documentOf(apiVersion: string, served: readonly Resource[], version: string): JsonObject {
  const paths: JsonObject = {}
  const schemas: JsonObject = { ...META_SCHEMAS }
  for (const resource of served) {
    Object.assign(paths, pathsOf(resource))
    Object.assign(schemas, schemasOf(resource))
  }
  return {
    openapi: '3.0.0',
    info: { title: `Tributary ${apiVersion}`, version },
    paths,
    components: { schemas },
  }
}

function schemaName({ kind }: Resource): string {
  const group = kind.group === '' ? 'io.k8s.api.core' : kind.group.split('.').reverse().join('.')
  return `${group}.${kind.version}.${kind.kind}`
}

function gvkOf({ kind }: Resource): JsonObject {
  return { group: kind.group, kind: kind.kind, version: kind.version }
}

function schemasOf(resource: Resource): JsonObject {
  const { kind } = resource
  const schema = plainSchema(kind.schema)
  const properties = isObject(schema['properties']) ? schema['properties'] : {}
  const required = (schema['required'] as readonly string[] | undefined) ?? []
  const listName = `${schemaName(resource)}List`
  return {
    [schemaName(resource)]: {
      ...schema,
      type: 'object',
      description: kind.description,
      // The envelope is filled in by the server if need be.
      required: required.filter((name) => !['apiVersion', 'kind', 'metadata'].includes(name)),
      properties: {
        ...properties,
        apiVersion: {
          type: 'string',
          description: 'Group and version of this representation of the object.',
        },
        kind: { type: 'string', description: 'The kind of the object, in CamelCase.' },
        metadata: {
          description: "Name, namespace, labels and what else Kubernetes' objects have in common.",
          allOf: [reference(`${META}.ObjectMeta`)],
        },
      },
      'x-kubernetes-group-version-kind': [gvkOf(resource)],
    },
    [listName]: {
      type: 'object',
      description: `A list of ${kind.kind} objects.`,
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { allOf: [reference(`${META}.ListMeta`)] },
        items: { type: 'array', items: { allOf: [reference(schemaName(resource))] } },
      },
      'x-kubernetes-group-version-kind': [{ ...gvkOf(resource), kind: `${kind.kind}List` }],
    },
  }
}

function reference(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` }
}

function pathsOf(resource: Resource): JsonObject {
  const { kind, verbs } = resource
  const root = rootOf(resource.apiVersion)
  const collection = kind.namespaced
    ? `${root}/namespaces/{namespace}/${kind.plural}`
    : `${root}/${kind.plural}`
  const item = `${collection}/{name}`
  const inNamespace = kind.namespaced ? [pathParameter('namespace')] : []
  const ifServed = (
    verb: Verb,
    served: readonly Verb[],
    method: string,
    make: () => JsonObject,
  ): JsonObject => (served.includes(verb) ? { [method]: make() } : {})
  const operation = (
    action: string,
    parameters: readonly JsonObject[],
    more: JsonObject = {},
  ): JsonObject => ({
    operationId: `${action}${kind.namespaced ? 'Namespaced' : ''}${kind.kind}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvkOf(resource),
    parameters,
    responses: {
      200: {
        description: 'OK',
        content: { 'application/json': { schema: reference(schemaName(resource)) } },
      },
    },
    ...more,
  })
  const body = { requestBody: { content: contentOf(['application/json', 'application/yaml'], resource) } }
  const patchBody = { requestBody: { content: contentOf([JSON_PATCH, MERGE_PATCH], resource) } }
  const paths: JsonObject = {
    [collection]: {
      parameters: inNamespace,
      get: operation('list', LIST_PARAMETERS),
      ...ifServed('create', verbs, 'post', () => operation('post', WRITE_PARAMETERS, body)),
      ...ifServed('deletecollection', verbs, 'delete', () => operation('deletecollection', LIST_PARAMETERS)),
    },
    [item]: {
      parameters: [...inNamespace, pathParameter('name')],
      get: operation('get', []),
      ...ifServed('update', verbs, 'put', () => operation('put', WRITE_PARAMETERS, body)),
      ...ifServed('patch', verbs, 'patch', () => operation('patch', WRITE_PARAMETERS, patchBody)),
      ...ifServed('delete', verbs, 'delete', () => operation('delete', [WRITE_PARAMETERS[0]!])),
    },
  }
  if (kind.namespaced) paths[`${root}/${kind.plural}`] = { get: operation('list', LIST_PARAMETERS) }
  if (resource.subresources.includes('status')) {
    const served = subresourceVerbs(resource, 'status')
    paths[`${item}/status`] = {
      parameters: [...inNamespace, pathParameter('name')],
      get: operation('get', []),
      ...ifServed('update', served, 'put', () => operation('put', WRITE_PARAMETERS, body)),
      ...ifServed('patch', served, 'patch', () => operation('patch', WRITE_PARAMETERS, patchBody)),
    }
  }
  return paths
}

function contentOf(types: readonly string[], resource: Resource): JsonObject {
  return Object.fromEntries(types.map((type) => [type, { schema: reference(schemaName(resource)) }]))
}

function pathParameter(name: string): JsonObject {
  return { name, in: 'path', required: true, schema: { type: 'string' } }
}

function queryParameter(name: string, description: string, type = 'string'): JsonObject {
  return { name, in: 'query', description, schema: { type, uniqueItems: true } }
}

const WRITE_PARAMETERS: readonly JsonObject[] = [
  queryParameter('dryRun', 'All: everything is done but the storing.'),
  queryParameter('fieldManager', 'Accepted and ignored.'),
  queryParameter('fieldValidation', 'What to do about unknown fields: Ignore, Warn or Strict.'),
]

const LIST_PARAMETERS: readonly JsonObject[] = [
  queryParameter('labelSelector', 'Only objects whose labels fit.'),
  queryParameter('fieldSelector', 'Only objects whose fields fit.'),
  queryParameter('limit', 'At most so many objects; the rest by `continue`.', 'integer'),
  queryParameter('continue', 'The token of the page before.'),
  queryParameter('watch', 'Changes instead of a list.', 'boolean'),
  queryParameter('resourceVersion', 'Where a watch starts.'),
  queryParameter('timeoutSeconds', 'When a watch ends.', 'integer'),
]

const text = (description: string): JsonObject => ({ type: 'string', description })
const map = (description: string): JsonObject => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string' },
})

const META_SCHEMAS: JsonObject = {
  [`${META}.ObjectMeta`]: {
    type: 'object',
    description: 'What all objects have in common.',
    properties: {
      name: text('Unique within its kind and namespace; cannot be changed.'),
      generateName: text('A prefix from which the server makes a unique name, if no name is given.'),
      namespace: text('The space within which the name is unique.'),
      labels: map('Keys and values by which objects are selected.'),
      annotations: map('Keys and values that tools keep with the object.'),
      finalizers: {
        type: 'array',
        items: { type: 'string' },
        description: 'Who still has something to do before the object may go.',
      },
      ownerReferences: {
        type: 'array',
        items: { allOf: [reference(`${META}.OwnerReference`)] },
        description: 'Objects that this one depends on; when all of them are gone it goes, too.',
      },
      uid: text('Unique in time and space; set by the server.'),
      resourceVersion: text('The version of the object; opaque.'),
      generation: { type: 'integer', format: 'int64', description: 'Counts changes of what is wanted.' },
      creationTimestamp: { ...text('When the object was created.'), format: 'date-time' },
      deletionTimestamp: { ...text('When deletion was asked for.'), format: 'date-time' },
    },
  },
  [`${META}.OwnerReference`]: {
    type: 'object',
    description: 'An owner of an object.',
    required: ['apiVersion', 'kind', 'name', 'uid'],
    properties: {
      apiVersion: text('API version of the owner.'),
      kind: text('Kind of the owner.'),
      name: text('Name of the owner.'),
      uid: text('UID of the owner.'),
      controller: { type: 'boolean', description: 'Whether this owner manages the object.' },
      blockOwnerDeletion: { type: 'boolean', description: 'Whether the owner waits for the object.' },
    },
  },
  [`${META}.ListMeta`]: {
    type: 'object',
    description: 'What all lists have in common.',
    properties: {
      resourceVersion: text('Where to start a watch that misses nothing.'),
      continue: text('The token of the next page.'),
      remainingItemCount: { type: 'integer', format: 'int64' },
    },
  },
}
