import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FlavorSpec } from '../../objects/flavor.ts'
import type { SelectorObject } from '../../objects/selector.ts'
import { compileSelector, indexFlavor, matches } from './matcher.ts'
import { SELECTOR_FIELD_NAMES, selectorField, SelectorError, type Filter, type Selector } from './selector.ts'
import { selectorFromObject, selectorToObject } from './selector-object.ts'
import {
  encodeSelectorQuery,
  flavorTypeOfSegment,
  MAX_QUERY_LENGTH,
  parseSelectorQuery,
  selectorTarget,
} from './selector-query.ts'

function errorOf(action: () => unknown): { code: string; filter: string } {
  try {
    action()
  } catch (error) {
    if (error instanceof SelectorError) return { code: error.code, filter: error.filter }
    throw error
  }
  throw new Error('nothing was thrown')
}

const k8slice = (query: string): Selector => parseSelectorQuery('k8slice', query)

/** Any sound selector of k8slices. */
const anySelector: fc.Arbitrary<Selector> = fc
  .tuple(
    ...SELECTOR_FIELD_NAMES.map((name): fc.Arbitrary<readonly [string, Filter] | undefined> => {
      const field = selectorField(name)
      if (field.types && !field.types.includes('k8slice')) return fc.constant(undefined)
      const filter: fc.Arbitrary<Filter> =
        field.value === 'number'
          ? fc.oneof(
              fc.nat(99).map((value): Filter => ({ op: 'match', value: `${value}Gi` })),
              fc.nat(99).map((min): Filter => ({ op: 'range', min: String(min) })),
              fc
                .tuple(fc.nat(99), fc.nat(99))
                .map(([min, more]): Filter => ({ op: 'range', min: `${min}m`, max: String(min + more) })),
            )
          : fc.oneof(
              fc.string({ unit: 'grapheme' }).map((value): Filter => ({ op: 'match', value })),
              fc.constantFrom('a.*', '^[ab]+$', 'x&y=z').map((regex): Filter => ({ op: 'pattern', regex })),
            )
      return fc.option(
        filter.map((one) => [name, one] as const),
        { nil: undefined },
      )
    }),
  )
  .map((entries) => ({
    flavorType: 'k8slice',
    filters: Object.fromEntries(entries.filter((entry) => entry !== undefined)),
  }))

describe('selectors in a query', () => {
  it('any selector is read back as it was written', () => {
    fc.assert(
      fc.property(anySelector, (selector) => {
        expect(k8slice(encodeSelectorQuery(selector))).toEqual(selector)
      }),
    )
  })

  it('brackets may be percent-encoded', () => {
    expect(k8slice('filter%5Bcpu%5D%5Brange%5D%5Bmin%5D=1').filters).toEqual({
      cpu: { op: 'range', min: '1' },
    })
  })

  it.each([
    ['storage without the word filter', '[storage][match]=10Gi', { storage: { op: 'match', value: '10Gi' } }],
    ['exact for match', 'filter[cpu][exact]=4', { cpu: { op: 'match', value: '4' } }],
    ['a bound behind match', 'filter[cpu][match][min]=4', { cpu: { op: 'match', value: '4' } }],
    [
      'only the first of repeated keys',
      'filter[cpu][match]=1&filter[cpu][match]=2',
      { cpu: { op: 'match', value: '1' } },
    ],
    ['an exponent with its plus', 'filter[memory][match]=1e+3', { memory: { op: 'match', value: '1e+3' } }],
    ['nothing at all', '', {}],
    [
      'a pattern',
      'filter[architecture][range][regex]=a.*',
      { architecture: { op: 'pattern', regex: 'a.*' } },
    ],
  ])('forgives %s', (_title, query, filters) => {
    expect(k8slice(query).filters).toEqual(filters)
  })

  it.each([
    ['unknown-filter', 'foo=bar'],
    ['unknown-filter', 'filter[colour][match]=red'],
    ['unknown-filter', 'filter[toString][match]=1'],
    ['bad-quantity', 'filter[cpu][match]=lots'],
    ['bad-quantity', 'filter[cpu][range][max]='],
    ['range-without-bound', 'filter[cpu][range]=4'],
    ['match-and-range', 'filter[cpu][range][min]=4&filter[cpu][match]=4'],
    ['bad-filter', 'filter[cpu][range][regex]=4'],
    ['bad-filter', 'filter[architecture][range][min]=4'],
    ['bad-filter', 'filter[cpu][range][average]=4'],
    ['empty-range', 'filter[cpu][range][min]=4&filter[cpu][range][max]=3'],
    ['bad-pattern', 'filter[architecture][range][regex]=(a%2B)%2B'],
    ['filter-not-for-type', 'filter[category][match]=database'],
    ['bad-encoding', 'filter[architecture][match]=%ff'],
    ['query-too-long', `filter[architecture][match]=${'a'.repeat(MAX_QUERY_LENGTH)}`],
  ])('refuses with %s: %s', (code, query) => {
    expect(errorOf(() => k8slice(query)).code).toBe(code)
  })

  it('upstream nodes are not sent what they would refuse or die of', () => {
    const selector = k8slice(
      'filter[cpu][match]=4&filter[storage][match]=1Gi&filter[price][range][max]=1&filter[architecture][range][regex]=a.*',
    )
    expect(selectorTarget(selector, 'upstream')).toBe('/api/v2/flavors/k8slice?filter[cpu][match]=4')
    expect(selectorTarget({ filters: {} })).toBe('/api/v2/flavors')
  })

  it('the type in the path may be in the plural of the documents', () => {
    expect(flavorTypeOfSegment('k8slices')).toBe('k8slice')
    expect(flavorTypeOfSegment('sensors')).toBe('sensor')
    expect(flavorTypeOfSegment('constructor')).toBeUndefined()
  })
})

describe('selectors in objects', () => {
  it('any selector is read back as it was written', () => {
    fc.assert(
      fc.property(anySelector, (selector) => {
        expect(selectorFromObject(selectorToObject(selector))).toEqual(selector)
      }),
    )
  })

  it('reads the form that upstream solvers have, with numbers where YAML made some', () => {
    expect(
      selectorFromObject({
        flavorType: 'K8Slice',
        filters: {
          architectureFilter: { name: 'Match', data: { value: 'amd64' } },
          cpuFilter: { name: 'Range', data: { min: '1000m', max: 8 } },
        },
      }),
    ).toEqual({
      flavorType: 'k8slice',
      filters: {
        architecture: { op: 'match', value: 'amd64' },
        cpu: { op: 'range', min: '1000m', max: '8' },
      },
    })
  })

  it.each([
    ['unknown-filter', { colourFilter: { name: 'Match', data: { value: 'red' } } }],
    ['bad-filter', { cpuFilter: { name: 'Match', data: {} } }],
    ['bad-filter', { cpuFilter: { name: 'Match', data: { value: { a: 1 } } } }],
    ['range-without-bound', { cpuFilter: { name: 'Range', data: {} } }],
    ['bad-filter', { cpuFilter: { name: 'About', data: { value: '1' } } }],
    ['filter-not-for-type', { tagsFilter: { name: 'Match', data: { value: 'sql' } } }],
  ])('refuses with %s', (code, filters) => {
    const object = { flavorType: 'K8Slice', filters } as unknown as SelectorObject
    expect(errorOf(() => selectorFromObject(object)).code).toBe(code)
  })
})

function flavor(
  name: string,
  characteristics: Record<string, unknown> = {},
  properties: Record<string, unknown> = {},
  spec: Partial<FlavorSpec> = {},
): { readonly metadata: { readonly name: string }; readonly spec: FlavorSpec } {
  return {
    metadata: { name },
    spec: {
      providerID: 'p',
      flavorType: {
        typeIdentifier: 'K8Slice',
        typeData: {
          characteristics: {
            architecture: 'amd64',
            cpu: '4',
            memory: '8Gi',
            pods: '110',
            ...characteristics,
          },
          properties,
          policies: {},
        },
      },
      owner: { domain: 'd', nodeID: 'p', ip: '' },
      price: { amount: '0.5', currency: 'EUR', period: 'hour' },
      availability: true,
      location: { city: 'Turin', country: 'Italy' },
      ...spec,
    },
  }
}

describe('matching', () => {
  const offer = flavor(
    'f',
    { storage: '100Gi', gpu: { model: 'A100', cores: '2', memory: '40Gi' } },
    { latency: 5, securityStandards: ['GDPR'], 'carbon-footprint': { embodied: 1, operational: [100, 200] } },
  )

  it.each([
    ['filter[cpu][match]=4000m', true],
    ['filter[cpu][match]=5', false],
    ['filter[memory][range][min]=8192Mi&filter[memory][range][max]=8Gi', true],
    ['filter[memory][range][max]=8', false],
    ['filter[architecture][match]=AMD64', false],
    ['filter[architecture][range][regex]=^(amd)', undefined],
    ['filter[architecture][range][regex]=^amd|arm', true],
    ['filter[storage][range][min]=100Gi', true],
    ['filter[gpu][range][min]=2&filter[gpuModel][match]=A100', true],
    ['filter[gpuMemory][range][min]=80Gi', false],
    ['filter[price][range][max]=0.5&filter[currency][match]=eur', true],
    ['filter[price][range][max]=0.49', false],
    ['filter[location][match]=turin', true],
    ['filter[location][match]=Italy', true],
    ['filter[location][match]=Rome', false],
    ['filter[latency][range][max]=5', true],
    ['filter[latency][range][max]=4', false],
    ['filter[carbon][range][max]=150', true],
    ['filter[security][match]=gdpr', true],
  ])('%s → %s', (query, expected) => {
    if (expected === undefined) return expect(errorOf(() => k8slice(query)).code).toBe('bad-pattern')
    const selector = k8slice(query)
    expect(matches(selector, offer).ok).toBe(expected)
    expect(compileSelector(selector)(indexFlavor(offer))).toBe(expected)
  })

  it('says why not, with both numbers', () => {
    expect(matches(k8slice('filter[cpu][range][min]=8'), offer)).toEqual({
      ok: false,
      reason: 'cpu-mismatch',
      detail: 'wanted cpu ≥ 8, it has 4',
      wanted: '≥ 8',
      found: '4',
    })
    expect(matches(k8slice('filter[storage][match]=1'), flavor('bare'))).toMatchObject({
      reason: 'storage-mismatch',
      detail: 'wanted storage = 1, it states none',
    })
  })

  it('an offer that is not available, or of another type, never matches', () => {
    expect(matches({ filters: {} }, flavor('f', {}, {}, { availability: false }))).toMatchObject({
      reason: 'not-available',
    })
    expect(matches({ flavorType: 'service', filters: {} }, offer)).toMatchObject({ reason: 'wrong-type' })
  })

  it('what an offer does not state, or states as nonsense, matches no filter, and nothing throws', () => {
    const odd = flavor('odd', { cpu: 'lots', storage: undefined })
    for (const query of [
      'filter[cpu][range][min]=0',
      'filter[storage][range][min]=0',
      'filter[latency][range][max]=9',
    ]) {
      expect(matches(k8slice(query), odd).ok).toBe(false)
    }
  })

  it('offers that were written by hand, without what belongs to their type, match nothing and break nothing', () => {
    for (const typeIdentifier of ['K8Slice', 'Service', 'VM', 'Sensor'] as const) {
      const flavorType = { typeIdentifier, typeData: {} } as FlavorSpec['flavorType']
      const bare = indexFlavor(flavor('bare', {}, {}, { flavorType }))
      expect(compileSelector(parseSelectorQuery(undefined, 'filter[cpu][range][min]=0'))(bare)).toBe(false)
      expect(compileSelector(parseSelectorQuery(undefined, 'filter[tags][match]=sql'))(bare)).toBe(false)
    }
  })

  it('an offer that asks nothing costs nothing', () => {
    const free = flavor('free', {}, {}, { price: { amount: '', currency: '', period: '' } })
    expect(matches(k8slice('filter[price][range][max]=0'), free).ok).toBe(true)
  })

  it('services match by category and any one tag', () => {
    const service = flavor(
      's',
      {},
      {},
      {
        flavorType: {
          typeIdentifier: 'Service',
          typeData: { name: 'db', description: '', category: 'database', tags: ['mysql', 'sql'] },
        },
      },
    )
    const query = 'filter[category][match]=database&filter[tags][match]=sql'
    expect(matches(parseSelectorQuery('service', query), service).ok).toBe(true)
    expect(matches(parseSelectorQuery('service', query.replace('=sql', '=s')), service).ok).toBe(false)
  })

  it('of ten thousand offers a compiled selector finds exactly those that match one by one', () => {
    const entries = Array.from({ length: 10_000 }, (_, index) =>
      indexFlavor(
        flavor(`f${index}`, { cpu: `${index % 64}000m`, architecture: index % 3 ? 'amd64' : 'arm64' }),
      ),
    )
    const selector = k8slice('filter[architecture][match]=arm64&filter[cpu][range][min]=60')
    const test = compileSelector(selector)
    const found = entries.filter(test)
    expect(found).toEqual(entries.filter((entry) => matches(selector, entry).ok))
    expect(found.length).toBeGreaterThan(100)
    expect(found.every(({ flavorID }) => Number(flavorID.slice(1)) % 3 === 0)).toBe(true)
  })
})
