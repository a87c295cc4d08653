/**
 * The Sealer port: encrypts what must not be read from a disk, and finds out when it was tampered with. Which key it
 * uses is its maker's business.
 */

/** Plain JSON; holds nothing that is secret. */
export interface Sealed {
  /** The version of the form. */
  readonly sealed: 1
  /** Which key opens it; tells nothing of the key. */
  readonly key: string
  /** base64. */
  readonly nonce: string
  /** base64; the text encrypted, with what proves it whole. */
  readonly text: string
}

export interface Sealer {
  /** The name of its key, as in what it seals. */
  readonly key: string
  /**
   * @param context what the text belongs to: it opens with the same context only, so that nobody can pass one sealed
   *   text off as another
   */
  seal(text: string, context: string): Sealed
  /** @throws SealError */
  open(sealed: Sealed, context: string): string
}

export type SealErrorCode = 'other-key' | 'damaged'

/** What is sealed cannot be opened. The message holds nothing of it. */
export class SealError extends Error {
  override readonly name = 'SealError'
  readonly code: SealErrorCode

  constructor(code: SealErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** @returns whether a JSON value is something sealed */
export function isSealed(value: unknown): value is Sealed {
  const { sealed, key, nonce, text } = (value ?? {}) as Partial<Record<keyof Sealed, unknown>>
  return sealed === 1 && [key, nonce, text].every((member) => typeof member === 'string')
}
