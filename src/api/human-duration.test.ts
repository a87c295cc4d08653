import { expect, it } from 'vitest'
import { humanDuration } from './human-duration.ts'

const S = 1000
const M = 60 * S
const H = 60 * M
const D = 24 * H

it.each([
  [-5 * S, '<invalid>'],
  [-1500, '0s'],
  [0, '0s'],
  [119 * S, '119s'],
  [120 * S, '2m'],
  [185 * S, '3m5s'],
  [10 * M + 5 * S, '10m'],
  [3 * H, '3h'],
  [7 * H + 59 * M, '7h59m'],
  [47 * H, '47h'],
  [2 * D + 3 * H, '2d3h'],
  [100 * D, '100d'],
  [800 * D, '2y70d'],
  [4000 * D, '10y'],
])('%i ms is %s, as kubectl shows it', (ms, text) => expect(humanDuration(ms)).toBe(text))
