/**
 * "No, I do not take this stream": thrown by the handler on one side, received by the opener on the other.
 */
export class StreamRefused extends Error {
  override readonly name = 'StreamRefused'
  /** HTTP status, 400 to 599. */
  readonly status: number

  /** @param message shown to the other side */
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}
