/**
 * Deployment: Kubernetes' `apps/v1` kind, as far as the embedded cluster implements it.
 *
 * Pure.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from '../kind.ts'
import { LabelSelectorSchema } from '../label-selector.ts'
import { ConditionSchema, type KubeObject, type ObjectMetadata } from '../meta.ts'
import { closed, objectSchema, oneOf, open } from '../schema.ts'
import { PodTemplateSchema } from './pod-spec.ts'
import { unsupportedFields } from './unsupported-fields.ts'

const opt = Type.Optional
const CountOrPercentSchema = Type.Union([Type.Integer({ minimum: 0 }), Type.String()])

export const DeploymentSpecSchema = closed({
  replicas: opt(Type.Integer({ minimum: 0, description: '1 unless given.' })),
  selector: LabelSelectorSchema,
  template: PodTemplateSchema,
  strategy: opt(
    closed({
      type: opt(oneOf(['RollingUpdate', 'Recreate'])),
      rollingUpdate: opt(
        closed({ maxSurge: opt(CountOrPercentSchema), maxUnavailable: opt(CountOrPercentSchema) }),
      ),
    }),
  ),
  minReadySeconds: opt(Type.Integer({ minimum: 0 })),
  revisionHistoryLimit: opt(Type.Integer({ minimum: 0 })),
  progressDeadlineSeconds: opt(Type.Integer({ minimum: 0 })),
  paused: opt(Type.Boolean()),
})
export type DeploymentSpec = Static<typeof DeploymentSpecSchema>

export const DeploymentStatusSchema = open({
  observedGeneration: opt(Type.Integer()),
  replicas: opt(Type.Integer()),
  updatedReplicas: opt(Type.Integer()),
  readyReplicas: opt(Type.Integer()),
  availableReplicas: opt(Type.Integer()),
  unavailableReplicas: opt(Type.Integer()),
  conditions: opt(Type.Array(ConditionSchema)),
})
export type DeploymentStatus = Static<typeof DeploymentStatusSchema>

export interface Deployment extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: DeploymentSpec
  readonly status?: DeploymentStatus
}

const description = 'A deployment: keeps a number of pods of one template running.'

export const DeploymentKind: KindDefinition<Deployment> = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'apps/v1', kind: 'Deployment' },
    DeploymentSpecSchema,
    DeploymentStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: { by: 'user' },
  complaints: ({ spec }) => unsupportedFields(spec.template.spec, 'spec.template.spec'),
  retention: { mode: 'kept', why: 'what the user wants; those of an intent go with it' },
  columns: [
    {
      name: 'Ready',
      path: 'status.readyReplicas',
      render: (object) => {
        const { spec, status } = object as Deployment
        return `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`
      },
    },
    {
      name: 'Up-to-date',
      type: 'integer',
      path: 'status.updatedReplicas',
      render: (object) => String((object as Deployment).status?.updatedReplicas ?? 0),
    },
    {
      name: 'Available',
      type: 'integer',
      path: 'status.availableReplicas',
      render: (object) => String((object as Deployment).status?.availableReplicas ?? 0),
    },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
    {
      name: 'Containers',
      path: 'spec.template.spec.containers',
      wide: true,
      render: (object) =>
        (object as Deployment).spec.template.spec.containers.map(({ name }) => name).join(','),
    },
    {
      name: 'Images',
      path: 'spec.template.spec.containers',
      wide: true,
      render: (object) =>
        (object as Deployment).spec.template.spec.containers.map(({ image }) => image ?? '<none>').join(','),
    },
  ],
  description,
}
