/**
 * What is wrong with a message: the one error family of the wire codec.
 */

export type WireErrorCode =
  | 'malformed-json'
  | 'too-deep'
  | 'wrong-type'
  | 'missing-member'
  | 'bad-value'
  | 'bad-quantity'
  | 'bad-time'
  | 'bad-price'
  | 'unknown-type'
  | 'bad-network-selector'

/** `code` is stable, `path` is a JSON path below the message (`$.type.data.cpu`), `message` is for people. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code: WireErrorCode
  readonly path: string

  constructor(code: WireErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options)
    this.code = code
    this.path = path
  }
}
