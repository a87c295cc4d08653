import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FlavorSpec, FlavorType, K8Slice } from '../objects/flavor.ts'
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import type { Requirements } from '../objects/requirements.ts'
import { consider } from './consider.ts'
import type { RankingContext } from './ranking-context.ts'
import type { Wanted } from './resources-wanted.ts'

const NOW = Date.UTC(2030, 0, 1)

interface Offer {
  readonly id?: string
  readonly owner?: string
  readonly domain?: string
  readonly price?: Partial<FlavorSpec['price']>
  readonly slice?: Partial<K8Slice['characteristics']>
  readonly properties?: K8Slice['properties']
  readonly partitionability?: K8Slice['policies']['partitionability'] | null
  readonly type?: FlavorType
  readonly location?: FlavorSpec['location']
  readonly available?: boolean
  readonly validUntil?: string
  /** What a catalog says of the provider. */
  readonly rating?: number
  readonly relays?: readonly { ID: string; margin?: string }[]
}

const PARTS = {
  cpuMin: '500m',
  memoryMin: '0',
  podsMin: '0',
  cpuStep: '500m',
  memoryStep: '0',
  podsStep: '0',
}

function offer(of: Offer = {}): PeeringCandidate {
  const { id = 'flavor', owner = 'seller', domain = 'example.org' } = of
  const typeData: K8Slice = {
    characteristics: { architecture: 'amd64', cpu: '4', memory: '8Gi', pods: '10', ...of.slice },
    properties: of.properties ?? {},
    policies: of.partitionability === null ? {} : { partitionability: of.partitionability ?? PARTS },
  }
  return {
    apiVersion: 'advertisement.fluidos.eu/v1alpha1',
    kind: 'PeeringCandidate',
    metadata: {
      name: `candidate-${id}`,
      uid: id,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '',
    },
    spec: {
      interestedSolverIDs: [],
      available: of.available ?? true,
      ...(of.validUntil === undefined ? {} : { validUntil: of.validUntil }),
      ...(of.relays ? { advertisement: { relays: of.relays } } : {}),
      ...(of.rating === undefined
        ? {}
        : { rating: of.rating, advertisement: { catalog: { ID: 'did:catalog', name: 'market' } } }),
      flavor: {
        metadata: { name: id },
        spec: {
          providerID: owner,
          owner: { nodeID: owner, domain, ip: 'x:1' },
          flavorType: of.type ?? { typeIdentifier: 'K8Slice', typeData },
          price: { amount: '4', currency: 'EUR', period: 'hour', ...of.price },
          availability: true,
          ...(of.location ? { location: of.location } : {}),
        },
      },
    },
  }
}

const AROUND: RankingContext = { now: NOW, self: 'me', ratingOf: () => 2.5 }
const wanted = (requirements: Requirements = {}, more: Partial<Wanted> = {}): Wanted => ({
  amounts: { cpu: '1', memory: '1Gi', pods: '1' },
  requirements,
  ...more,
})
const reasonOf = (of: Offer, wish: Wanted = wanted(), around: Partial<RankingContext> = {}): unknown =>
  consider([offer(of)], wish, { ...AROUND, ...around }).considered[0]

describe('an offer', () => {
  it('is taken when nothing speaks against it', () => {
    const { considered, choices } = consider([offer()], wanted(), AROUND)
    expect(considered).toMatchObject([{ flavorID: 'flavor', verdict: 'taken', reason: 'best-score' }])
    expect(choices).toMatchObject([
      { amounts: { cpu: '1', memory: '1Gi', pods: '1' }, price: { amount: '1' } },
    ])
  })

  it('is not refused because a resource that is wanted is called as a member of a refusal', () => {
    const wish = wanted({}, { amounts: { cpu: '1', memory: '1Gi', pods: '1', reason: '0', rejection: '0' } })
    expect(reasonOf({}, wish)).toMatchObject({ verdict: 'taken', reason: 'best-score' })
    const more = wanted({}, { amounts: { cpu: '1', memory: '1Gi', pods: '1', reason: '1' } })
    expect(reasonOf({}, more)).toMatchObject({
      verdict: 'rejected',
      reason: 'reason-short',
      numbers: { wanted: '1' },
    })
  })

  const CAMERA: FlavorType = { typeIdentifier: 'Sensor', typeData: {} }
  const DATABASE: FlavorType = {
    typeIdentifier: 'Service',
    typeData: { name: 'pg', description: '', category: 'database', tags: ['sql', 'acid'] },
  }
  const rejections: readonly [string, Offer, Wanted?, Partial<RankingContext>?][] = [
    ['just-failed', {}, wanted(), { excluded: new Map([['flavor', 'refused']]) }],
    ['just-failed', {}, wanted(), { failedLately: (id) => (id === 'seller' ? 'Unreachable' : undefined) }],
    [
      'just-failed',
      { relays: [{ ID: 'near' }, { ID: 'far' }] },
      wanted(),
      { failedLately: (id) => (id === 'near' ? 'Unreachable' : undefined) },
    ],
    ['own-offer', { owner: 'me' }],
    ['not-available', { available: false }],
    ['stale', { validUntil: '2029-12-31T23:59:59Z' }],
    ['type-mismatch', { type: CAMERA }],
    ['type-mismatch', {}, wanted({ flavorType: 'service' })],
    ['domain-forbidden', {}, wanted({ forbiddenDomains: ['example.org'] })],
    ['domain-not-allowed', {}, wanted({ allowedDomains: ['example.com'] })],
    ['cpu-short', { slice: { cpu: '500m' } }],
    ['memory-short', { slice: { memory: '512Mi' } }],
    ['pods-short', { slice: { pods: '0' } }],
    ['storage-short', {}, wanted({}, { amounts: { storage: '1Gi' } })],
    ['gpu.cores-short', { slice: { gpu: { cores: '1' } } }, wanted({}, { amounts: { 'gpu.cores': '2' } })],
    ['over-maximum', { partitionability: { ...PARTS, cpuMax: '500m' } }],
    ['architecture-mismatch', { slice: { architecture: 'arm64' } }, wanted({ architecture: 'amd64' })],
    ['security-standard-missing', {}, wanted({ securityStandards: ['GDPR'] })],
    ['carbon-too-high', {}, wanted({ maxCarbon: 100 })],
    [
      'carbon-too-high',
      { properties: { 'carbon-footprint': { embodied: 0, operational: [50, 250] } } },
      wanted({ maxCarbon: 100 }),
    ],
    ['property-mismatch', {}, wanted({ properties: { zone: 'a' } })],
    ['latency-too-high', { properties: { latency: 80 } }, wanted({ maxLatencyMs: 50 })],
    ['latency-too-high', {}, wanted({ maxLatencyMs: 50 }), { latencyOf: () => 51 }],
    [
      'category-mismatch',
      { type: DATABASE },
      wanted({ flavorType: 'service', service: { category: 'queue' } }),
    ],
    ['tags-mismatch', { type: DATABASE }, wanted({ flavorType: 'service', service: { tags: ['graph'] } })],
    ['location-mismatch', {}, wanted({ location: { city: 'Turin' } })],
    ['location-mismatch', { location: { country: 'France' } }, wanted({ location: { country: 'Italy' } })],
    ['rating-too-low', {}, wanted({ minRating: 3 })],
    ['price-unclear', { price: { period: 'moon' } }],
    ['currency-mismatch', {}, wanted({ maxPrice: { amount: '9', currency: 'USD', period: 'hour' } })],
    ['over-price', {}, wanted({ maxPrice: { amount: '0.99', currency: 'EUR', period: 'hour' } })],
    ['currency-mismatch', {}, wanted({ budget: { amount: '9', currency: 'USD' } })],
    ['over-budget', {}, wanted({ budget: { amount: '23.99', currency: 'EUR' } }, { duration: '24h' })],
    [
      'over-price',
      { relays: [{ ID: 'r', margin: '1%' }] },
      wanted({ maxPrice: { amount: '1', currency: 'EUR', period: 'hour' } }),
    ],
  ]
  it.each(rejections)('is rejected with %s', (reason, of, wish, around) => {
    expect(reasonOf(of, wish, around)).toMatchObject({ verdict: 'rejected', reason })
  })

  it.each([
    [
      'the same place in other letters',
      { location: { city: 'turin' } },
      wanted({ location: { city: 'Turin' } }),
    ],
    ['exactly the price', {}, wanted({ maxPrice: { amount: '24', currency: 'EUR', period: 'day' } })],
    ['exactly the budget', {}, wanted({ budget: { amount: '24', currency: 'EUR' } }, { duration: '24h' })],
    [
      'no price, in whatever currency',
      { price: { amount: '', currency: '' } },
      wanted({ budget: { amount: '0', currency: 'USD' } }),
    ],
    ['exactly the rating', {}, wanted({ minRating: 2.5 })],
    [
      'one of the tags',
      { type: DATABASE },
      wanted({ flavorType: 'service', service: { tags: ['graph', 'sql'] } }),
    ],
    ['a latency that nobody knows', {}, wanted({ maxLatencyMs: 1 })],
    [
      'what it states',
      { properties: { additionalProperties: { zone: 'a' }, securityStandards: ['GDPR'] } },
      wanted({ properties: { zone: 'a' }, securityStandards: ['GDPR'] }),
    ],
  ] as readonly [string, Offer, Wanted][])('is taken with %s', (_, of, wish) => {
    expect(reasonOf(of, wish)).toMatchObject({ verdict: 'taken' })
  })

  it('says with numbers what is wanted and what is offered', () => {
    expect(reasonOf({ slice: { cpu: '500m' } })).toMatchObject({
      detail: 'cpu: 1 wanted, 500m offered',
      numbers: { wanted: '1', offered: '500m' },
    })
    expect(
      reasonOf({}, wanted({ budget: { amount: '20', currency: 'EUR' } }, { duration: '24h' })),
    ).toMatchObject({
      numbers: { wanted: '20 EUR', over: '4' },
    })
  })

  it('is bought in the size that its policy allows: raised to minimum and step, or whole', () => {
    const sizeOf = (of: Offer, amounts: Wanted['amounts']): unknown =>
      consider([offer(of)], wanted({}, { amounts }), AROUND).choices[0]?.amounts
    expect(sizeOf({}, { cpu: '100m' })).toMatchObject({ cpu: '500m' })
    expect(sizeOf({}, { cpu: '1100m' })).toMatchObject({ cpu: '1500m' })
    expect(sizeOf({ partitionability: null }, { cpu: '1' })).toEqual({ cpu: '4', memory: '8Gi', pods: '10' })
  })

  it('costs what all that stand in between add, one after the other', () => {
    const relays = [
      { ID: 'near', margin: '10%' },
      { ID: 'far', margin: '5%' },
    ]
    const [choice] = consider([offer({ relays })], wanted(), AROUND).choices
    expect(choice!.price.amount).toBe('1.155')
  })
})

describe('several offers', () => {
  const orderOf = (
    offers: readonly Offer[],
    wish = wanted(),
    around: Partial<RankingContext> = {},
  ): readonly string[] =>
    consider(offers.map(offer), wish, { ...AROUND, ...around }).choices.map(
      ({ candidate }) => candidate.spec.flavor.metadata.name,
    )
  const only = (criterion: string): Wanted =>
    wanted(
      {},
      { weights: { price: 0, rating: 0, latency: 0, location: 0, carbon: 0, fit: 0, [criterion]: 1 } },
    )

  it('are ranked by price, whatever its period', () => {
    const offers = [
      { id: 'dear', price: { amount: '5' } },
      { id: 'cheap', price: { amount: '24', period: 'day' } },
      { id: 'free', price: { amount: '' } },
    ]
    expect(orderOf(offers, only('price'))).toEqual(['free', 'cheap', 'dear'])
  })

  describe('that somebody passed on', () => {
    const around = (
      failed: Readonly<Record<string, 'Unreachable' | 'Breached'>>,
    ): Partial<RankingContext> => ({
      domain: 'example.org',
      failedLately: (id, throughOthers) =>
        throughOthers && failed[id] === 'Unreachable' ? undefined : failed[id],
    })
    const verdict = (
      failed: Parameters<typeof around>[0],
      domain = 'example.org',
      relays: Offer['relays'] = [{ ID: 'near' }],
    ) =>
      consider([offer({ relays, domain })], wanted(), { ...AROUND, ...around(failed) }).considered[0]!.reason

    it('are bought through it at once when their owner cannot be reached, and not at all when it failed', () => {
      expect(verdict({ seller: 'Unreachable' })).toBe('best-score')
      expect(verdict({ seller: 'Unreachable' }, 'elsewhere.org')).toBe('best-score')
      expect(verdict({ seller: 'Unreachable' }, 'example.org', [])).toBe('just-failed')
      expect(verdict({ seller: 'Breached' })).toBe('just-failed')
    })

    it('are bought from an owner of our own domain directly when it cannot be reached itself', () => {
      expect(verdict({ near: 'Unreachable' })).toBe('best-score')
      expect(verdict({ near: 'Unreachable' }, 'elsewhere.org')).toBe('just-failed')
      expect(verdict({ near: 'Unreachable', seller: 'Unreachable' })).toBe('just-failed')
    })
  })

  describe('whose provider we know nothing of', () => {
    const stranger = { ratingOf: () => undefined }
    const first = (of: Offer, around: Partial<RankingContext> = stranger) =>
      consider([offer(of)], wanted(), { ...AROUND, ...around }).considered[0]!

    it('are rated a quarter of the way from neutral to what a catalog says, and the numbers say whose word it is', () => {
      expect(first({ rating: 4.5 })).toMatchObject({
        scores: { rating: 0.6 },
        numbers: { rating: '3 of 5 (market says 4.5)' },
      })
      expect(first({ rating: 0.5 }).scores!['rating']).toBe(0.4)
      expect(first({}).scores!['rating']).toBe(0.5)
      expect(first({}).numbers).not.toHaveProperty('rating')
      expect(
        orderOf(
          [
            { id: 'bad', rating: 1 },
            { id: 'good', rating: 4 },
          ],
          wanted(),
          stranger,
        ),
      ).toEqual(['good', 'bad'])
    })

    it('do not come over a minimum rating by what a catalog says', () => {
      const wish = wanted({ minRating: 2.6 })
      expect(reasonOf({ rating: 5 }, wish, stranger)).toMatchObject({ reason: 'rating-too-low' })
    })

    it('are rated by our own facts alone as soon as we have some', () => {
      const { scores, numbers } = first({ rating: 5 }, { ratingOf: () => 2 })
      expect(scores!['rating']).toBe(0.4)
      expect(numbers).not.toHaveProperty('rating')
    })
  })

  it('are ranked by rating, latency, carbon and fit, as the weights say', () => {
    const two = (a: Offer, b: Offer): readonly Offer[] => [
      { ...a, id: 'a', owner: 'a' },
      { ...b, id: 'b', owner: 'b' },
    ]
    expect(orderOf(two({}, {}), only('rating'), { ratingOf: (id) => (id === 'b' ? 4 : 1) })).toEqual([
      'b',
      'a',
    ])
    expect(orderOf(two({}, {}), only('latency'), { latencyOf: (id) => (id === 'b' ? 5 : 90) })).toEqual([
      'b',
      'a',
    ])
    const carbon = (gram: number): Offer => ({
      properties: { 'carbon-footprint': { embodied: 0, operational: [gram] } },
    })
    expect(orderOf(two(carbon(400), carbon(20)), only('carbon'))).toEqual(['b', 'a'])
    expect(orderOf(two({ partitionability: null }, {}), only('fit'))).toEqual(['b', 'a'])
  })

  it('make the one that is chosen depend on the weights', () => {
    const offers = [
      { id: 'cheap', owner: 'cheap', price: { amount: '1' } },
      { id: 'good', owner: 'good', price: { amount: '2' } },
    ]
    const around = { ratingOf: (id: string) => (id === 'good' ? 5 : 1) }
    expect(orderOf(offers, wanted({}, { weights: { price: 10, rating: 1 } }), around)[0]).toBe('cheap')
    expect(orderOf(offers, wanted({}, { weights: { price: 1, rating: 10 } }), around)[0]).toBe('good')
  })

  it('of the same score are ordered by name', () => {
    expect(orderOf([{ id: 'c' }, { id: 'a' }, { id: 'b' }])).toEqual(['a', 'b', 'c'])
  })

  it('get the same verdicts in whatever order they came, each exactly one', () => {
    const one = fc.record({
      price: fc.constantFrom('1', '2', '3', ''),
      cpu: fc.constantFrom('500m', '1', '2', '16'),
      domain: fc.constantFrom('a', 'b'),
      latency: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 12 }), fc.infiniteStream(fc.integer()), (all, order) => {
        const offers = all.map(({ price, cpu, domain, latency }, index) =>
          offer({
            id: `f${index}`,
            owner: `o${index}`,
            price: { amount: price },
            slice: { cpu },
            domain,
            properties: latency === undefined ? {} : { latency },
          }),
        )
        const wish = wanted({ forbiddenDomains: ['b'] })
        const shuffled = offers
          .map((each) => ({ each, key: order.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ each }) => each)
        const first = consider(offers, wish, AROUND)
        const second = consider(shuffled, wish, AROUND)
        expect(second.choices).toEqual(first.choices)
        const byName = (list: typeof first.considered): unknown =>
          [...list].sort((a, b) => (a.flavorID < b.flavorID ? -1 : 1))
        expect(byName(second.considered)).toEqual(byName(first.considered))
        expect(first.considered.map(({ flavorID }) => flavorID).sort()).toEqual(
          offers.map(({ spec }) => spec.flavor.metadata.name).sort(),
        )
        expect(first.considered.filter(({ verdict }) => verdict === 'taken').length).toBe(
          first.choices.length > 0 ? 1 : 0,
        )
        // The best first, and no score outside 0 to 1.
        const scores = first.choices.map(({ score }) => score)
        expect(scores).toEqual([...scores].sort((a, b) => b - a))
        expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true)
      }),
    )
  })
})
