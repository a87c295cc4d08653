/**
 * What may go wrong between a node and a store that is far away, each with its probability, and how long things take.
 */
import type { Random } from '../../../src/kernel/system.ts'

export interface RemoteFaults {
  /** How long a call takes there and back, in milliseconds. */
  readonly latencyMs: readonly [least: number, most: number]
  /** How long a watch may lag behind, in milliseconds; it seldom does for so long, and keeps the order. */
  readonly watchLagMs: number
  /** Of a watch, when it begins and at each event: 410, list again. */
  readonly watchExpired: number
  /** Of a watch at each event: it ends, as API servers end them, and may be resumed. */
  readonly watchEnds: number
  /** Of a list that is continued: 410, begin anew. */
  readonly continueExpired: number
  /** Of a write: somebody else annotates the object just before it. */
  readonly otherWriter: number
  /** Of a call: 429, to be tried again later. */
  readonly throttled: number
  /** Of a call: it never arrives. */
  readonly requestLost: number
  /** Of a write: it takes effect, and nobody hears of it. */
  readonly answerLost: number
}

/** Far away, and faultless. */
export const FAR_AWAY: RemoteFaults = {
  latencyMs: [1, 50],
  watchLagMs: 2_000,
  watchExpired: 0,
  watchEnds: 0,
  continueExpired: 0,
  otherWriter: 0,
  throttled: 0,
  requestLost: 0,
  answerLost: 0,
}

/** What a node has to live with every day. */
export const EVERYDAY_FAULTS: RemoteFaults = {
  ...FAR_AWAY,
  watchExpired: 0.005,
  watchEnds: 0.005,
  continueExpired: 0.05,
  otherWriter: 0.02,
  throttled: 0.01,
  requestLost: 0.005,
  answerLost: 0.01,
}

/** Seeded decisions. */
export class Dice {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** @returns a number from 0 to below 1 */
  roll(): number {
    return Buffer.from(this.#random.bytes(4)).readUInt32LE(0) / 2 ** 32
  }

  happens(probability: number): boolean {
    return probability > 0 && this.roll() < probability
  }

  between(least: number, most: number): number {
    return least + this.roll() * (most - least)
  }
}
