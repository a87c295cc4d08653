/** What can be wrong with a question about a pod. */
export type ClusterErrorCode =
  | 'pod-not-found'
  | 'container-not-found'
  /** It has not been placed on a node, or has not begun. */
  | 'not-started'
  | 'provider-unreachable'
  /** This cluster cannot do that, whatever the pod. */
  | 'unsupported'

/** Why a cluster cannot answer or do what it was asked for a pod. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
  readonly code: ClusterErrorCode

  constructor(code: ClusterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
