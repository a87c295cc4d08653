/**
 * How long to wait before the next attempt: twice as long each time, up to a bound.
 * @param before how many attempts in a row failed before the last one did; 0 for the first failure
 * @param firstMs the pause after the first failure, in milliseconds
 * @param longestMs no pause is longer
 * @returns milliseconds
 */
export function backOff(before: number, firstMs: number, longestMs: number): number {
  // Bounded, since nothing times infinity is no number.
  return Math.min(longestMs, firstMs * 2 ** Math.min(before, 40))
}
