import { expect, it } from 'vitest'
import { backOff } from './back-off.ts'

it('waits twice as long after each failure, and never longer than the bound, however many there were', () => {
  expect([0, 1, 2, 3, 4].map((before) => backOff(before, 200, 1_000))).toEqual([200, 400, 800, 1_000, 1_000])
  expect(backOff(1_000_000, 200, 1_000)).toBe(1_000)
  expect(backOff(1_000_000, 0, 1_000)).toBe(0)
})
