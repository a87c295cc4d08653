/**
 * Kinds that exist for tests only: of the kernel, of the stores.
 */
import Type from 'typebox'
import type { KindDefinition } from '../../src/objects/kind.ts'
import type { KubeObject, NewObject } from '../../src/objects/meta.ts'

export interface Widget extends KubeObject {
  readonly spec: {
    readonly size: number
    readonly colors?: readonly string[]
    readonly deep?: Record<string, unknown>
  }
  readonly status?: { readonly phase?: string; readonly count?: number }
}

export interface Plain extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: { readonly size: number }
  readonly status?: { readonly phase: string }
}

const base = {
  group: 'conformance.tributary.io',
  version: 'v1',
  schema: Type.Object({}),
  columns: [],
  description: 'For the conformance suite.',
}

export const WIDGET: KindDefinition<Widget> = {
  ...base,
  kind: 'Widget',
  plural: 'widgets',
  singular: 'widget',
  namespaced: true,
  statusSubresource: true,
  selectableFields: ['spec.size', 'status.phase'],
}

export const CLUSTER_WIDGET: KindDefinition<Widget> = {
  ...base,
  kind: 'ClusterWidget',
  plural: 'clusterwidgets',
  singular: 'clusterwidget',
  namespaced: false,
  statusSubresource: true,
}

export const PLAIN: KindDefinition<Plain> = {
  ...base,
  kind: 'Plain',
  plural: 'plains',
  singular: 'plain',
  namespaced: true,
  statusSubresource: false,
}

/** @returns a widget to create. */
export function widget(
  name: string,
  size = 1,
  metadata: Partial<NewObject<Widget>['metadata']> = {},
): NewObject<Widget> {
  return { metadata: { name, ...metadata }, spec: { size } }
}
