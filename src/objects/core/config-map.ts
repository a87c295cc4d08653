/**
 * ConfigMap: Kubernetes' core kind; settings that pods take as variables or files.
 *
 * Pure.
 */
import Type from 'typebox'
import type { KindDefinition } from '../kind.ts'
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

export interface ConfigMap extends KubeObject {
  readonly metadata: ObjectMetadata
  /** Texts. */
  readonly data?: ConfigValues
  /** Bytes, in base64. */
  readonly binaryData?: ConfigValues
  readonly immutable?: boolean
}

const description = 'A config map: settings that pods take as variables or as files.'

export const ConfigMapKind: KindDefinition<ConfigMap> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  namespaced: true,
  schema: Type.Object(
    {
      apiVersion: opt(oneOf(['v1'])),
      kind: opt(oneOf(['ConfigMap'])),
      metadata: MetadataSchema,
      data: opt(Type.Record(Type.String(), Type.String(), { description: 'Texts, by key.' })),
      binaryData: opt(Type.Record(Type.String(), Type.String(), { description: 'Bytes in base64, by key.' })),
      immutable: opt(Type.Boolean({ description: 'Whether it stays as it is until it is deleted.' })),
    },
    { description, additionalProperties: false },
  ),
  statusSubresource: false,
  writable: { by: 'user' },
  retention: { mode: 'kept', why: 'what the user wants' },
  columns: [
    {
      name: 'Data',
      path: 'data',
      render: (object) => {
        const { data = {}, binaryData = {} } = object as ConfigMap
        return String(Object.keys(data).length + Object.keys(binaryData).length)
      },
    },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  complaints(object, before) {
    const { data = {}, binaryData = {} } = object
    const malformed = [
      ...keyComplaints('data', data),
      ...keyComplaints('binaryData', binaryData),
      ...base64Complaints('binaryData', binaryData),
      ...Object.keys(data)
        .filter((key) => Object.hasOwn(binaryData, key))
        .map((key) => ({
          field: `data[${key}]`,
          message: 'Invalid value: duplicate of key present in binaryData',
        })),
    ]
    if (malformed.length > 0) return malformed
    const bytes =
      Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text), 0) +
      Object.values(binaryData).reduce((sum, value) => sum + base64Bytes(value), 0)
    return [...sizeComplaints('', bytes), ...immutabilityComplaints(object, before, ['data', 'binaryData'])]
  },
  description,
}
