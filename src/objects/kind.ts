/**
 * What the store, the control API and the documentation need to know of a kind.
 *
 * One `KindDefinition` per kind, in the file of that kind; `objects/index.ts` lists them all.
 */
import type { TSchema } from 'typebox'
import type { KubeObject } from './meta.ts'
import type { Retention } from './retention.ts'
import type { Writable } from './writable.ts'

/** One column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string
  readonly type?: 'string' | 'integer' | 'date'
  /** Shown only with `-o wide`. */
  readonly wide?: boolean
  /** Dotted path below the object, for example `status.phase`; what the CRD's printer column is made from. */
  readonly path: string
  /**
   * Makes the cell from the object when a path cannot, for example `READY 1/2`; wins over `path` in
   * table output, while `path` stays what the CRD's printer column is made from. Must be pure.
   * @param now milliseconds since 1970
   * @returns the text of the cell; undefined shows what the path gives
   */
  readonly render?: (object: KubeObject, now: number) => string | undefined
}

/** An object of which nothing is known but that it is one. */
export type JsonMembers = Readonly<Record<string, unknown>>

/** What is wrong with a field, as Kubernetes says it. */
export interface Complaint {
  /** Dotted path, for example `data[a b]`. */
  readonly field: string
  readonly message: string
  /** Kubernetes' cause type; `FieldValueInvalid` when absent. */
  readonly reason?: string
}

/** A kind: its names, its scope, its schema, how it is shown. `T` is the type of a stored object. */
export interface KindDefinition<T extends KubeObject = KubeObject> {
  /** API group; the empty string for Kubernetes' core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames?: readonly string[]
  readonly namespaced: boolean
  /** Schema of the whole object; `apiVersion`, `kind` and `metadata` included. */
  readonly schema: TSchema
  /** Whether `status` is written through the `/status` subresource only. */
  readonly statusSubresource: boolean
  readonly columns: readonly PrinterColumn[]
  /**
   * Dotted paths of the fields, beside `metadata.name` and `metadata.namespace`, that its objects can be selected
   * by; each holds one text, number or boolean. What the CRD's `selectableFields` is made from.
   */
  readonly selectableFields?: readonly string[]
  /** How long its objects stay. Every kind that a node has states one; a test says which does not. */
  readonly retention?: Retention<T>
  /**
   * Who writes its objects through the control API. Every kind that a node has states it; a test says which does not.
   * One that states nothing is open to whoever may write at all, its status too.
   */
  readonly writable?: Writable<T>
  /**
   * Its objects hold secrets: whoever may only look (the `viewer` of the control API) can neither get, list nor
   * watch them.
   */
  readonly confidential?: boolean
  /** Paths of what is not shown to a viewer of a kind that it may read: access data, credentials. */
  readonly confidentialFields?: readonly (readonly string[])[]
  /**
   * Brings what a client wrote into the one form that is stored. Pure; told objects of any shape, for it comes before
   * the schema.
   */
  normalize?(object: JsonMembers): JsonMembers
  /**
   * What the schema cannot say of an object that it allows. Pure.
   * @param before what is stored, if there is something
   * @returns one complaint for each field that is wrong
   */
  complaints?(object: T, before: T | undefined): readonly Complaint[]
  /** One sentence for `kubectl explain` and the docs. */
  readonly description: string
  /** Never present; carries the type of the kind's objects. */
  readonly __type?: T
}

/** @returns `group/version`, or `version` for the core group: the value of `apiVersion`. */
export function apiVersionOf(kind: Pick<KindDefinition, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
}

/** @returns `plural.group`, the unique name of a kind's collection, as Kubernetes names CRDs. */
export function resourceOf(kind: Pick<KindDefinition, 'group' | 'plural'>): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
}
