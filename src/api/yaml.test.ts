import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readYaml, writeYaml } from './yaml.ts'

const LIMITS = { depth: 64, values: 100_000 }

describe('the YAML of the control API', () => {
  it('reads back as what was written, here and with another library', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value))
        const text = writeYaml(plain)
        expect(readYaml(text, LIMITS)).toEqual(plain)
        expect(parse(text)).toEqual(plain)
      }),
      { numRuns: 200 },
    )
  })

  it('quotes what readers of YAML 1.1 take for something else than a text', () => {
    const texts = [
      'yes',
      'No',
      'on',
      '2027-01-31',
      '2027-01-31T12:00:00Z',
      '12:30',
      '0x1F',
      '017',
      'null',
      '~',
      '',
    ]
    expect(parse(writeYaml({ texts }), { version: '1.1' })).toEqual({ texts })
  })

  it('leaves out what is undefined, repeats what is shared, and does not break long lines', () => {
    const shared = { cpu: '1', long: 'a b '.repeat(100).trim() }
    const text = writeYaml({ a: shared, b: shared, c: undefined })
    expect(text).toBe(`a:\n  cpu: '1'\n  long: ${shared.long}\nb:\n  cpu: '1'\n  long: ${shared.long}\n`)
  })
})
