/** Medians and percentiles. Pure. */

/** @returns the value below which `fraction` (0 to 1) of the values lie; NaN of none */
export function percentile(values: readonly number[] | Float64Array, fraction: number): number {
  const sorted = Float64Array.from(values).sort()
  if (sorted.length === 0) return Number.NaN
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))]!
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** @returns the median over pairs of `a[i] / b[i]`: what changes from round to round does not count */
export function medianRatio(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, index) => value / b[index]!))
}

/** How fast something went, and how long one took. */
export interface Rate {
  readonly count: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
}

/**
 * @param times how long each took, in milliseconds
 * @param elapsedMs how long all took
 */
export function rateOf(times: readonly number[], elapsedMs: number): Rate {
  return {
    count: times.length,
    perSecond: (times.length / elapsedMs) * 1_000,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    longestMs: times.reduce((most, time) => Math.max(most, time), 0),
  }
}

/** @returns the median of each number over rounds, and the longest time of all */
export function medianRate(rates: readonly Rate[]): Rate {
  return {
    count: median(rates.map(({ count }) => count)),
    perSecond: median(rates.map(({ perSecond }) => perSecond)),
    p50Ms: median(rates.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(rates.map(({ p99Ms }) => p99Ms)),
    longestMs: Math.max(...rates.map(({ longestMs }) => longestMs)),
  }
}
