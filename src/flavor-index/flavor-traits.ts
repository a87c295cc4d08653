/**
 * What an answer asks of every flavor that it may tell: whether it is available, who may see it, what type it is.
 *
 * In one byte each, close together: the time of an answer goes mostly into waiting for memory. Used by
 * `FlavorTable` only.
 */
import type { Visibility } from '../objects/flavor.ts'
import type { FlavorTypeName } from '../objects/requirements.ts'
import { WIDTH, type Audience } from '../rear/audience.ts'

/** Of those not available, zero. */
const TYPES: Readonly<Record<FlavorTypeName, number>> = { k8slice: 1, vm: 2, service: 3, sensor: 4 }
const TYPE_BITS = 3
const TYPE_MASK = (1 << TYPE_BITS) - 1

export class FlavorTraits {
  /** By slot. */
  #traits = new Uint8Array(64)

  set(
    slot: number,
    flavor: { readonly available: boolean; readonly visibility: Visibility; readonly type: FlavorTypeName },
  ): void {
    if (slot >= this.#traits.length) {
      const traits = new Uint8Array(Math.max(slot + 1, this.#traits.length * 2))
      traits.set(this.#traits)
      this.#traits = traits
    }
    const { available, visibility, type } = flavor
    this.#traits[slot] = available ? (WIDTH[visibility] << TYPE_BITS) | TYPES[type] : 0
  }

  /** @returns whether the flavor at a slot is available, of the type if one is given, and for the audience */
  test(type: FlavorTypeName | undefined, audience: Audience): (slot: number) => boolean {
    const traits = this.#traits
    const width = WIDTH[audience]
    const wanted = type && TYPES[type]
    return (slot) => {
      const trait = traits[slot]!
      const found = trait & TYPE_MASK
      return found !== 0 && trait >> TYPE_BITS >= width && (wanted === undefined || found === wanted)
    }
  }
}
