/**
 * Local Resource Manager: measures the machine and turns what the configuration puts up for sale into Pools.
 * Available Resources makes the flavors of them.
 */
import { arch, availableParallelism, totalmem } from 'node:os'
import type { Config } from '../config/index.ts'
import type { Component } from '../kernel/component.ts'
import { ensure, mutate, mutateStatus, remove } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import { DEFAULT_NAMESPACE, keyOf } from '../objects/meta.ts'
import { PoolKind, type Pool, type PoolSpec } from '../objects/pool.ts'
import { canonical } from '../quantity/index.ts'
import { addAmounts, sameAmounts, subtractAmounts, type Amounts } from '../quantity/amounts.ts'

/** Kubernetes' names of processor architectures, by Node's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
}

/** @returns this machine's architecture as Kubernetes calls it */
export function localArchitecture(): string {
  return ARCHITECTURES[arch()] ?? arch()
}

/** @returns what the whole machine has */
export function measuredCapacity(): Amounts {
  return {
    cpu: String(availableParallelism()),
    memory: canonical(`${Math.floor(totalmem() / 2 ** 20)}Mi`),
    pods: '110',
  }
}

/** What a new pool's ledger is: nothing held, everything free. */
const emptyLedger = (capacity: Amounts) => ({ revision: 0, entries: [], free: { ...capacity } })
const FREE: PoolSpec['price'] = { amount: '', currency: '', period: '' }
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

/** @returns the pools that a configuration asks for. Pure. */
export function poolSpecs(
  config: Pick<Config, 'sell' | 'offers'>,
): readonly { readonly name: string; readonly spec: PoolSpec }[] {
  const pools: { name: string; spec: PoolSpec }[] = []
  const { sell } = config
  if (sell) {
    const capacity = Object.fromEntries(
      Object.entries(sell.capacity).map(([resource, amount]) => [resource, canonical(amount)]),
    )
    pools.push({
      name: 'compute',
      spec: {
        flavorType: 'k8slice',
        capacity: { pods: '110', ...capacity },
        partition: { ...sell.partition },
        data: { architecture: localArchitecture(), properties: sell.properties ?? {} },
        price: sell.price ?? FREE,
        ...(sell.location ? { location: sell.location } : {}),
        ...(sell.visibility ? { visibility: sell.visibility } : {}),
      },
    })
  }
  for (const offer of config.offers ?? []) {
    pools.push({
      name: `offer-${offer.name}`,
      spec: {
        flavorType: offer.type,
        capacity: { units: String(offer.units ?? 1) },
        partition: {},
        data: { ...offer.data },
        price: offer.price ?? FREE,
        ...(offer.location ? { location: offer.location } : {}),
        ...(offer.visibility ? { visibility: offer.visibility } : {}),
        ...(offer.access ? { access: offer.access } : {}),
      },
    })
  }
  return pools
}
