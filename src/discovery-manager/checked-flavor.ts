/** Whether an offer that somebody brought us is its owner's, word for word. Pure. */
import { FLAVOR_SIGNATURE } from '../contract-manager/index.ts'
import { SignatureError, verifyDocument } from '../privacy-and-security-manager/index.ts'
import { decodeFlavor, flavorTerms, WireError, type WireFlavor } from '../rear/wire/index.ts'

/** Why an offer is not taken: stable codes. */
export type FlavorFault =
  'malformed' | 'unsigned' | 'altered' | 'not-by-owner' | 'expired' | 'from-the-future'

export type CheckedFlavor =
  | { readonly flavor: WireFlavor; readonly fault?: undefined }
  | { readonly fault: FlavorFault; readonly flavorID: string | undefined; readonly detail: string }

/** Clocks of two nodes may differ by so much. */
const MOST_CHARACTERS = 64 * 1024
const CLOCK_SKEW_MS = 5 * 60_000

/**
 * @param raw the flavor exactly as it came
 * @param now milliseconds since 1970
 */
export function checkFlavor(raw: unknown, now: number): CheckedFlavor {
  let flavor: WireFlavor
  try {
    flavor = decodeFlavor(raw)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    const flavorID = (raw as { flavorID?: unknown } | null)?.flavorID
    return {
      fault: 'malformed',
      flavorID: typeof flavorID === 'string' ? flavorID.slice(0, 253) : undefined,
      detail: error.message,
    }
  }
  const { flavorID, signature, owner } = flavor
  const faulty = (fault: FlavorFault, detail: string): CheckedFlavor => ({ fault, flavorID, detail })
  // It is stored: whatever is in it, it is no larger.
  if (JSON.stringify(raw).length > MOST_CHARACTERS)
    return faulty('malformed', `it has more than ${MOST_CHARACTERS} characters`)
  if (signature === undefined) return faulty('unsigned', 'it carries no signature')
  try {
    const { signer } = verifyDocument(flavorTerms(raw as object), signature, FLAVOR_SIGNATURE)
    if (signer !== owner.ID) return faulty('not-by-owner', `it is signed by ${signer}, not by its owner`)
  } catch (error) {
    if (!(error instanceof SignatureError)) throw error
    return faulty('altered', error.message)
  }
  if (Date.parse(flavor.timestamp) > now + CLOCK_SKEW_MS) {
    return faulty('from-the-future', `it says that it was made at ${flavor.timestamp}`)
  }
  if (flavor.expirationTime !== undefined && Date.parse(flavor.expirationTime) <= now) {
    return faulty('expired', `it could be bought until ${flavor.expirationTime}`)
  }
  return { flavor }
}
