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
  MembershipError,
  verifyMembership,
  type Membership,
  type MembershipErrorCode,
  type MembershipTrust,
} from './membership.ts'
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
export {
  canonicalize,
  signDocument,
  SignatureError,
  verifyDocument,
  type DocumentType,
  type SignatureErrorCode,
} from './signature.ts'
