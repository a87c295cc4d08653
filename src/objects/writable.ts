/**
 * Who writes the objects of a kind through the control API, as its definition states it. The node's own components
 * write to the store and are not asked. What the node derives or decides is written by nobody else: not by an admin,
 * not by whoever opens the socket.
 */
import { isDeepStrictEqual } from 'node:util'
import type { KubeObject } from './meta.ts'

/** What an object is; completes "a Flavor is …". */
interface Derived {
  readonly why: string
  /** What to do to get what one may have meant. */
  readonly instead?: string
}

/** What is about to be stored; `before` is absent where it is new, `after` where it is deleted. */
export interface Change<T extends KubeObject = KubeObject> {
  readonly before: T | undefined
  readonly after: T | undefined
}

/** A part of the user's objects that is not his. */
export interface Reserved<T extends KubeObject = KubeObject> {
  /** What it is, for people; completes "… is not written through the API by anybody". */
  readonly what: string
  readonly instead?: string
  /** @returns whether the change is one of that part. Pure */
  touches(change: Change<T>): boolean
}

export type Writable<T extends KubeObject = KubeObject> =
  /** The user's own: written at will, but for the status, which is what the node makes of it. */
  | {
      readonly by: 'user'
      /** What is not done by the user even so. */
      readonly except?: Derived & { readonly verbs: readonly WritingVerb[] }
      readonly reserved?: readonly Reserved<T>[]
    }
  /** What the node derives or decides. */
  | ({
      readonly by: 'node'
      /** Taken away by the user all the same, which the node then sees to: a contract is closed so. */
      readonly deletable?: boolean
    } & Derived)

export const WRITING_VERBS = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const
export type WritingVerb = (typeof WRITING_VERBS)[number]

/** Begins the names of the node's own finalizers, labels and annotations. */
const NODE_PREFIX = 'tributary.io/'

const BY_NOBODY = 'is not written through the API by anybody'

/**
 * @param kind its name, and what its definition states
 * @param asked a verb, and the subresource that it is for, if any
 * @returns why nobody may do that, whatever the object; undefined when it can be done
 */
export function whyNotWritable(
  { kind, writable }: { readonly kind: string; readonly writable?: Writable },
  asked: { readonly verb: WritingVerb; readonly subresource?: string },
): string | undefined {
  if (writable === undefined) return undefined
  const because = ({ why, instead }: Derived): string =>
    `a ${kind} is ${why}: it ${BY_NOBODY}${instead === undefined ? '' : `; ${instead}`}`
  if (writable.by === 'node') {
    const isDeletion = asked.verb === 'delete' || asked.verb === 'deletecollection'
    const allowed = writable.deletable === true && isDeletion && asked.subresource === undefined
    return allowed ? undefined : because(writable)
  }
  if (asked.subresource === 'status')
    return `the status of a ${kind} is what the node observes and decides: it ${BY_NOBODY}`
  const { except } = writable
  if (asked.subresource === undefined && except?.verbs.includes(asked.verb)) {
    const { why, instead } = except
    return `a ${kind} is ${why}: no client can ${asked.verb} one${instead === undefined ? '' : `; ${instead}`}`
  }
  return undefined
}

/** @returns why nobody may make this very change; undefined when it can be made */
export function whyNotChanged(
  { writable }: { readonly writable?: Writable },
  change: Change,
): string | undefined {
  const touched =
    writable?.by === 'user' ? writable.reserved?.find((each) => each.touches(change)) : undefined
  if (touched !== undefined)
    return `${touched.what} ${BY_NOBODY}${touched.instead === undefined ? '' : `; ${touched.instead}`}`
  const [name] = nodeFinalizersApart(change)
  return name === undefined
    ? undefined
    : `the finalizer ${name} is the node's, which takes it off when it has given back what it keeps it for: it ${BY_NOBODY}`
}

/** @returns whether it depends on the object what can be done to it */
export function hasReserved({ writable }: { readonly writable?: Writable }): boolean {
  return writable?.by === 'user' && writable.reserved !== undefined
}

/** @returns whether a finalizer is one of the node's own */
export function isNodeFinalizer(name: unknown): name is string {
  return typeof name === 'string' && name.startsWith(NODE_PREFIX)
}

function nodeFinalizersApart({ before, after }: Change): readonly string[] {
  if (after === undefined) return []
  const of = (object: KubeObject | undefined): readonly string[] =>
    (object?.metadata.finalizers ?? []).filter(isNodeFinalizer)
  const [had, has] = [of(before), of(after)]
  return [...had.filter((each) => !has.includes(each)), ...has.filter((each) => !had.includes(each))]
}

/** @returns whether a label or an annotation of one of these names (or beginnings that end in `/`) is another after it */
export function touchesNames({ before, after }: Change, names: readonly string[]): boolean {
  const of = (object: KubeObject | undefined): string => {
    const { labels = {}, annotations = {} } = object?.metadata ?? {}
    const listed = (map: Readonly<Record<string, string>>): readonly (readonly string[])[] =>
      Object.entries(map)
        .filter(([key]) => names.some((name) => (name.endsWith('/') ? key.startsWith(name) : key === name)))
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
    return JSON.stringify([listed(labels), listed(annotations)])
  }
  return of(before) !== of(after)
}

/**
 * @param owner the kind that the node makes such objects for
 * @returns what is decided where the node made the object itself: the spec, and whose it is
 */
export function madeFor(kind: string, owner: string): Reserved {
  const decided = ({ metadata, spec }: KubeObject): unknown => [spec, metadata.ownerReferences]
  return {
    what: `the spec of a ${kind} that the node made for a ${owner}`,
    instead: `make one of your own, or change the ${owner}`,
    touches: ({ before, after }) =>
      before !== undefined &&
      after !== undefined &&
      before.metadata.ownerReferences?.some(({ kind: name }) => name === owner) === true &&
      !isDeepStrictEqual(decided(before), decided(after)),
  }
}
