/**
 * Who writes the objects of a kind through the control API, as its definition states it. The node's own components
 * write to the store and are not asked. What the node derives or decides is written by nobody else: not by an admin,
 * not by whoever opens the socket.
 */

/** What an object is; completes "a Flavor is …". */
interface Derived {
  readonly why: string
  /** What to do to get what one may have meant. */
  readonly instead?: string
  /** Taken away by the user all the same, which the node then sees to: a contract is closed so. */
  readonly deletable?: boolean
}

export type Writable =
  /** The user's own: written at will, but for the status, which is what the node makes of it. */
  | { readonly by: 'user' }
  /** What the node derives or decides. */
  | ({ readonly by: 'node' } & Derived)

export type WritingVerb = 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'

/**
 * @param kind its name, and what its definition states
 * @param asked a verb, and the subresource that it is for, if any
 * @returns why nobody may do that; undefined when it can be done
 */
export function whyNotWritable(
  { kind, writable }: { readonly kind: string; readonly writable?: Writable },
  asked: { readonly verb: WritingVerb; readonly subresource?: string },
): string | undefined {
  if (writable === undefined) return undefined
  if (writable.by === 'node') {
    const { why, instead, deletable } = writable
    const isDeletion = asked.verb === 'delete' || asked.verb === 'deletecollection'
    if (deletable === true && isDeletion && asked.subresource === undefined) return undefined
    return `a ${kind} is ${why}: it is not written through the API by anybody${instead === undefined ? '' : `; ${instead}`}`
  }
  if (asked.subresource === 'status')
    return `the status of a ${kind} is what the node observes and decides: it is not written through the API by anybody`
  return undefined
}
