/**
 * Namespace: Kubernetes' core kind, as far as the embedded cluster implements it.
 *
 * Pure.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from '../kind.ts'
import type { KubeObject, ObjectMetadata } from '../meta.ts'
import { anyValue, closed, objectSchema, open } from '../schema.ts'

export const NamespaceSpecSchema = closed({ finalizers: Type.Optional(anyValue()) })
export const NamespaceStatusSchema = open({ phase: Type.Optional(Type.String()) })

export interface Namespace extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec?: Static<typeof NamespaceSpecSchema>
  readonly status?: Static<typeof NamespaceStatusSchema>
}

const description = 'A namespace: a room for objects whose names need to be unique only within it.'

export const NamespaceKind: KindDefinition<Namespace> = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  schema: objectSchema(
    { apiVersion: 'v1', kind: 'Namespace' },
    Type.Optional(NamespaceSpecSchema),
    NamespaceStatusSchema,
    description,
  ),
  statusSubresource: true,
  retention: { mode: 'kept', why: 'what the user wants' },
  selectableFields: ['status.phase'],
  columns: [
    {
      name: 'Status',
      path: 'status.phase',
      render: ({ metadata }) => (metadata.deletionTimestamp === undefined ? 'Active' : 'Terminating'),
    },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
