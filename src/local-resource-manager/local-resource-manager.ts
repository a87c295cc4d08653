/**
 * Brings the specs of Pools in line with what the configuration puts up for sale. Pools that came from elsewhere are
 * left alone; Available Resources issues their capacity, and makes the flavors of them.
 */
import { isDeepStrictEqual } from 'node:util'
import type { GuestTerms } from '../objects/guests.ts'
import type { Component } from '../kernel/component.ts'
import { ensure, mutate } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import { inDefaultNamespace, keyOf } from '../objects/meta.ts'
import { PoolKind } from '../objects/pool.ts'
import { poolSpecs, type ForSale } from './pool-specs.ts'

/** Labels the pools that come from the configuration; others are left alone. */
const CONFIGURED = { 'tributary.io/source': 'configuration' }

export class LocalResourceManager implements Component {
  readonly #base: NodeBase
  readonly #config: ForSale

  /** What buyers of compute get here; without it nothing is said of it. */
  #guests: (() => Promise<GuestTerms | undefined>) | undefined

  constructor(base: NodeBase, config: ForSale) {
    this.#base = base
    this.#config = config
    base.informers.of(PoolKind)
  }

  /** Before the start. @param terms finds out what buyers get; where they are refused no compute is put up for sale */
  useGuests(terms: () => Promise<GuestTerms | undefined>): void {
    this.#guests = terms
  }

  /**
   * Brings what is wanted of the pools in line with the configuration. What is sold stays sold, whatever the
   * configuration says: Available Resources sees to that.
   */
  async start(): Promise<void> {
    const { store } = this.#base
    const terms = await this.#guests?.()
    const wanted = new Map(poolSpecs(this.#config, terms).map(({ name, spec }) => [name, spec]))
    for (const [name, spec] of wanted) {
      const key = inDefaultNamespace(name)
      await ensure(store, PoolKind, { metadata: { ...key, labels: CONFIGURED }, spec })
      await mutate(store, PoolKind, key, (pool) =>
        isDeepStrictEqual(pool.spec, spec) ? undefined : { ...pool, spec },
      )
    }
    const { items } = await store.list(PoolKind)
    for (const pool of items) {
      const ours = pool.metadata.labels?.['tributary.io/source'] === CONFIGURED['tributary.io/source']
      if (!ours || wanted.has(pool.metadata.name) || pool.spec.retired === true) continue
      await mutate(store, PoolKind, keyOf(pool), (each) => ({
        ...each,
        spec: { ...each.spec, retired: true },
      }))
    }
  }

  async stop(): Promise<void> {}
}
