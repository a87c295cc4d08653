/** What a reconcile says when it returns: that it is done until something changes, or when to come again. */

export type ReconcileResult = { readonly requeueAfterMs?: number } | void

/** All is as it should be: nothing is to be done until an informer says that something changed. */
export const done: ReconcileResult = undefined

/**
 * Calls the reconciler again although nothing may have changed: for what no informer tells, such as time that passes.
 * @param ms in milliseconds
 */
export function requeueAfter(ms: number): { readonly requeueAfterMs: number } {
  return { requeueAfterMs: ms }
}
