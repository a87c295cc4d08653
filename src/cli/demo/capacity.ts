/**
 * Whether all that a provider sells is for sale again.
 */
import type { Pool } from '../../objects/pool.ts'
import { compare, parseQuantity } from '../../quantity/index.ts'
import type { ControlClient } from '../control-client.ts'

const POOLS = '/apis/tributary.io/v1alpha1/pools'

export interface Capacity {
  readonly whole: boolean
  /** For example `cpu 4 of 4, memory 4Gi of 4Gi`. */
  readonly text: string
}

/** @returns of all pools of a node, whether nothing is held or allocated and the free part is the whole */
export async function capacityOf(client: ControlClient): Promise<Capacity> {
  const { items } = await client.get<{ items: readonly Pool[] }>(POOLS)
  const parts = items.flatMap(({ spec, status }) =>
    Object.entries(spec.capacity)
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([resource, capacity]) => {
        const free = status?.free[resource] ?? '0'
        const isUnused = status?.holds === 0 && status.allocations === 0
        const whole = isUnused && compare(parseQuantity(free), parseQuantity(capacity)) === 0
        return { whole, text: `${resource} ${free} of ${capacity}` }
      }),
  )
  return {
    whole: parts.length > 0 && parts.every(({ whole }) => whole),
    text: parts.map(({ text }) => text).join(', '),
  }
}
