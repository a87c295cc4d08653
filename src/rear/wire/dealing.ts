/**
 * The messages of a purchase: ReserveRequest, Transaction, PurchaseRequest.
 *
 * `key`, `user`, `contractStartTime`, `contractExpirationTime`, `contract` and `signature` are ours; upstream's nodes ignore them.
 */
import Type, { type Static } from 'typebox'
import { decodeAs, encodeAs } from './codec.ts'
import { WireConfigurationSchema } from './configuration.ts'
import { WireContractTermsSchema } from './contract.ts'
import { id, message, omittedText, plainText, time } from './members.ts'
import {
  WireLiqoCredentialsSchema,
  WireNodeIdentitySchema,
  WireTelemetryServerSchema,
  type WireLiqoCredentials,
  type WireNodeIdentity,
} from './node-identity.ts'

export const WireReserveRequestSchema = message(
  {
    flavorID: id({ 'x-aliases': ['flavourID'] }),
    buyerID: Type.Unsafe<WireNodeIdentity>({ ...WireNodeIdentitySchema, 'x-aliases': ['buyer'] }),
    configuration: Type.Optional(WireConfigurationSchema),
    key: Type.Optional(
      Type.String({
        pattern: '^[!-~]{1,128}$',
        description: 'A request with the same key has no second effect.',
      }),
    ),
    user: omittedText({
      maxLength: 512,
      description: 'Node id of the one that will use it, where that is not the buyer.',
    }),
    contractStartTime: Type.Optional(
      time({ 'x-omit-empty': true, description: 'From when on the buyer is ready to pay.' }),
    ),
    contractExpirationTime: Type.Optional(
      time({ 'x-omit-empty': true, description: 'Until when the buyer wants the contract to last.' }),
    ),
  },
  { title: 'ReserveRequest', description: 'Asks to hold a part of a flavor.' },
)
export type WireReserveRequest = Static<typeof WireReserveRequestSchema>

export const WireTransactionSchema = message(
  {
    transactionID: id(),
    flavorID: id({ 'x-aliases': ['flavourID'] }),
    configuration: Type.Optional(WireConfigurationSchema),
    buyer: Type.Unsafe<WireNodeIdentity>({ ...WireNodeIdentitySchema, 'x-aliases': ['buyerID'] }),
    clusterID: plainText({ description: "The buyer's cluster." }),
    expirationTime: time({ description: 'The hold ends here.' }),
    contract: Type.Optional(WireContractTermsSchema),
  },
  { title: 'Transaction', description: 'A part of a flavor, held for a buyer.' },
)
/** A transaction with the wire's names. */
export type WireTransaction = Static<typeof WireTransactionSchema>

export const WirePurchaseRequestSchema = message(
  {
    liqoCredentials: Type.Optional(
      Type.Unsafe<WireLiqoCredentials>({ ...WireLiqoCredentialsSchema, 'x-aliases': ['credentials'] }),
    ),
    ingressTelemetryEndpoint: Type.Optional(WireTelemetryServerSchema),
    signature: omittedText({
      maxLength: 4_096,
      description: "Detached JWS of the buyer over the draft's terms.",
    }),
  },
  { title: 'PurchaseRequest', description: 'Buys what a transaction holds.' },
)
export type WirePurchaseRequest = Static<typeof WirePurchaseRequestSchema>

/** @throws WireError */
export function decodeReserveRequest(json: unknown): WireReserveRequest {
  return decodeAs(WireReserveRequestSchema, json)
}

/** @returns a plain object whose `JSON.stringify` is the exact message; so for the other encoders. */
export function encodeReserveRequest(request: WireReserveRequest): WireReserveRequest {
  return encodeAs(WireReserveRequestSchema, request) as WireReserveRequest
}

/** @throws WireError */
export function decodeTransaction(json: unknown): WireTransaction {
  return decodeAs(WireTransactionSchema, json)
}

export function encodeTransaction(transaction: WireTransaction): WireTransaction {
  return encodeAs(WireTransactionSchema, transaction) as WireTransaction
}

/**
 * @param json undefined for an empty body, which is as good as `{}`
 * @throws WireError
 */
export function decodePurchaseRequest(json: unknown): WirePurchaseRequest {
  return decodeAs(WirePurchaseRequestSchema, json ?? {})
}

export function encodePurchaseRequest(request: WirePurchaseRequest): WirePurchaseRequest {
  return encodeAs(WirePurchaseRequestSchema, request) as WirePurchaseRequest
}
