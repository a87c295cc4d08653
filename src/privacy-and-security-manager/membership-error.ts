/** Why a membership credential, or a revocation list, proves nothing. */
export type MembershipErrorCode =
  'malformed' | 'expired' | 'not-yet-valid' | 'unknown-authority' | 'bad-signature' | 'revoked'

export class MembershipError extends Error {
  override readonly name = 'MembershipError'
  readonly code: MembershipErrorCode

  constructor(code: MembershipErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
