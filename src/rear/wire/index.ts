/**
 * The wire: every message of REAR, read tolerantly and written exactly, and selectors.
 *
 * Names, order and spelling are upstream's; our additions are extra members that its nodes ignore.
 */
export { decodeAs, encodeAs } from './codec.ts'
export {
  configurationFromWire,
  configurationToWire,
  flavorTypeToWire,
  WireConfigurationSchema,
  type WireConfiguration,
} from './configuration.ts'
export {
  accessOf,
  accessTerms,
  BUYER_SIGNATURE,
  contractSignatures,
  contractTerms,
  decodeContract,
  encodeContract,
  flavorTerms,
  SELLER_SIGNATURE,
  WireContractSchema,
  WireContractTermsSchema,
  withAccess,
  withoutSecrets,
  withSignatures,
  type AccessData,
  type WireContract,
  type WireContractTerms,
} from './contract.ts'
export {
  decodePurchaseRequest,
  decodeReserveRequest,
  decodeTransaction,
  encodePurchaseRequest,
  encodeReserveRequest,
  encodeTransaction,
  WirePurchaseRequestSchema,
  WireReserveRequestSchema,
  WireTransactionSchema,
  type WirePurchaseRequest,
  type WireReserveRequest,
  type WireTransaction,
} from './dealing.ts'
export {
  decodeFlavor,
  decodeFlavors,
  encodeFlavor,
  WireFlavorSchema,
  WireRelaySchema,
  type DecodedFlavors,
  type WireFlavor,
  type WireRelay,
  type WireFlavorType,
  type WireK8Slice,
  type WireService,
} from './flavor.ts'
export { MAX_JSON_DEPTH, parseJson } from './json.ts'
export { compileSelector, indexFlavor, matches, type IndexedFlavor, type MatchResult } from './matcher.ts'
export {
  WireLiqoCredentialsSchema,
  WireLocationSchema,
  WireNodeIdentitySchema,
  WirePriceSchema,
  WireTelemetryServerSchema,
  type WireLiqoCredentials,
  type WireLocation,
  type WireNodeIdentity,
} from './node-identity.ts'
export { networkIntentFromWire, networkIntentToWire, type WireNetworkIntent } from './network-intent.ts'
export {
  contractFromWire,
  contractToWire,
  embeddedFlavorFromWire,
  flavorFromWire,
  flavorToWire,
  locationFromWire,
  locationToWire,
  nodeIdentityFromWire,
  nodeIdentityToWire,
  reservationFromWire,
  reservationToWire,
  transactionFromWire,
  transactionToWire,
  type FlavorLike,
} from './objects.ts'
export {
  ANY_FLAVOR,
  SELECTOR_FIELDS,
  SelectorError,
  type Filter,
  type Selector,
  type SelectorErrorCode,
  type SelectorFieldName,
} from './selector.ts'
export { selectorFromObject, selectorToObject } from './selector-object.ts'
export {
  encodeSelectorQuery,
  flavorTypeOfSegment,
  parseSelectorQuery,
  selectorTarget,
  type SelectorDialect,
} from './selector-query.ts'
export { WireError, type WireErrorCode } from './wire-error.ts'
