/**
 * The door of the Privacy and Security Manager: node identity, keys, signatures, membership credentials,
 * and who may do what.
 */
export {
  decide,
  judge,
  type AcceptancePolicy,
  type AccessDecision,
  type AccessLevel,
  type CallerFacts,
  type Standing,
  type StandingFacts,
} from './access-policy.ts'
export { createAuthority, loadAuthority, type Authority } from './authority.ts'
export { didKey, publicKeyOf } from './did.ts'
export { createIdentity, type Identity } from './identity.ts'
export {
  DEFAULT_MEMBERSHIP_MS,
  issueMembership,
  readMembership,
  verifyMembership,
  type Membership,
  type MembershipTrust,
  type RevokedCredentials,
} from './membership.ts'
export { MembershipError, type MembershipErrorCode } from './membership-error.ts'
export type { MembershipWarning } from './membership-warning.ts'
export { RENEWAL_GRACE_MS } from './credential-issuer.ts'
export { MembershipService, type MembershipServiceOptions } from './membership-service.ts'
export {
  generateNodeKey,
  KeyFileError,
  loadNodeKey,
  loadOrCreateNodeKey,
  parseNodeKey,
  saveNodeKey,
  type KeyFileErrorCode,
  type NodeKey,
} from './node-key.ts'
export {
  PeerRegistry,
  type ConfiguredPeer,
  type Learnt,
  type PeerNews,
  type PeerRegistryOptions,
} from './peer-registry.ts'
export { createSealer } from './node-sealer.ts'
export { readRevoked, revokeMembership } from './revoked-file.ts'
export { Revocations, type Revocation } from './revocations.ts'
export {
  canonicalize,
  signDocument,
  SignatureError,
  verifyDocument,
  type DocumentType,
  type SignatureErrorCode,
} from './signature.ts'
