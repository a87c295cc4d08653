import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EmbeddedFlavor, Visibility } from '../objects/flavor.ts'
import type { Audience } from '../rear/audience.ts'
import { FlavorTable, type FlavorList } from './flavor-table.ts'
import { ANY_FLAVOR, matches, type Filter, type Selector } from '../rear/wire/index.ts'

interface Made {
  readonly cpu: number
  readonly memory: number
  readonly city: string
  readonly visibility?: Visibility | undefined
  readonly available?: boolean
}

function flavor(name: string, { cpu, memory, city, visibility, available = true }: Made): EmbeddedFlavor {
  return {
    metadata: { name },
    spec: {
      providerID: 'p',
      owner: { domain: 'p.org', nodeID: 'p', ip: 'p:1' },
      price: { amount: '1', currency: 'EUR', period: 'hour' },
      availability: available,
      location: { city },
      ...(visibility ? { visibility } : {}),
      flavorType: {
        typeIdentifier: 'K8Slice',
        typeData: {
          characteristics: { architecture: 'amd64', cpu: String(cpu), memory: `${memory}Gi`, pods: '10' },
          properties: {},
          policies: {},
        },
      },
    },
  }
}

const put = (table: FlavorTable, name: string, made: Made): void =>
  table.set(name, flavor(name, made), JSON.stringify(name))
/** They come in any order. */
const names = (list: FlavorList): readonly string[] =>
  (JSON.parse(Buffer.concat(list.body).toString()) as string[]).toSorted()

const range = (min?: number, max?: number): Filter => ({
  op: 'range',
  ...(min === undefined ? {} : { min: String(min) }),
  ...(max === undefined ? {} : { max: String(max) }),
})

describe('FlavorTable', () => {
  it('answers as looking at every flavor would, whatever came and went and was asked in between', () => {
    const made = fc.record({
      cpu: fc.integer({ min: 1, max: 8 }),
      memory: fc.integer({ min: 1, max: 8 }),
      city: fc.constantFrom('Turin', 'turin', 'Oslo'),
      visibility: fc.constantFrom<(Visibility | undefined)[]>(undefined, 'public', 'listed', 'internal'),
      available: fc.boolean(),
    })
    const bound = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined })
    const selector = fc
      .record({
        least: bound,
        most: bound,
        memory: bound,
        city: fc.option(fc.constantFrom('TURIN', 'Oslo', 'Rome')),
      })
      .map(({ least, most, memory, city }): Selector => ({
        filters: {
          ...(least === undefined && most === undefined
            ? {}
            : { cpu: range(least, most === undefined ? undefined : Math.max(most, least ?? 0)) }),
          ...(memory === undefined ? {} : { memory: { op: 'match', value: `${memory}Gi` } }),
          ...(city === null ? {} : { location: { op: 'match', value: city } }),
        },
      }))
    const step = fc.oneof(
      fc.record({ key: fc.integer({ min: 0, max: 60 }), made: fc.option(made) }),
      fc.record({ selector, audience: fc.constantFrom<Audience[]>('public', 'listed', 'internal') }),
    )
    const sees = {
      public: ['public'],
      listed: ['public', 'listed'],
      internal: ['public', 'listed', 'internal'],
    }
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), (steps) => {
        const table = new FlavorTable()
        const here = new Map<string, EmbeddedFlavor>()
        for (const each of steps) {
          if ('key' in each) {
            const name = `f${each.key}`
            if (each.made) {
              here.set(name, flavor(name, each.made))
              put(table, name, each.made)
            } else {
              here.delete(name)
              table.delete(name)
            }
          } else {
            const expected = [...here.keys()].sort().filter((name) => {
              const one = here.get(name)!
              return (
                matches(each.selector, one).ok &&
                sees[each.audience].includes(one.spec.visibility ?? 'public')
              )
            })
            // Also the one that is kept.
            for (let time = 0; time < 3; time++) {
              expect(names(table.select(each.selector, each.audience))).toEqual(expected)
            }
            expect(table.page(each.selector, each.audience, '', 1_000)).toEqual(expected)
          }
        }
        expect(table.size).toBe(here.size)
      }),
      { numRuns: 50 },
    )
  })

  it('tells quantities apart that are the same as floating-point numbers', () => {
    const table = new FlavorTable()
    const sized = (name: string, memory: string): void => {
      const one = flavor(name, { cpu: 1, memory: 1, city: 'Turin' })
      const { flavorType } = one.spec
      if (flavorType.typeIdentifier !== 'K8Slice') throw new Error('made otherwise')
      const { typeData } = flavorType
      const characteristics = { ...typeData.characteristics, memory }
      const spec = { ...one.spec, flavorType: { ...flavorType, typeData: { ...typeData, characteristics } } }
      table.set(name, { ...one, spec }, JSON.stringify(name))
    }
    sized('less', '9007199254740992')
    sized('more', '9007199254740992001m')
    const ask = (filter: Filter): unknown => names(table.select({ filters: { memory: filter } }, 'public'))
    expect(ask({ op: 'range', min: '9007199254740992001m' })).toEqual(['more'])
    expect(ask({ op: 'range', max: '9007199254740992' })).toEqual(['less'])
    expect(ask({ op: 'match', value: '9007199254740992001m' })).toEqual(['more'])
  })

  it('keeps the answer to a question that comes again until something that belongs in it changes', () => {
    const table = new FlavorTable()
    put(table, 'a', { cpu: 4, memory: 8, city: 'Turin' })
    const small: Selector = { filters: { cpu: { op: 'range', max: '5' } } }
    // One that is asked once is not worth keeping.
    table.select(small, 'public')
    const first = table.select(small, 'public')
    put(table, 'b', { cpu: 16, memory: 8, city: 'Turin' })
    put(table, 'c', { cpu: 4, memory: 8, city: 'Turin', visibility: 'internal' })
    expect(table.select(small, 'public')).toBe(first)
    put(table, 'd', { cpu: 2, memory: 8, city: 'Turin' })
    expect(names(table.select(small, 'public'))).toEqual(['a', 'd'])
    put(table, 'a', { cpu: 32, memory: 8, city: 'Turin' })
    expect(names(table.select(small, 'public'))).toEqual(['d'])
    table.delete('d')
    expect(names(table.select(small, 'public'))).toEqual([])
  })

  it('tells no more than a client reads, and says so', () => {
    const table = new FlavorTable({ mostFlavors: 3 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) put(table, name, { cpu: 1, memory: 1, city: 'Turin' })
    const list = table.select(ANY_FLAVOR, 'public')
    expect(list).toMatchObject({ count: 3, truncated: true, matched: undefined })
    expect(names(list)).toEqual(['a', 'b', 'c'])
    expect(table.page(ANY_FLAVOR, 'public', 'c', 10)).toEqual(['d', 'e'])
  })

  it('encodes at the time of an answer where that depends on the time', () => {
    let now = 0
    const table = new FlavorTable({
      encode: (key) => `"${key} at ${now}"`,
      keep: { ms: 1_000, now: () => now },
    })
    put(table, 'a', { cpu: 1, memory: 1, city: 'Turin' })
    table.select(ANY_FLAVOR, 'public')
    expect(names(table.select(ANY_FLAVOR, 'public'))).toEqual(['a at 0'])
    now = 999
    expect(names(table.select(ANY_FLAVOR, 'public'))).toEqual(['a at 0'])
    now = 1_000
    expect(names(table.select(ANY_FLAVOR, 'public'))).toEqual(['a at 1000'])
    expect(table.encoded('a')).toBe('"a at 1000"')
    expect(table.encoded('b')).toBeUndefined()
  })
})
