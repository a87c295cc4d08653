/** What cannot be read is an error, never nothing; and what the schemas of objects let through can be read. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  AMOUNT_PATTERN,
  CURRENCY_PATTERN,
  DURATION_PATTERN,
  PERIOD_PATTERN,
  TIME_PATTERN,
} from '../objects/schema.ts'
import { parseDuration } from './duration.ts'
import { formatMoney, parseCurrency, parseMoney } from './money.ts'
import { parseMargin, parsePeriod, parsePrice } from './price.ts'
import { parseTime } from './time.ts'
import { UnreadableError } from './unreadable.ts'

describe('money', () => {
  it.each([
    ['1', 1_000_000_000n],
    ['0.000000001', 1n],
    ['12.5', 12_500_000_000n],
    ['007', 7_000_000_000n],
  ])('reads %j as %s billionths', (text, value) => {
    expect(parseMoney(text)).toBe(value)
  })

  it.each([
    '',
    ' ',
    '1e9',
    '1E3',
    '1,000,000.00',
    '1.000.000',
    '-1',
    '+1',
    '1.',
    '.5',
    '0x10',
    '1_000',
    ' 1',
    '٣',
    'NaN',
    '0.0000000001',
    `0.${'1'.repeat(19)}`,
    '1'.repeat(19),
  ])('does not read %j as an amount', (text) => {
    expect(() => parseMoney(text)).toThrow(UnreadableError)
  })

  it('is written as short as possible, and read back the same', () => {
    expect(formatMoney(1_500_000_000n)).toBe('1.5')
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 26n }), (value) => {
        expect(parseMoney(formatMoney(value))).toBe(value)
      }),
    )
  })
})

describe('a price', () => {
  it.each([
    [{ amount: '1', currency: 'EUR', period: 'fortnight' }, 'period'],
    [{ amount: '1', currency: 'EUR', period: '' }, 'period'],
    [{ amount: '1', currency: '', period: 'hour' }, 'currency'],
    [{ amount: '1', currency: 'eur', period: 'hour' }, 'currency'],
    [{ amount: '1', currency: 'E\u202eUR', period: 'hour' }, 'currency'],
    [{ amount: '1e9', currency: 'EUR', period: 'hour' }, 'amount'],
    [{ amount: '0', currency: 'EUR', period: 'constructor' }, 'period'],
  ])('%o cannot be read for its %s', (price, kind) => {
    expect(() => parsePrice(price)).toThrow(expect.objectContaining({ kind }))
  })

  it('may ask nothing, and need not say then in what', () => {
    for (const price of [
      { amount: '', currency: '', period: '' },
      { amount: '0', currency: '', period: '' },
      { amount: '', currency: 'EUR', period: 'hour' },
    ])
      expect(parsePrice(price).billionths).toBe(0n)
  })
})

describe('what cannot be read', () => {
  it.each(['5', '-5%', '1000%', '5.55555%', 'x%', '', '5 %', '1e1%'])('is no margin: %j', (text) => {
    expect(() => parseMargin(text)).toThrow(UnreadableError)
  })

  it.each(['1.5h', '-1h', '10', '', 'h', '1w', '36501d', '99999999999s'])('is no duration: %j', (text) => {
    expect(() => parseDuration(text)).toThrow(UnreadableError)
  })

  it.each([
    ...['', 'tomorrow', '2027-02-30T00:00:00Z', '2027-00-10T00:00:00Z', '2027-01-01', '2027-01-01 00:00:00Z'],
    ...['2027-01-01T25:00:00Z', '2027-01-01T00:00:00', '+012027-01-01T00:00:00Z', '1798761600000'],
  ])('is no time: %j', (text) => {
    expect(() => parseTime(text)).toThrow(UnreadableError)
  })
})

describe('what can be read', () => {
  it.each([
    ['90s', 90],
    ['30m', 1_800],
    ['24h', 86_400],
    ['7d', 604_800],
  ])('is the duration %s, of %s seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
  })

  it('is a time in any zone', () => {
    expect(parseTime('2027-01-31T12:00:00+02:00')).toBe(Date.UTC(2027, 0, 31, 10))
  })

  it.each([
    [AMOUNT_PATTERN, parseMoney],
    [CURRENCY_PATTERN, parseCurrency],
    [PERIOD_PATTERN, parsePeriod],
  ])('is what the schemas of objects let through: %s', (pattern, parse) => {
    const form = new RegExp(pattern)
    fc.assert(
      fc.property(fc.stringMatching(form), (text) => {
        parse(text)
      }),
    )
    const reads = (text: string): boolean => {
      try {
        parse(text)
        return true
      } catch {
        return false
      }
    }
    const words = [
      '1',
      '0.5',
      '1e9',
      '',
      'EUR',
      'eur',
      'hour',
      'Hourly',
      'DAILY',
      'weekly',
      'fortnight',
      'month',
    ]
    for (const text of words) expect([text, form.test(text)]).toEqual([text, reads(text)])
  })

  it('is, but for what is out of bounds, what the other two schemas let through', () => {
    for (const text of ['30s', '24h', '1.5h', ''])
      expect(new RegExp(DURATION_PATTERN).test(text)).toBe(/^[0-9]/.test(text) && !text.includes('.'))
    for (const text of ['2027-01-31T12:00:00Z', '2027-01-31t12:00:00.5+01:00']) {
      expect(new RegExp(TIME_PATTERN).test(text)).toBe(true)
      parseTime(text)
    }
  })
})
