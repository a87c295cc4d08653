/**
 * Kinds for the tests of the control API: one like those of a CRD, one like Kubernetes' own, a pod, a namespace.
 */
import Type from 'typebox'
import type { KindDefinition } from '../../src/objects/kind.ts'
import { ConditionSchema, MetadataSchema } from '../../src/objects/meta.ts'

const closed = { additionalProperties: false } as const

/** Closed, with a status subresource. */
export const WidgetKind: KindDefinition = {
  group: 'test.example.com',
  version: 'v1alpha1',
  kind: 'Widget',
  plural: 'widgets',
  singular: 'widget',
  shortNames: ['wd'],
  namespaced: true,
  statusSubresource: true,
  schema: Type.Object({
    apiVersion: Type.Literal('test.example.com/v1alpha1'),
    kind: Type.Literal('Widget'),
    metadata: MetadataSchema,
    spec: Type.Object(
      {
        replicas: Type.Integer({ minimum: 0, description: 'How many there should be.' }),
        color: Type.Optional(Type.Union([Type.Literal('red'), Type.Literal('blue')])),
        size: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
        limits: Type.Optional(Type.Record(Type.String(), Type.String())),
        parts: Type.Optional(
          Type.Array(Type.Object({ name: Type.String(), weight: Type.Optional(Type.Integer()) }, closed)),
        ),
        source: Type.Optional(
          Type.Union([
            Type.Object({ type: Type.Literal('file'), path: Type.String() }, closed),
            Type.Object({ type: Type.Literal('git'), url: Type.String() }, closed),
          ]),
        ),
        extra: Type.Optional(Type.Object({ known: Type.Optional(Type.String()) })),
      },
      { ...closed, description: 'What is wanted of a widget.' },
    ),
    status: Type.Optional(
      Type.Object({
        phase: Type.Optional(Type.String()),
        conditions: Type.Optional(Type.Array(ConditionSchema)),
      }),
    ),
  }),
  columns: [
    { name: 'Replicas', type: 'integer', path: 'spec.replicas' },
    { name: 'Ready', path: 'status.conditions[?(@.type=="Ready")].status' },
    { name: 'Color', path: 'spec.color', wide: true },
  ],
  description: 'A widget, for tests.',
}

/** Cluster-scoped, without a status subresource. */
export const GadgetKind: KindDefinition = {
  group: 'test.example.com',
  version: 'v1alpha1',
  kind: 'Gadget',
  plural: 'gadgets',
  singular: 'gadget',
  namespaced: false,
  statusSubresource: false,
  schema: Type.Object({
    apiVersion: Type.Literal('test.example.com/v1alpha1'),
    kind: Type.Literal('Gadget'),
    metadata: MetadataSchema,
  }),
  columns: [],
  description: 'A gadget, for tests.',
}

export const DeploymentKind: KindDefinition = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  namespaced: true,
  statusSubresource: true,
  schema: Type.Object({
    apiVersion: Type.Literal('apps/v1'),
    kind: Type.Literal('Deployment'),
    metadata: MetadataSchema,
    spec: Type.Object({
      replicas: Type.Optional(Type.Integer({ minimum: 0 })),
      selector: Type.Object({ matchLabels: Type.Optional(Type.Record(Type.String(), Type.String())) }),
      template: Type.Object({}),
    }),
    status: Type.Optional(Type.Object({})),
  }),
  columns: [{ name: 'Desired', type: 'integer', path: 'spec.replicas' }],
  description: 'Keeps so many pods running.',
}

export const PodKind: KindDefinition = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  namespaced: true,
  statusSubresource: true,
  schema: Type.Object({
    apiVersion: Type.Literal('v1'),
    kind: Type.Literal('Pod'),
    metadata: MetadataSchema,
    spec: Type.Object({ containers: Type.Array(Type.Object({ name: Type.String() })) }),
    status: Type.Optional(Type.Object({})),
  }),
  columns: [{ name: 'Status', path: 'status.phase' }],
  description: 'Containers that run together.',
}

export const NamespaceKind: KindDefinition = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  statusSubresource: true,
  schema: Type.Object({
    apiVersion: Type.Literal('v1'),
    kind: Type.Literal('Namespace'),
    metadata: MetadataSchema,
    spec: Type.Optional(Type.Object({})),
    status: Type.Optional(Type.Object({})),
  }),
  columns: [],
  description: 'A space for names.',
}

export const TEST_KINDS: readonly KindDefinition[] = [
  WidgetKind,
  GadgetKind,
  DeploymentKind,
  PodKind,
  NamespaceKind,
]
