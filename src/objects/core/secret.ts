/**
 * Secret: Kubernetes' core kind; passwords, keys and tokens that pods take as variables or files. Stores keep it
 * encrypted (`confidential`).
 *
 * Pure.
 */
import Type from 'typebox'
import type { Complaint, JsonMembers, KindDefinition } from '../kind.ts'
import { type KubeObject, MetadataSchema, type ObjectMetadata } from '../meta.ts'
import { oneOf } from '../schema.ts'
import {
  base64Bytes,
  base64Complaints,
  type ConfigValues,
  immutabilityComplaints,
  keyComplaints,
  sizeComplaints,
} from './config-data.ts'

const opt = Type.Optional

export interface Secret extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly type?: string
  /** Bytes, in base64. */
  readonly data?: ConfigValues
  readonly immutable?: boolean
}

export const DEFAULT_SECRET_TYPE = 'Opaque'
export const DOCKER_CONFIG_TYPE = 'kubernetes.io/dockerconfigjson'
export const DOCKER_CONFIG_KEY = '.dockerconfigjson'

/** Keys that a Secret of a type must have, as Kubernetes says; of `basic-auth`, one of them. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  [DOCKER_CONFIG_TYPE]: [DOCKER_CONFIG_KEY],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
}
const BASIC_AUTH = 'kubernetes.io/basic-auth'

const description = 'A secret: passwords, keys and tokens that pods take as variables or as files.'

export const SecretKind: KindDefinition<Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  namespaced: true,
  schema: Type.Object(
    {
      apiVersion: opt(oneOf(['v1'])),
      kind: opt(oneOf(['Secret'])),
      metadata: MetadataSchema,
      type: opt(Type.String({ description: 'What is in it; Opaque unless given.' })),
      data: opt(Type.Record(Type.String(), Type.String(), { description: 'Bytes in base64, by key.' })),
      stringData: opt(
        Type.Record(Type.String(), Type.String(), {
          description: 'Texts, by key; put into data when it is stored, never given out.',
        }),
      ),
      immutable: opt(Type.Boolean({ description: 'Whether it stays as it is until it is deleted.' })),
    },
    { description, additionalProperties: false },
  ),
  statusSubresource: false,
  writable: { by: 'user' },
  confidential: true,
  retention: { mode: 'kept', why: 'what the user wants' },
  selectableFields: ['type'],
  columns: [
    { name: 'Type', path: 'type' },
    {
      name: 'Data',
      path: 'data',
      render: (object) => String(Object.keys((object as Secret).data ?? {}).length),
    },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  normalize: withTextsAsData,
  complaints(object, before) {
    const { data = {} } = object
    const malformed = [...keyComplaints('data', data), ...base64Complaints('data', data)]
    if (malformed.length > 0) return malformed
    const bytes = Object.values(data).reduce((sum, value) => sum + base64Bytes(value), 0)
    return [
      ...sizeComplaints('data', bytes),
      ...missingKeys(object),
      ...(before !== undefined && typeOf(before) !== typeOf(object)
        ? [{ field: 'type', message: 'Invalid value: field is immutable' }]
        : []),
      ...immutabilityComplaints(object, before, ['data']),
    ]
  },
  description,
}

/** `stringData` is a way to write, not a part of what is stored. */
function withTextsAsData(object: JsonMembers): JsonMembers {
  const { stringData, ...rest } = object
  const typed = { ...rest, type: rest['type'] ?? DEFAULT_SECRET_TYPE }
  const texts = Object.entries((stringData ?? {}) as object)
  // What is no text is for the schema to refuse.
  if (typeof stringData !== 'object' || texts.some(([, text]) => typeof text !== 'string'))
    return stringData === undefined ? typed : { ...typed, stringData }
  const encoded = texts.map(([key, text]) => [key, Buffer.from(text as string).toString('base64')])
  return { ...typed, data: { ...(rest['data'] as object | undefined), ...Object.fromEntries(encoded) } }
}

function typeOf({ type = DEFAULT_SECRET_TYPE }: Secret): string {
  return type
}

function missingKeys({ type = DEFAULT_SECRET_TYPE, data = {} }: Secret): readonly Complaint[] {
  if (type === BASIC_AUTH) {
    return ['username', 'password'].some((key) => Object.hasOwn(data, key))
      ? []
      : [{ field: 'data[username]', message: 'Required value', reason: 'FieldValueRequired' }]
  }
  const missing = (NEEDED[type] ?? []).filter((key) => !Object.hasOwn(data, key))
  if (missing.length > 0)
    return missing.map((key) => ({
      field: `data[${key}]`,
      message: 'Required value',
      reason: 'FieldValueRequired',
    }))
  return type === DOCKER_CONFIG_TYPE && !isJson(data[DOCKER_CONFIG_KEY]!)
    ? [{ field: `data[${DOCKER_CONFIG_KEY}]`, message: 'Invalid value: must be JSON' }]
    : []
}

function isJson(base64: string): boolean {
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString())
    return true
  } catch {
    return false
  }
}
