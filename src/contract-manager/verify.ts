/**
 * Checks a contract offline: with the document alone, no node, no network.
 *
 * Who signed is read from the signatures; that they are the seller and the buyer that the document names,
 * and that the flavor inside is the owner's own, is checked here too.
 */
import { SignatureError, verifyDocument } from '../privacy-and-security-manager/index.ts'
import { parseTime } from '../quantity/time.ts'
import {
  accessOf,
  accessTerms,
  contractSignatures,
  contractTerms,
  decodeContract,
  flavorTerms,
  WireError,
  type WireContract,
  type WireFlavor,
} from '../rear/wire/index.ts'
import { ACCESS_SIGNATURE, CONTRACT_SIGNATURE, FLAVOR_SIGNATURE } from './signature-types.ts'

export interface ContractCheck {
  readonly name:
    'document' | 'seller-signature' | 'buyer-signature' | 'flavor-signature' | 'access-signature' | 'validity'
  readonly ok: boolean
  readonly detail: string
}

export interface ContractVerdict {
  readonly ok: boolean
  readonly checks: readonly ContractCheck[]
  readonly contract?: WireContract
}

/**
 * @param document the contract as JSON, exactly as it was received
 * @param now milliseconds since 1970, for the validity
 */
export function verifyContract(document: unknown, now: number): ContractVerdict {
  let contract: WireContract
  try {
    contract = decodeContract(document)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return {
      ok: false,
      checks: [{ name: 'document', ok: false, detail: `not a contract: ${error.message}` }],
    }
  }
  const terms = contractTerms(document as object)
  const signatures = contractSignatures(contract)
  const flavor = (document as { flavor?: object }).flavor ?? {}
  const checks: ContractCheck[] = [
    { name: 'document', ok: true, detail: `${contract.contractID}, flavor ${contract.flavor.flavorID}` },
    check('seller-signature', terms, signatures.seller, contract.seller.ID, CONTRACT_SIGNATURE),
    check('buyer-signature', terms, signatures.buyer, contract.buyerID.ID, CONTRACT_SIGNATURE),
    verifyFlavor(flavor, contract.flavor),
  ]
  const access = accessCheck(contract)
  if (access !== undefined) checks.push(access)
  const expires = contract.expirationTime
  checks.push(
    expires !== undefined && expires !== '' && parseTime(expires) > now
      ? { name: 'validity', ok: true, detail: `until ${expires}` }
      : { name: 'validity', ok: false, detail: expires === undefined ? 'has no end' : `ended ${expires}` },
  )
  return { ok: checks.every(({ ok }) => ok), checks, contract }
}

/** @returns whether the seller signed what it gives the buyer to use what was bought; undefined where there is nothing */
function accessCheck(contract: WireContract): ContractCheck | undefined {
  const { contractID, seller } = contract
  try {
    const given = accessOf(contract)
    return (
      given &&
      check(
        'access-signature',
        accessTerms(contractID, given.access),
        given.signature,
        seller.ID,
        ACCESS_SIGNATURE,
      )
    )
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return { name: 'access-signature', ok: false, detail: error.message }
  }
}

/**
 * @param raw the flavor exactly as it came
 * @param flavor the same, read
 */
export function verifyFlavor(raw: object, { signature, owner }: WireFlavor): ContractCheck {
  return check('flavor-signature', flavorTerms(raw), signature, owner.ID, FLAVOR_SIGNATURE)
}

function check(
  name: ContractCheck['name'],
  document: unknown,
  signature: string | undefined,
  expected: string,
  type: { readonly type: string },
): ContractCheck {
  if (signature === undefined) return { name, ok: false, detail: 'missing' }
  try {
    const { signer } = verifyDocument(document, signature, type)
    return signer === expected
      ? { name, ok: true, detail: `by ${signer}` }
      : { name, ok: false, detail: `by ${signer}, not by ${expected}` }
  } catch (error) {
    if (!(error instanceof SignatureError)) throw error
    return { name, ok: false, detail: `${error.code}: ${error.message}` }
  }
}
