/**
 * Contract on the wire, and what of a contract or flavor is signed.
 *
 * Signatures travel in `extraInformation`, which upstream's nodes carry unchanged; `price` is ours.
 */
import Type, { type Static } from 'typebox'
import { decodeAs, encodeAs } from './codec.ts'
import { WireConfigurationSchema } from './configuration.ts'
import { WireFlavorSchema } from './flavor.ts'
import { id, message, omittedText, plainText, time } from './members.ts'
import {
  WireLiqoCredentialsSchema,
  WireNodeIdentitySchema,
  WirePriceSchema,
  WireTelemetryServerSchema,
  type WireLiqoCredentials,
  type WireNodeIdentity,
} from './node-identity.ts'
import { WireError } from './wire-error.ts'

/** Keys of `extraInformation` under which the signatures travel. */
export const SELLER_SIGNATURE = 'tributary.io/seller-signature'
export const BUYER_SIGNATURE = 'tributary.io/buyer-signature'
/**
 * Keys under which the seller hands over what the buyer gets to use what it bought, as JSON, and signs that. It is no
 * part of the terms: the buyer signs those before it has paid.
 */
const ACCESS = 'tributary.io/access'
const ACCESS_SIGNATURE_KEY = 'tributary.io/access-signature'
const BESIDE_TERMS: ReadonlySet<string> = new Set([
  SELLER_SIGNATURE,
  BUYER_SIGNATURE,
  ACCESS,
  ACCESS_SIGNATURE_KEY,
])

const before = {
  contractID: id(),
  transactionID: id(),
  flavor: WireFlavorSchema,
  buyerID: Type.Unsafe<WireNodeIdentity>({ ...WireNodeIdentitySchema, 'x-aliases': ['buyer'] }),
  buyerClusterID: plainText(),
  seller: WireNodeIdentitySchema,
}
const after = {
  expirationTime: Type.Optional(time({ 'x-omit-empty': true })),
  extraInformation: Type.Optional(Type.Record(Type.String(), Type.String(), { 'x-omit-empty': true })),
  configuration: Type.Optional(WireConfigurationSchema),
  networkAuthorizations: omittedText({ 'x-aliases': ['networkRequests'] }),
  ingressTelemetryEndpoint: Type.Optional(WireTelemetryServerSchema),
  price: Type.Optional(WirePriceSchema),
}

export const WireContractSchema = message(
  {
    ...before,
    peeringTargetCredentials: Type.Unsafe<WireLiqoCredentials>({
      ...WireLiqoCredentialsSchema,
      'x-aliases': ['credentials'],
      default: { clusterID: '', kubeconfig: '' },
    }),
    ...after,
  },
  { title: 'Contract', description: 'What buyer and seller agreed.' },
)
/** A contract with the wire's names. */
export type WireContract = Static<typeof WireContractSchema>

/** A contract without credentials and signatures: what both sides sign. */
export const WireContractTermsSchema = message(
  { ...before, ...after },
  { title: 'ContractTerms', description: 'The part of a contract that is signed.' },
)
export type WireContractTerms = Static<typeof WireContractTermsSchema>

/** @throws WireError */
export function decodeContract(json: unknown, path = '$'): WireContract {
  return decodeAs(WireContractSchema, json, path)
}

/** @returns a plain object whose `JSON.stringify` is the exact message. */
export function encodeContract(contract: WireContract): WireContract {
  const encoded = encodeAs(WireContractSchema, contract) as WireContract
  const extra = encoded.extraInformation
  // Upstream's encoder sorts the keys of a map.
  return extra
    ? {
        ...encoded,
        extraInformation: Object.fromEntries(Object.entries(extra).sort(([a], [b]) => (a < b ? -1 : 1))),
      }
    : encoded
}

/**
 * What is signed of a contract: all but the credentials, the access data and the signatures. An `extraInformation` that
 * held nothing else goes too, so that a draft without one has the same terms.
 *
 * Works on a decoded contract and on the JSON as received; to verify, pass the latter.
 */
export function contractTerms<T extends object>(contract: T): Omit<T, 'peeringTargetCredentials'> {
  const {
    peeringTargetCredentials: _credentials,
    extraInformation,
    ...rest
  } = contract as Record<string, unknown>
  if (typeof extraInformation !== 'object' || extraInformation === null) {
    return rest as Omit<T, 'peeringTargetCredentials'>
  }
  const others = Object.fromEntries(
    Object.entries(extraInformation).filter(([name]) => !BESIDE_TERMS.has(name)),
  )
  const terms = Object.keys(others).length === 0 ? rest : { ...rest, extraInformation: others }
  return terms as Omit<T, 'peeringTargetCredentials'>
}

/** @returns the signatures that a contract carries. */
export function contractSignatures(contract: {
  readonly extraInformation?: Readonly<Record<string, string>>
}): {
  readonly seller?: string
  readonly buyer?: string
} {
  const { [SELLER_SIGNATURE]: seller, [BUYER_SIGNATURE]: buyer } = contract.extraInformation ?? {}
  return { ...(seller === undefined ? {} : { seller }), ...(buyer === undefined ? {} : { buyer }) }
}

const AccessDataSchema = Type.Record(Type.String(), Type.String())
/** What a buyer gets to use what it bought, by name: an address, a user, a password. */
export type AccessData = Readonly<Record<string, string>>

/** What the seller signs of the access data: those of another contract are no use here. */
export function accessTerms(contractID: string, access: AccessData): object {
  return { contractID, access }
}

/** @returns the contract with what its buyer gets, and the seller's signature of that */
export function withAccess(contract: WireContract, access: AccessData, signature: string): WireContract {
  return {
    ...contract,
    extraInformation: {
      ...contract.extraInformation,
      [ACCESS]: JSON.stringify(access),
      [ACCESS_SIGNATURE_KEY]: signature,
    },
  }
}

/**
 * @returns the access data of a contract, and the signature of it; undefined when it has none
 * @throws WireError when it cannot be read
 */
export function accessOf({
  extraInformation,
}: Pick<WireContract, 'extraInformation'>):
  { readonly access: AccessData; readonly signature: string } | undefined {
  const text = extraInformation?.[ACCESS]
  if (text === undefined) return undefined
  const path = `$.extraInformation.${ACCESS}`
  const access = decodeAs<AccessData>(AccessDataSchema, parseJson(text, path), path)
  return { access, signature: extraInformation?.[ACCESS_SIGNATURE_KEY] ?? '' }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new WireError('malformed-json', path, 'is not JSON', { cause })
  }
}

/** @returns what third parties may see of a contract: no credentials and no access data, none of which are signed terms */
export function withoutSecrets(contract: WireContract): object {
  const { peeringTargetCredentials: _, extraInformation, ...rest } = contract
  if (extraInformation === undefined) return rest
  const shown = Object.entries(extraInformation).filter(
    ([key]) => key !== ACCESS && key !== ACCESS_SIGNATURE_KEY,
  )
  return { ...rest, extraInformation: Object.fromEntries(shown) }
}

/** @returns the contract with the given signatures in place. */
export function withSignatures(
  contract: WireContract,
  signatures: { readonly seller?: string; readonly buyer?: string },
): WireContract {
  return {
    ...contract,
    extraInformation: {
      ...contract.extraInformation,
      ...(signatures.buyer === undefined ? {} : { [BUYER_SIGNATURE]: signatures.buyer }),
      ...(signatures.seller === undefined ? {} : { [SELLER_SIGNATURE]: signatures.seller }),
    },
  }
}

/**
 * What the owner signed of a flavor: all but the signature and what those who passed it on added (`relays`:
 * who stands in between and for which margin; `catalog`: what a catalog says of it).
 */
export function flavorTerms<T extends object>(flavor: T): Omit<T, 'signature' | 'relays' | 'catalog'> {
  const {
    signature: _signature,
    relays: _relays,
    catalog: _catalog,
    ...terms
  } = flavor as Record<string, unknown>
  return terms as Omit<T, 'signature' | 'relays' | 'catalog'>
}
