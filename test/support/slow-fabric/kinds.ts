/** What the slow fabric keeps, so that it goes on after a restart: one object for each side of a contract. */
import { createHash } from 'node:crypto'
import Type from 'typebox'
import type { BoughtSlice } from '../../../src/fabric/fabric.ts'
import type { KindDefinition } from '../../../src/objects/kind.ts'
import type { KubeObject } from '../../../src/objects/meta.ts'

/** Consumer: a virtual node that is asked for, wanted, or to go. */
export interface SlowNode extends KubeObject {
  readonly spec: {
    readonly key: string
    /** Milliseconds since 1970, as the others. */
    readonly keySince: number
    readonly wanted?: BoughtSlice
    readonly wantedSince?: number
    readonly detachedSince?: number
  }
}

/** Provider: a slice that was asked for, is provided, or to go. */
export interface SlowSlice extends KubeObject {
  readonly spec: {
    readonly nonce: string
    readonly request?: string
    readonly requestSince?: number
    readonly withdrawnSince?: number
  }
}

const base = {
  group: 'slow.tributary.io',
  version: 'v1',
  schema: Type.Object({}),
  namespaced: false,
  statusSubresource: false,
  columns: [],
  description: 'Of the slow fabric.',
}

export const SlowNodeKind: KindDefinition<SlowNode> = {
  ...base,
  kind: 'SlowNode',
  plural: 'slownodes',
  singular: 'slownode',
}

export const SlowSliceKind: KindDefinition<SlowSlice> = {
  ...base,
  kind: 'SlowSlice',
  plural: 'slowslices',
  singular: 'slowslice',
}

/** @returns what only who knows both can say */
export function digest(...texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex')
}
