/**
 * Brings the Pools in line with what the configuration puts up for sale. Pools that came from elsewhere are left
 * alone; Available Resources makes the flavors of them.
 */
import type { Config } from '../config/index.ts'
import type { Component } from '../kernel/component.ts'
import { ensure, mutate, mutateStatus, remove } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import { DEFAULT_NAMESPACE, keyOf } from '../objects/meta.ts'
import { PoolKind, type Pool } from '../objects/pool.ts'
import { addAmounts, sameAmounts, subtractAmounts, type Amounts } from '../quantity/amounts.ts'
import { poolSpecs } from './pool-specs.ts'

/** What a new pool's ledger is: nothing held, everything free. */
const emptyLedger = (capacity: Amounts) => ({ revision: 0, entries: [], free: { ...capacity } })
/** Labels the pools that come from the configuration; others are left alone. */
const CONFIGURED = { 'tributary.io/source': 'configuration' }

export class LocalResourceManager implements Component {
  readonly #base: NodeBase
  readonly #config: Pick<Config, 'sell' | 'offers' | 'allowWorkloads' | 'cluster'>

  constructor(base: NodeBase, config: Pick<Config, 'sell' | 'offers' | 'allowWorkloads' | 'cluster'>) {
    this.#base = base
    this.#config = config
    base.informers.of(PoolKind)
  }

  /** Brings the pools in line with the configuration. What is sold stays sold, whatever the configuration says. */
  async start(): Promise<void> {
    const { store } = this.#base
    const wanted = new Map(poolSpecs(this.#config).map(({ name, spec }) => [name, spec]))
    for (const [name, spec] of wanted) {
      const key = { namespace: DEFAULT_NAMESPACE, name }
      await ensure(store, PoolKind, { metadata: { ...key, labels: CONFIGURED }, spec })
      // What is free first: a pool that shrinks must not sell for a moment what it has not any more.
      await mutateStatus(store, PoolKind, key, (pool) => {
        if (pool.status === undefined) return emptyLedger(spec.capacity)
        const { entries } = pool.status
        const free = entries.reduce<Amounts>(
          (left, { amounts }) => subtractAmounts(left, amounts),
          spec.capacity,
        )
        return sameAmounts(free, pool.status.free)
          ? undefined
          : { ...pool.status, free, revision: pool.status.revision + 1 }
      })
      await mutate(store, PoolKind, key, (pool) =>
        JSON.stringify(pool.spec) === JSON.stringify(spec) ? undefined : { ...pool, spec },
      )
    }
    const { items } = await store.list(PoolKind)
    for (const pool of items) {
      const ours = pool.metadata.labels?.['tributary.io/source'] === CONFIGURED['tributary.io/source']
      if (ours && !wanted.has(pool.metadata.name)) await this.#retire(pool)
    }
  }

  async stop(): Promise<void> {}

  /** Off the market; the ledger is kept while contracts run on it. */
  async #retire(pool: Pool): Promise<void> {
    const { store } = this.#base
    if ((pool.status?.entries.length ?? 0) === 0) {
      await remove(store, PoolKind, keyOf(pool))
      return
    }
    const entries = pool.status?.entries ?? []
    const nothing = Object.fromEntries(Object.keys(pool.spec.capacity).map((resource) => [resource, '0']))
    const sold = entries.reduce<Amounts>((sum, { amounts }) => addAmounts(sum, amounts), nothing)
    await mutateStatus(store, PoolKind, keyOf(pool), ({ status }) => ({
      revision: (status?.revision ?? 0) + 1,
      entries: status?.entries ?? [],
      free: nothing,
    }))
    await mutate(store, PoolKind, keyOf(pool), (each) => ({
      ...each,
      spec: { ...each.spec, capacity: sold, retired: true },
    }))
  }
}
