/**
 * Versions that nobody can read: a keyed permutation of the server's revisions, in base 36 behind a letter. Neither
 * their length nor their order as texts or numbers says which came first.
 */
import { StoreError } from '../../../src/kernel/object-store.ts'

/** A Mersenne prime: every other number has an inverse. */
const MODULUS = 2n ** 61n - 1n

export interface OpaqueVersions {
  encode(revision: string): string
  /** @throws StoreError `Invalid` for what was never given out */
  decode(version: string): string
}

/** @param key any number; versions under one key are none under another */
export function opaqueVersions(key: number): OpaqueVersions {
  const factor =
    (BigInt(Math.abs(Math.trunc(key))) * 6_364_136_223_846_793_005n + 1_442_695_040_888_963n) % MODULUS
  const inverse = power(factor, MODULUS - 2n)
  return {
    encode: (revision) => `v${(((BigInt(revision) + 1n) * factor) % MODULUS).toString(36)}`,
    decode(version) {
      if (/^v[0-9a-z]{1,13}$/.test(version)) {
        const digits = [...version.slice(1)]
        const number = digits.reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n)
        const revision = ((number * inverse) % MODULUS) - 1n
        if (number < MODULUS && revision >= 0n && revision <= BigInt(Number.MAX_SAFE_INTEGER)) {
          return String(revision)
        }
      }
      throw new StoreError('Invalid', `${JSON.stringify(version)} is not a resource version of this store`)
    },
  }
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let factor = base, left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * factor) % MODULUS
    factor = (factor * factor) % MODULUS
  }
  return result
}
