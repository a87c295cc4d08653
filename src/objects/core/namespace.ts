/**
 * Namespace: Kubernetes' core kind, as far as the embedded cluster implements it.
 *
 * Pure.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from '../kind.ts'
import { DEFAULT_NAMESPACE, type KubeObject, type ObjectMetadata } from '../meta.ts'
import { anyValue, closed, objectSchema, open } from '../schema.ts'
import { touchesNames } from '../writable.ts'

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
  writable: {
    by: 'user',
    reserved: [
      {
        what: 'the namespace of a contract',
        instead: 'delete the contract to have what runs there ended',
        touches: (change) =>
          touchesNames(change, ['tributary.io/buyer', 'tributary.io/contract', 'tributary.io/contract-id']) ||
          (change.after === undefined &&
            change.before?.metadata.annotations?.['tributary.io/buyer'] !== undefined),
      },
      {
        what: `the end of the namespace ${DEFAULT_NAMESPACE}, in which the node keeps what is its own,`,
        touches: ({ before, after }) => after === undefined && before?.metadata.name === DEFAULT_NAMESPACE,
      },
    ],
  },
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
