/** The documents of a dealing: what a draft must say, what a contract proves, how a contract ends. */
import { describe, expect, it } from 'vitest'
import { testIdentity } from '../../test/support/identities.ts'
import { flavorOf } from '../available-resources/index.ts'
import type { Pool } from '../objects/pool.ts'
import type { Reservation } from '../objects/reservation.ts'
import { signDocument } from '../privacy-and-security-manager/index.ts'
import {
  configurationFromWire,
  contractTerms,
  encodeContract,
  flavorTerms,
  flavorToWire,
  withSignatures,
  type WireContract,
  type WireContractTerms,
  type WireFlavor,
  type WireReserveRequest,
} from '../rear/wire/index.ts'
import { amountsOf, configurationOf } from '../rear/configured-amounts.ts'
import { checkDraft } from './check-draft.ts'
import { mergeClosings, signClosing, type ClosingStatement } from './closing-statement.ts'
import { configurationFor, draftOf } from './contract-draft.ts'
import { contractIdOf, transactionIdOf } from './contract-ids.ts'
import { CONTRACT_SIGNATURE, FLAVOR_SIGNATURE } from './signature-types.ts'
import { verifyContract } from './verify.ts'

const NOW = Date.UTC(2030, 0, 1)
const HOUR = 3_600_000
const seller = testIdentity('seller')
const buyer = testIdentity('buyer')
const stranger = testIdentity('stranger')
const SELLER = { ID: seller.id, IP: 'seller:1', domain: 'example.org' }
const BUYER = { ID: buyer.id, IP: 'buyer:1', domain: 'example.org' }

const POOL: Pool = {
  apiVersion: 'tributary.io/v1alpha1',
  kind: 'Pool',
  metadata: { name: 'p', uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: '' },
  spec: {
    flavorType: 'k8slice',
    capacity: { cpu: '4', memory: '8Gi', pods: '10' },
    partition: {},
    data: { architecture: 'amd64' },
    price: { amount: '4', currency: 'EUR', period: 'hour' },
    access: { url: 'x' },
  },
}

function flavor(): WireFlavor {
  const { id, spec } = flavorOf(POOL, { nodeID: seller.id, ip: 'seller:1', domain: 'example.org' })!
  const made = { metadata: { name: id }, spec: { ...spec, timestamp: '2030-01-01T00:00:00Z' } }
  const signature = signDocument(flavorTerms(flavorToWire(made)), { ...FLAVOR_SIGNATURE, key: seller.key })
  return flavorToWire({ ...made, spec: { ...made.spec, signature } })
}

const KEY = 'key'
const TRANSACTION = transactionIdOf(buyer.id, KEY)

function draft(request: Partial<WireReserveRequest> = {}): WireContractTerms {
  const configuration = configurationOf({ cpu: '1', memory: '1Gi', pods: '1' })
  return draftOf({
    transactionID: TRANSACTION,
    flavor: flavor(),
    buyer: BUYER,
    seller: SELLER,
    configuration,
    amounts: amountsOf(configuration),
    pool: POOL,
    request: { flavorID: 'flavor-1', buyerID: BUYER, ...request } as WireReserveRequest,
    now: NOW,
    isAuthenticated: true,
    longestMs: 24 * HOUR,
  })
}

/** As the seller answers PURCHASE: through JSON, as it arrives. */
function contract(terms: WireContractTerms = draft(), signers = { seller, buyer }): Record<string, never> {
  const whole = { ...terms, peeringTargetCredentials: { clusterID: '', kubeconfig: '' } } as WireContract
  const sign = ({ key }: typeof seller): string =>
    signDocument(contractTerms(whole), { ...CONTRACT_SIGNATURE, key })
  const signed = withSignatures(whole, { seller: sign(signers.seller), buyer: sign(signers.buyer) })
  return JSON.parse(JSON.stringify(encodeContract(signed))) as Record<string, never>
}

describe('ids', () => {
  it('follow from who asks under which key, and from nothing else', () => {
    expect(transactionIdOf('a', 'k')).toBe(transactionIdOf('a', 'k'))
    expect(transactionIdOf('a', 'k')).not.toBe(transactionIdOf('b', 'k'))
    expect(transactionIdOf('a', 'k')).toMatch(/^[0-9a-f]{32}$/)
    expect(contractIdOf('t')).toMatch(/^contract-[0-9a-f]{16}$/)
  })
})

describe('a configuration', () => {
  it('is amounts, and amounts are a configuration', () => {
    const amounts = {
      cpu: '1500m',
      memory: '1Gi',
      pods: '3',
      storage: '10Gi',
      'gpu.cores': '1',
      'gpu.memory': '2Gi',
    }
    expect(amountsOf(configurationOf(amounts))).toEqual(amounts)
    expect(amountsOf({ type: 'service', data: {} } as never)).toEqual({ units: '1' })
  })

  it('with something that is no quantity is refused, naming it', () => {
    const bad = { type: 'k8slice', data: { cpu: 'many', memory: '1Gi', pods: '1' } }
    expect(() => amountsOf(bad as never)).toThrow(/wrong-configuration: cpu/)
  })

  it('is the whole flavor where the buyer sends none, and must be of its type', () => {
    expect(amountsOf(configurationFor(undefined, flavor()))).toMatchObject({
      cpu: '4',
      memory: '8Gi',
      pods: '10',
    })
    expect(() => configurationFor({ type: 'service', data: {} } as never, flavor())).toThrow(
      /wrong-configuration/,
    )
  })
})

describe('a draft', () => {
  it('has the price of the part, no access data yet, and an end that suits both sides', () => {
    expect(draft()).toMatchObject({
      contractID: contractIdOf(TRANSACTION),
      price: { amount: '0.75', currency: 'EUR', period: 'hour' },
      expirationTime: '2030-01-02T00:00:00Z',
    })
    const until = (contractExpirationTime: string): unknown =>
      draft({ contractExpirationTime }).expirationTime
    expect(until('2030-01-01T01:00:00Z')).toBe('2030-01-01T01:00:00Z')
    expect(until('2099-01-01T00:00:00Z')).toBe('2030-01-02T00:00:00Z')
    expect(until('2001-01-01T00:00:00Z')).toBe('2030-01-01T00:00:00Z')
    expect(until('')).toBe('2030-01-02T00:00:00Z')
    expect(() => until('soon')).toThrow(/"soon" is not a time/)
    expect(JSON.stringify(draft())).not.toContain('access')
  })

  it('names the user where that is not the buyer', () => {
    expect(draft({ user: stranger.id }).extraInformation).toMatchObject({ 'tributary.io/user': stranger.id })
    expect(draft({ user: buyer.id }).extraInformation).toBeUndefined()
  })

  const asked = (change: Partial<Reservation['spec']> = {}): Pick<Reservation, 'spec' | 'metadata'> => ({
    metadata: { ...POOL.metadata, name: 'r' },
    spec: {
      solverID: 's',
      key: KEY,
      buyer: { nodeID: buyer.id, ip: 'buyer:1', domain: 'example.org' },
      seller: { nodeID: seller.id, ip: 'seller:1', domain: 'example.org' },
      owner: seller.id,
      configuration: configurationFromWire(configurationOf({ cpu: '1000m', memory: '1024Mi', pods: '1' })),
      price: { amount: '1', currency: 'EUR', period: 'hour' },
      until: '2030-01-02T00:00:00Z',
      ...change,
    },
  })

  const complaintOf = (terms: unknown, change: Partial<Reservation['spec']> = {}): string | undefined =>
    checkDraft(
      asked(change),
      { transactionID: TRANSACTION, flavorID: 'f', contract: JSON.parse(JSON.stringify(terms)) as unknown },
      { self: buyer.id, now: NOW },
    ).complaint

  it('that says what was asked for is signed, also when it is better', () => {
    expect(complaintOf(draft())).toBeUndefined()
    const cheaper = { ...draft(), price: { amount: '0.5', currency: 'EUR', period: 'hour' } }
    expect(complaintOf(cheaper)).toBeUndefined()
    const daily = { ...draft(), price: { amount: '24', currency: 'EUR', period: 'day' } }
    expect(complaintOf(daily, { price: { amount: '1', currency: 'EUR', period: 'Hourly' } })).toContain(
      'period',
    )
    const free = { ...draft(), price: { amount: '', currency: '', period: '' } }
    expect(complaintOf(free)).toBeUndefined()
    const { price: _, ...unpriced } = draft()
    expect(complaintOf(unpriced)).toBeUndefined()
  })

  it.each([
    ['is missing', undefined],
    ['names another seller', { seller: { ...SELLER, ID: stranger.id } }],
    ['names another buyer', { buyerID: { ...BUYER, ID: stranger.id } }],
    ['is for what another node has', { flavor: { ...flavor(), owner: { ...SELLER, ID: stranger.id } } }],
    ['has no end', { expirationTime: undefined }],
    ['ends 2030-01-02T00:06:00Z', { expirationTime: '2030-01-02T00:06:00Z' }],
    ['is for no k8slice', { configuration: undefined }],
    ['gives 500m cpu', { configuration: configurationOf({ cpu: '500m', memory: '1Gi', pods: '1' }) }],
    ['costs 1.000001', { price: { amount: '1.000001', currency: 'EUR', period: 'hour' } }],
    ['another currency or period', { price: { amount: '1', currency: 'USD', period: 'hour' } }],
    ['another currency or period', { price: { amount: '1', currency: 'EUR', period: 'minute' } }],
    ['costs 2', { Price: { amount: '2', currency: 'EUR', period: 'hour' } }],
    ['is of another transaction', { transactionID: 't' }],
    ['is of another transaction', { contractID: contractIdOf('t') }],
    ['its owner did not sign', { flavor: { ...flavor(), location: { city: 'Berlin' } } }],
    ['its owner did not sign', { flavor: { ...flavor(), signature: '' } }],
    ['adds a margin of 5%, stated was none', { extraInformation: { 'tributary.io/margin': '5%' } }],
    ['ended 2029-12-31T00:00:00Z', { expirationTime: '2029-12-31T00:00:00Z' }],
    [
      'gives 1 gpu.cores',
      { configuration: configurationOf({ cpu: '1', memory: '1Gi', pods: '1', 'gpu.cores': '1' }) },
    ],
  ])('that %s is not', (complaint, change) => {
    expect(complaintOf(change === undefined ? null : { ...draft(), ...change })).toContain(complaint)
  })
})

describe('a contract', () => {
  const failed = (document: unknown, now = NOW): readonly string[] =>
    verifyContract(document, now)
      .checks.filter(({ ok }) => !ok)
      .map(({ name }) => name)

  it('that both sides signed is valid until it ends', () => {
    expect(verifyContract(contract(), NOW)).toMatchObject({ ok: true })
    expect(failed(contract(), NOW + 25 * HOUR)).toEqual(['validity'])
  })

  it('signed by somebody else than it names is not', () => {
    expect(failed(contract(draft(), { seller: stranger, buyer }))).toEqual(['seller-signature'])
    expect(failed(contract(draft(), { seller, buyer: stranger }))).toEqual(['buyer-signature'])
    // A seller cannot sign for both.
    expect(failed(contract(draft(), { seller, buyer: seller }))).toEqual(['buyer-signature'])
  })

  /** Every leaf of the document, as a path. */
  function leaves(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
    if (typeof value !== 'object' || value === null) return [path]
    return Object.entries(value).flatMap(([name, member]) => leaves(member, [...path, name]))
  }
  function changed(document: object, path: readonly string[]): object {
    const copy = structuredClone(document) as Record<string, unknown>
    let at = copy
    for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>
    const last = path.at(-1)!
    const before = at[last]
    at[last] =
      typeof before === 'boolean' ? !before : typeof before === 'number' ? before + 1 : `${String(before)}0`
    return copy
  }

  it('is found out whichever member of it is changed', () => {
    const document = contract()
    // Not part of the terms: says nothing that binds anybody, and is empty as a rule.
    const unsigned = /^peeringTargetCredentials/
    const paths = leaves(document).filter((path) => !unsigned.test(path.join('.')))
    expect(paths.length).toBeGreaterThan(25)
    for (const path of paths) expect(failed(changed(document, path)), path.join('.')).not.toEqual([])
  })

  it('is found out when a member is added or taken away', () => {
    expect(failed({ ...contract(), extra: 'yes' })).toContain('seller-signature')
    const { price: _, ...withoutPrice } = contract() as Record<string, unknown>
    expect(failed(withoutPrice)).not.toEqual([])
  })

  it('with the flavor of another owner inside is found out, although both sides signed it', () => {
    const forged = { ...flavor(), price: { amount: '0.1', currency: 'EUR', period: 'hour' } }
    expect(failed(contract({ ...draft(), flavor: forged }))).toEqual(['flavor-signature'])
  })

  it.each([undefined, null, 'text', 7, [], {}, { contractID: 'x' }])(
    'is not %j, which throws nothing',
    (document) => {
      expect(failed(document)).toEqual(['document'])
    },
  )
})

describe('closing statements', () => {
  const statement = (closedBy: string, closedAt: string): ClosingStatement => ({
    ...{ contractID: 'c', closedBy, closedAt, reason: 'done' },
  })
  const bySeller = signClosing(statement(seller.id, '2030-01-01T00:00:01Z'), {}, seller)
  const byBuyer = signClosing(statement(buyer.id, '2030-01-01T00:00:02Z'), {}, buyer)

  it('of both sides at once become one, the same on both sides', () => {
    expect(mergeClosings(bySeller, byBuyer)).toEqual(bySeller)
    expect(mergeClosings(byBuyer, bySeller)).toEqual(bySeller)
    expect(mergeClosings(undefined, byBuyer)).toEqual(byBuyer)
  })

  it('that are the same keep the signatures of both', () => {
    const signed = signClosing(bySeller.statement, bySeller.signatures, buyer)
    expect(Object.keys(mergeClosings(bySeller, signed).signatures).sort()).toEqual(
      [buyer.id, seller.id].sort(),
    )
    expect(Object.keys(mergeClosings(signed, bySeller).signatures)).toHaveLength(2)
  })
})
