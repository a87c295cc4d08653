/** VirtualNode: a node of the bought size that should appear in the consumer's cluster, for one contract. */
import Type, { type Static } from 'typebox'
import { AmountsSchema } from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { ConditionSchema, MetadataSchema, type KubeObject } from './meta.ts'

const VirtualNodeSpecSchema = Type.Object({
  contractID: Type.String(),
  provider: Type.String({ description: "The provider's node id." }),
  resources: AmountsSchema,
  solver: Type.Optional(Type.String()),
})

const VirtualNodeStatusSchema = Type.Object({
  phase: Type.Optional(
    Type.Union([
      Type.Literal('Requesting'),
      Type.Literal('Attaching'),
      Type.Literal('Ready'),
      Type.Literal('NotReady'),
      Type.Literal('Denied'),
      Type.Literal('Detaching'),
    ]),
  ),
  message: Type.Optional(Type.String()),
  nodeName: Type.Optional(Type.String()),
  enforcement: Type.Optional(Type.String({ description: 'How the provider keeps the limits.' })),
  conditions: Type.Optional(Type.Array(ConditionSchema)),
})

export type VirtualNodePhase = NonNullable<Static<typeof VirtualNodeStatusSchema>['phase']>

export interface VirtualNode extends KubeObject {
  readonly spec: Static<typeof VirtualNodeSpecSchema>
  readonly status?: Static<typeof VirtualNodeStatusSchema>
}

/** Keeps a VirtualNode until it is detached. Who makes one puts it on at once. */
export const VIRTUAL_NODE_FINALIZER = 'tributary.io/virtual-node'

export const VirtualNodeKind: KindDefinition<VirtualNode> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'VirtualNode',
  plural: 'virtualnodes',
  singular: 'virtualnode',
  shortNames: ['vnode'],
  namespaced: true,
  description: "Bought resources as a node of the consumer's own cluster.",
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('VirtualNode'),
    metadata: MetadataSchema,
    spec: VirtualNodeSpecSchema,
    status: Type.Optional(VirtualNodeStatusSchema),
  }),
  statusSubresource: true,
  writable: { by: 'node', why: 'made of a contract' },
  retention: { mode: 'owned', by: 'Solver' },
  selectableFields: ['spec.contractID', 'status.phase'],
  columns: [
    { name: 'Phase', path: 'status.phase' },
    { name: 'CPU', path: 'spec.resources.cpu' },
    { name: 'Memory', path: 'spec.resources.memory' },
    { name: 'Contract', path: 'spec.contractID' },
    { name: 'Enforcement', path: 'status.enforcement', wide: true },
    { name: 'Message', path: 'status.message', wide: true },
  ],
}
