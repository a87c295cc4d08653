import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FlavorSpec } from '../objects/flavor.ts'
import { compileSelector, indexFlavor, type Selector } from '../rear/wire/index.ts'
import { FlavorTable } from './flavor-table.ts'

type NamedFlavor = { readonly metadata: { readonly name: string }; readonly spec: FlavorSpec }

interface Size {
  readonly cpu?: string
  readonly memory?: string
}

function flavor(name: string, { cpu, memory }: Size, more: Partial<FlavorSpec> = {}): NamedFlavor {
  const characteristics = { architecture: 'amd64', pods: '110', cpu, memory }
  return {
    metadata: { name },
    spec: {
      providerID: 'did:key:z6Mk',
      owner: { domain: 'example.org', nodeID: 'did:key:z6Mk', ip: '127.0.0.1:1' },
      price: { amount: '1', currency: 'EUR', period: 'hour' },
      availability: true,
      flavorType: { typeIdentifier: 'K8Slice', typeData: { characteristics, properties: {}, policies: {} } },
      ...more,
    } as FlavorSpec,
  }
}

const put = (table: FlavorTable, one: NamedFlavor): void =>
  table.set(one.metadata.name, one, JSON.stringify({ flavorID: one.metadata.name }))

function ask(table: FlavorTable, selector: Selector, audience: 'public' | 'internal' = 'public'): string[] {
  const { body, count } = table.select(selector, audience)
  const names = (JSON.parse(Buffer.concat(body).toString()) as { flavorID: string }[]).map(
    ({ flavorID }) => flavorID,
  )
  names.sort()
  expect(names).toHaveLength(count)
  return names
}

const range = (field: 'cpu' | 'memory', min?: string, max?: string): Selector => ({
  flavorType: 'k8slice',
  filters: { [field]: { op: 'range', ...(min && { min }), ...(max && { max }) } },
})

describe('a flavor table', () => {
  it('answers like one that tests every flavor, whatever was put in and taken out before', () => {
    const quantity = fc.constantFrom(
      '0',
      '1',
      '1000m',
      '1001m',
      '999999999n',
      '2',
      '4Gi',
      '4294967296',
      '4294967297',
      '5G',
    )
    const size = fc.record({
      cpu: fc.option(quantity, { nil: undefined }),
      memory: fc.option(quantity, { nil: undefined }),
    })
    const bounds = fc
      .tuple(fc.option(quantity, { nil: undefined }), fc.option(quantity, { nil: undefined }))
      .filter(([min, max]) => min !== undefined || max !== undefined)
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), key: fc.nat(30), size }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key: fc.nat(30) }) },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('ask' as const), cpu: bounds, memory: fc.option(bounds) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('match' as const), cpu: quantity }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const table = new FlavorTable()
        const model = new Map<string, NamedFlavor>()
        const check = (selector: Selector): void => {
          const matches = compileSelector(selector)
          const wanted = [...model].filter(([, one]) => matches(indexFlavor(one))).map(([key]) => key)
          // Twice: the second answer may be one that was kept.
          for (let time = 0; time < 3; time++) expect(ask(table, selector)).toEqual(wanted.sort())
        }
        for (const each of steps) {
          if (each.do === 'ask') {
            const of = ([min, max]: readonly [string | undefined, string | undefined]) =>
              ({ op: 'range', ...(min && { min }), ...(max && { max }) }) as const
            check({ filters: { cpu: of(each.cpu), ...(each.memory && { memory: of(each.memory) }) } })
            continue
          }
          if (each.do === 'match') {
            check({ filters: { cpu: { op: 'match', value: each.cpu } } })
            continue
          }
          const key = `flavor-${each.key}`
          if (each.do === 'set') {
            const one = flavor(key, each.size as Size)
            put(table, one)
            model.set(key, one)
          } else {
            table.delete(key)
            model.delete(key)
          }
        }
        expect(table.size).toBe(model.size)
      }),
    )
  })

  it('tells quantities apart that are the same as floating-point numbers', () => {
    const table = new FlavorTable()
    put(table, flavor('less', { memory: '9007199254740992' }))
    put(table, flavor('more', { memory: '9007199254740993' }))
    expect(ask(table, range('memory', '9007199254740993'))).toEqual(['more'])
    expect(ask(table, range('memory', undefined, '9007199254740992'))).toEqual(['less'])
    expect(ask(table, { filters: { memory: { op: 'match', value: '9007199254740993' } } })).toEqual(['more'])
  })

  it('shows each audience what it may see', () => {
    const table = new FlavorTable()
    put(table, flavor('a', { cpu: '1' }, { visibility: 'internal' }))
    put(table, flavor('b', { cpu: '1' }, { visibility: 'public' }))
    put(table, flavor('c', { cpu: '1' }))
    for (let time = 0; time < 3; time++) {
      expect(ask(table, range('cpu', '1'), 'public')).toEqual(['b', 'c'])
      expect(ask(table, range('cpu', '1'), 'internal')).toEqual(['a', 'b', 'c'])
    }
  })

  it('answers with valid JSON when nothing matches, and when nothing is in it', () => {
    const table = new FlavorTable()
    expect(Buffer.concat(table.select({ filters: {} }, 'public').body).toString()).toBe('[]')
    put(table, flavor('a', { cpu: '1' }))
    expect(Buffer.concat(table.select(range('cpu', '2'), 'public').body).toString()).toBe('[]')
  })

  it('sends what is not ASCII unharmed', () => {
    const table = new FlavorTable()
    table.set('ü', flavor('ü', {}), '{"flavorID":"Zürich 🏔"}')
    expect(ask(table, { filters: {} })).toEqual(['Zürich 🏔'])
  })

  it('keeps up with a flavor that changes all the time and is never asked for', () => {
    const table = new FlavorTable()
    for (let count = 0; count < 5_000; count++) put(table, flavor('a', { cpu: String(count) }))
    expect(ask(table, range('cpu', '4999'))).toEqual(['a'])
    expect(ask(table, range('cpu', undefined, '4998'))).toEqual([])
  })
})
