/**
 * Writes ledgers: changes of one pool that are asked for while it is being written share the next write.
 *
 * Each is decided on what those before it left, so the order is that of the calls and nothing is sold twice;
 * one compare-and-swap makes all of them durable before any of them is acknowledged. Without this, of many
 * buyers at once one would be served per write and all others would try again. Used in this folder only.
 */
import { mutateStatus, type ObjectStore } from '../kernel/object-store.ts'
import { keyString, type ObjectKey } from '../objects/meta.ts'
import { PoolKind, type Pool, type PoolStatus } from '../objects/pool.ts'

/** @returns the new ledger, or undefined to leave it as it is; may run several times, the last one counts */
export type LedgerChange = (pool: Pool) => PoolStatus | undefined

interface Wish {
  readonly change: LedgerChange
  readonly resolve: (pool: Pool | undefined) => void
  readonly reject: (error: unknown) => void
}

export class PoolWriter {
  readonly #store: ObjectStore
  /** What waits, by pool, for as long as the pool is being written. */
  readonly #waiting = new Map<string, Wish[]>()

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /**
   * @returns the stored pool, with this change and perhaps others in it; undefined when there is none
   * @throws what `change` throws; StoreError when the pool could not be written
   */
  change(key: ObjectKey, change: LedgerChange): Promise<Pool | undefined> {
    return new Promise((resolve, reject) => {
      const wish: Wish = { change, resolve, reject }
      const name = keyString(key)
      const waiting = this.#waiting.get(name)
      if (waiting) {
        waiting.push(wish)
        return
      }
      this.#waiting.set(name, [wish])
      void this.#write(key, name)
    })
  }

  async #write(key: ObjectKey, name: string): Promise<void> {
    for (;;) {
      const wishes = this.#waiting.get(name)!
      if (wishes.length === 0) break
      this.#waiting.set(name, [])
      await this.#writeOnce(key, wishes)
    }
    this.#waiting.delete(name)
  }

  async #writeOnce(key: ObjectKey, wishes: readonly Wish[]): Promise<void> {
    const failures = new Map<Wish, unknown>()
    try {
      const pool = await mutateStatus(this.#store, PoolKind, key, (before) => {
        failures.clear()
        let pool = before
        for (const wish of wishes) {
          try {
            const status = wish.change(pool)
            if (status !== undefined) pool = { ...pool, status }
          } catch (error) {
            failures.set(wish, error)
          }
        }
        return pool.status
      })
      for (const wish of wishes) {
        if (failures.has(wish)) wish.reject(failures.get(wish))
        else wish.resolve(pool)
      }
    } catch (error) {
      for (const wish of wishes) wish.reject(error)
    }
  }
}
