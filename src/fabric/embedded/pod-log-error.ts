/** Why there is no log to read; `code` is stable. */
export type PodLogErrorCode = 'pod-not-found' | 'container-not-found' | 'not-started' | 'provider-unreachable'

export class PodLogError extends Error {
  override readonly name = 'PodLogError'
  readonly code: PodLogErrorCode

  constructor(code: PodLogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
