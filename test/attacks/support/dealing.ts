/** A dealing between a buyer and whoever wants its signature: their identities, an offer, a draft, and the signing. */
import {
  checkDraft,
  CONTRACT_SIGNATURE,
  contractIdOf,
  FLAVOR_SIGNATURE,
  transactionIdOf,
  verifyContract,
} from '../../../src/contract-manager/index.ts'
import type { PeeringCandidate } from '../../../src/objects/peering-candidate.ts'
import type { Requirements } from '../../../src/objects/requirements.ts'
import type { Reservation } from '../../../src/objects/reservation.ts'
import { signDocument } from '../../../src/privacy-and-security-manager/index.ts'
import { consider, draftRejection, type Wanted } from '../../../src/rear-manager/index.ts'
import { configurationOf } from '../../../src/rear/configured-amounts.ts'
import {
  configurationFromWire,
  contractTerms,
  embeddedFlavorFromWire,
  flavorTerms,
  withSignatures,
  type WireContract,
  type WireContractTerms,
  type WireFlavor,
} from '../../../src/rear/wire/index.ts'
import { testIdentity } from '../../support/identities.ts'
import { failed, succeeded, type Tried } from './attack.ts'

export const NOW = Date.UTC(2030, 0, 1)
export const buyer = testIdentity('buyer')
export const seller = testIdentity('seller')
export const relay = testIdentity('relay')
const IDENTITIES = [buyer, seller, relay]
const SIZE = { cpu: '1', memory: '1Gi', pods: '1' }
const KEY = 'key'
const ID = transactionIdOf(buyer.id, KEY)
const nodeOf = ({ id }: typeof buyer) => ({ ID: id, IP: 'there:1', domain: 'example.org' })

type Json = Readonly<Record<string, unknown>>

/** @returns an offer in Germany at 0.05 an hour, with changes, signed by its owner */
export function offer(change: Json = {}): Json {
  const flavor = {
    flavorID: 'example.org-k8slice-00000000-0',
    providerID: seller.id,
    type: {
      name: 'k8slice',
      data: {
        charateristics: { architecture: 'amd64', ...SIZE },
        properties: { securityStandards: ['GDPR'], additionalProperties: { TEE: true } },
        policies: {},
      },
    },
    timestamp: '2030-01-01T00:00:00Z',
    location: { altitude: 'DE', city: 'Berlin' },
    price: { amount: '0.05', currency: 'EUR', period: 'hour' },
    owner: nodeOf(seller),
    availability: true,
    ...change,
  }
  return {
    ...flavor,
    signature: signDocument(flavorTerms(flavor), { ...FLAVOR_SIGNATURE, key: seller.key }),
  }
}

/** @returns what a seller answers RESERVE with, with changes */
export function draft(change: Json = {}): Json {
  return {
    contractID: contractIdOf(ID),
    transactionID: ID,
    flavor: offer(),
    buyerID: nodeOf(buyer),
    buyerClusterID: '',
    seller: nodeOf(seller),
    expirationTime: '2030-01-02T00:00:00Z',
    configuration: configurationOf(SIZE),
    price: { amount: '0.05', currency: 'EUR', period: 'hour' },
    ...change,
  }
}

/** What the buyer chose the offer for. */
export const REQUIREMENTS: Requirements = {
  location: { country: 'DE' },
  securityStandards: ['GDPR'],
  properties: { TEE: true },
  maxPrice: { amount: '0.05', currency: 'EUR', period: 'hour' },
}
const wanted = (requirements: Requirements): Wanted => ({ amounts: SIZE, requirements, duration: '24h' })
const context = { now: NOW, self: buyer.id, ratingOf: () => undefined }

/** @returns the reservation that the buyer made of the offer, with changes */
export function reservation(change: Partial<Reservation['spec']> = {}): Reservation {
  const party = ({ id }: typeof buyer) => ({ nodeID: id, ip: 'there:1', domain: 'example.org' })
  return {
    apiVersion: 'reservation.fluidos.eu/v1alpha1',
    kind: 'Reservation',
    metadata: { name: 'r', uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: '' },
    spec: {
      solverID: 's',
      buyer: party(buyer),
      seller: party(seller),
      owner: seller.id,
      key: KEY,
      flavorID: String(offer()['flavorID']),
      configuration: configurationFromWire(configurationOf(SIZE)),
      price: { amount: '0.05', currency: 'EUR', period: 'hour' },
      until: '2030-01-02T00:00:00Z',
      ...change,
    },
  }
}

/** What a buyer finds wrong with a draft before it signs. */
export type Check = (asked: Reservation, answered: Json) => string | undefined

/** As nodes check it. */
export const asNow: Check = (asked, contract) => {
  const answered = { transactionID: ID, flavorID: asked.spec.flavorID ?? '', contract }
  const { draft: read, complaint } = checkDraft(asked, answered, { self: buyer.id, now: NOW })
  if (complaint !== undefined) return complaint
  const rejection = draftRejection(read, wanted(REQUIREMENTS), context)
  return rejection && `${rejection.reason}: ${rejection.detail}`
}

/** As nodes checked it once: what could not be read as an amount was nothing, and the rest was not looked at. */
export const asBefore: Check = ({ spec }, contract) => {
  const { seller: from, buyerID, flavor, price } = contract as unknown as WireContractTerms
  const read = (amount: string): number => (/^[0-9]{1,30}(\.[0-9]{1,18})?$/.test(amount) ? Number(amount) : 0)
  if (from.ID !== spec.seller.nodeID || buyerID.ID !== buyer.id) return 'names others'
  if (flavor.owner.ID !== spec.owner) return 'is for what another node has'
  if (spec.price === undefined || price === undefined || read(price.amount) === 0) return undefined
  if (price.currency !== spec.price.currency || price.period !== spec.price.period)
    return 'in another currency'
  return read(price.amount) > read(spec.price.amount) ? `costs ${price.amount}` : undefined
}

/** The buyer is asked for its signature under `terms`; it succeeded if there is a contract that both have signed. */
export function askToSign(check: Check, terms: Json, asked: Reservation = reservation()): Tried {
  let complaint: string | undefined
  try {
    complaint = check(asked, terms)
  } catch (error) {
    complaint = (error as Error).message
  }
  if (complaint !== undefined) return failed(complaint)
  const contract = {
    ...terms,
    peeringTargetCredentials: { clusterID: '', kubeconfig: '' },
  } as unknown as WireContract
  const by = IDENTITIES.find(({ id }) => id === contract.seller.ID)!
  const signed = withSignatures(contract, {
    seller: signDocument(contractTerms(contract), { ...CONTRACT_SIGNATURE, key: by.key }),
    buyer: signDocument(contractTerms(contract), { ...CONTRACT_SIGNATURE, key: buyer.key }),
  })
  // The signatures are what counts: an old node reads what a new one refuses to.
  const { checks } = verifyContract(signed, NOW)
  const isSigned = !checks.some(({ name, ok }) => /(seller|buyer)-signature/.test(name) && !ok)
  return isSigned ? succeeded(`signed: ${JSON.stringify(terms)}`) : failed('the signatures are wrong')
}

/** An offer is listed to a buyer that pays at most 0.05 an hour; it succeeded if that is what it would take. */
export function listTo(readFlavor: (json: Json) => WireFlavor, flavor: Json): Tried {
  try {
    const embedded = embeddedFlavorFromWire(readFlavor(flavor))
    const candidate = {
      metadata: { name: 'c' },
      spec: { flavor: embedded, available: true, interestedSolverIDs: [], advertisement: flavor },
    } as unknown as PeeringCandidate
    const { choices, considered } = consider([candidate], wanted(REQUIREMENTS), context)
    return choices.length > 0
      ? succeeded('taken')
      : failed(`${considered[0]?.reason}: ${considered[0]?.detail}`)
  } catch (error) {
    return failed((error as Error).message)
  }
}
