/** The component: compare-and-swap on pools, and the projection of pools to flavors and allocations. */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, isStoreError, mutateStatus, remove } from '../kernel/object-store.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { AllocationKind, type Allocation, type AllocationStatusValue } from '../objects/allocation.ts'
import { FlavorKind, type Flavor } from '../objects/flavor.ts'
import { DEFAULT_NAMESPACE, keyOf, type ObjectKey } from '../objects/meta.ts'
import { PoolKind, type LedgerEntry, type Pool, type PoolStatus } from '../objects/pool.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { traceAnnotations, type TraceContext } from '../trace/index.ts'
import { flavorOf, poolTag, poolTagOf } from './flavor-of-pool.ts'
import {
  allocate,
  cancel,
  expire,
  hold,
  ledgerOf,
  nextExpiry,
  release,
  renew,
  setActive,
  type Refusal,
} from './ledger.ts'

export type HoldRequest = Omit<LedgerEntry, 'state'>

export interface AvailableResourcesOptions extends NodeBase {
  /** @returns the flavor's detached signature; flavors are signed when they are made, not when they are listed */
  readonly signFlavor: (flavor: {
    readonly metadata: { readonly name: string }
    readonly spec: Flavor['spec']
  }) => string
}

export class AvailableResources implements Component {
  readonly #options: AvailableResourcesOptions
  readonly #controller: Controller

  constructor(options: AvailableResourcesOptions) {
    this.#options = options
    const pools = options.informers.of(PoolKind)
    pools.addIndex('tag', (pool) => [poolTag(pool)])
    pools.addIndex('entry', (pool) => ledgerOf(pool).entries.flatMap((entry) => [entry.id, entry.contractID]))
    options.informers.of(FlavorKind).addIndex('pool', (flavor) => [flavor.spec.poolName ?? ''])
    const allocations = options.informers.of(AllocationKind)
    allocations.addIndex('pool', (allocation) => [allocation.spec.poolName ?? ''])
    allocations.addIndex('contract', (allocation) => [allocation.spec.contract?.name ?? ''])
    this.#controller = new Controller({
      name: 'available-resources',
      system: options.system,
      log: options.log,
      watches: [
        { informer: pools },
        {
          informer: options.informers.of(FlavorKind),
          keys: ({ object }) => poolKey(object.spec.poolName),
        },
        { informer: allocations, keys: ({ object }) => poolKey(object.spec.poolName) },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  /** @returns the pool that a flavor, current or earlier, was cut from */
  async poolOfFlavor(flavorID: string): Promise<Pool | undefined> {
    const tag = poolTagOf(flavorID)
    if (tag === undefined) return undefined
    const pool = this.#options.informers.of(PoolKind).byIndex('tag', tag)[0]
    // The informer may lag behind; what is decided next is decided on what is stored.
    return pool && (await this.#options.store.get(PoolKind, keyOf(pool)))
  }

  /** @returns the pool that has an entry of this transaction or contract, and the entry */
  async poolOfEntry(id: string): Promise<{ readonly pool: Pool; readonly entry: LedgerEntry } | undefined> {
    const { store, informers } = this.#options
    const seen = informers.of(PoolKind).byIndex('entry', id)[0]
    const stored = seen && (await store.get(PoolKind, keyOf(seen)))
    // The informer may lag behind what was just held: that it knows of none proves nothing.
    const pools = stored ? [stored] : (await store.list(PoolKind)).items
    for (const pool of pools) {
      const entry = ledgerOf(pool).entries.find((each) => each.id === id || each.contractID === id)
      if (entry) return { pool, entry }
    }
    return undefined
  }

  /**
   * RESERVE: holds a part of the pool until `entry.expiresAt`, and brings the flavor in line.
   * Repeating it has no second effect.
   */
  async hold(
    poolKey: ObjectKey,
    entry: HoldRequest,
    trace?: TraceContext,
  ): Promise<{ readonly pool: Pool } | { readonly refusal: Refusal; readonly pool: Pool | undefined }> {
    let refusal: Refusal | undefined
    const pool = await this.#swap(poolKey, (before) => {
      refusal = undefined
      const result = hold(before, entry, this.#now())
      if ('status' in result) return result.status
      refusal = result.refusal
      return undefined
    })
    if (pool === undefined || refusal) {
      const gone: Refusal = { code: 'insufficient-capacity', detail: 'no longer on offer', numbers: {} }
      return { refusal: refusal ?? gone, pool }
    }
    await this.project(pool, trace)
    return { pool }
  }

  /** PURCHASE: makes a hold an allocation. @returns undefined when the hold is over */
  async allocate(
    id: string,
    purchase: { readonly expiresAt: string; readonly buyerSignature?: string },
  ): Promise<Pool | undefined> {
    const found = await this.poolOfEntry(id)
    if (found === undefined) return undefined
    let missing = false
    const pool = await this.#swap(keyOf(found.pool), (before) => {
      const status = allocate(before, id, purchase, this.#now())
      missing = status === undefined
      return status
    })
    return missing ? undefined : pool
  }

  /** Gives a hold back before it was bought. @returns false when it was bought already */
  async cancel(id: string): Promise<boolean> {
    const found = await this.poolOfEntry(id)
    if (found === undefined) return true
    const pool = await this.#swap(keyOf(found.pool), (before) => cancel(before, id))
    if (pool === undefined) return true
    await this.project(pool)
    return !ledgerOf(pool).entries.some((entry) => entry.id === id)
  }

  /** Gives back what a transaction or contract has; the flavor grows again. */
  async release(id: string): Promise<void> {
    const found = await this.poolOfEntry(id)
    if (found === undefined) return
    const pool = await this.#swap(keyOf(found.pool), (before) => release(before, id))
    if (pool) await this.project(pool)
  }

  /** Step 25: the virtual node of a contract is in use, or no longer. */
  async setActive(contractID: string, active: boolean): Promise<void> {
    const found = await this.poolOfEntry(contractID)
    if (found === undefined) return
    const pool = await this.#swap(keyOf(found.pool), (before) => setActive(before, contractID, active))
    if (pool) await this.project(pool)
  }

  /** Step 20: what a contract that we bought gives us, at first inactive. Idempotent. */
  async ensureBought(
    contractID: string,
    amounts: Amounts,
    virtualNode: string,
    trace?: TraceContext,
  ): Promise<void> {
    await this.#ensureAllocation(
      { type: 'VirtualNode', forwarding: false, contract: { name: contractID }, amounts, virtualNode },
      trace,
    )
  }

  /** A supernode's: it holds, or has, something between two others. Idempotent. */
  async ensureForwarding(
    contractID: string,
    amounts: Amounts,
    transactionID: string,
    trace?: TraceContext,
  ): Promise<void> {
    await this.#ensureAllocation(
      { type: 'Node', forwarding: true, contract: { name: contractID }, amounts, transactionID },
      trace,
    )
  }

  /** Steps 27-28, and their like between two others: what was bought is in use. */
  async activate(contractID: string): Promise<void> {
    await this.#setAllocationStatus(allocationName(contractID), 'Active')
  }

  /** The contract that gave an allocation which is not cut from a pool of ours is over. */
  async removeAllocation(contractID: string): Promise<void> {
    await remove(this.#options.store, AllocationKind, {
      namespace: DEFAULT_NAMESPACE,
      name: allocationName(contractID),
    })
  }

  /** @returns the signed flavor that follows from a pool, whether it is stored (yet) or not */
  flavorFor({ id, spec: made }: { readonly id: string; readonly spec: Flavor['spec'] }) {
    const metadata = { namespace: DEFAULT_NAMESPACE, name: id }
    const spec = { ...made, timestamp: rfc3339(this.#now()) }
    return { metadata, spec: { ...spec, signature: this.#options.signFlavor({ metadata, spec }) } }
  }

  /**
   * Brings flavor and allocations in line with a pool: the flavor of an earlier revision goes, the one of
   * this revision comes (step 16), every ledger entry has its allocation. Idempotent.
   */
  async project(pool: Pool, trace?: TraceContext): Promise<void> {
    const { store, informers, self } = this.#options
    const wanted = flavorOf(pool, self.identity())
    const names = new Set(
      informers
        .of(FlavorKind)
        .byIndex('pool', pool.metadata.name)
        .map((flavor) => flavor.metadata.name),
    )
    // The informer may not have seen the flavor of the revision before this one yet.
    const writes: Promise<unknown>[] = [...names]
      .filter((name) => name !== wanted?.id)
      .map((name) => remove(store, FlavorKind, { namespace: DEFAULT_NAMESPACE, name }))
    if (wanted && !names.has(wanted.id)) {
      writes.push(ensure(store, FlavorKind, this.flavorFor(wanted)))
    }
    const entries = new Map(ledgerOf(pool).entries.map((entry) => [allocationName(entry.contractID), entry]))
    const allocations = new Map(
      informers
        .of(AllocationKind)
        .byIndex('pool', pool.metadata.name)
        .map((allocation) => [allocation.metadata.name, allocation]),
    )
    for (const [name, entry] of entries) {
      writes.push(this.#ensureSold(pool, entry, allocations.get(name), trace))
    }
    for (const name of allocations.keys()) {
      if (!entries.has(name))
        writes.push(remove(store, AllocationKind, { namespace: DEFAULT_NAMESPACE, name }))
    }
    await Promise.all(writes)
  }

  async #ensureSold(
    pool: Pool,
    entry: LedgerEntry,
    before: Allocation | undefined,
    trace: TraceContext | undefined,
  ): Promise<void> {
    const status: AllocationStatusValue = entry.active === true ? 'Active' : 'Inactive'
    if (before?.status?.status === status) return
    const { id: transactionID, contractID, amounts, forwarding = false } = entry
    await this.#ensureAllocation(
      {
        type: 'Node',
        forwarding,
        contract: { name: contractID },
        poolName: pool.metadata.name,
        amounts,
        transactionID,
      },
      trace,
    )
    await this.#setAllocationStatus(allocationName(contractID), status)
  }

  async #ensureAllocation(
    spec: Allocation['spec'] & { readonly contract: { readonly name: string } },
    trace: TraceContext | undefined,
  ): Promise<void> {
    const name = allocationName(spec.contract.name)
    const metadata = { namespace: DEFAULT_NAMESPACE, name, annotations: traceAnnotations(trace) }
    const { status } = await ensure(this.#options.store, AllocationKind, { metadata, spec })
    if (status === undefined) await this.#setAllocationStatus(name, 'Inactive')
  }

  async #setAllocationStatus(name: string, status: AllocationStatusValue): Promise<void> {
    const key = { namespace: DEFAULT_NAMESPACE, name }
    await mutateStatus(this.#options.store, AllocationKind, key, (allocation) =>
      allocation.status?.status === status
        ? undefined
        : { ...allocation.status, status, lastUpdateTime: rfc3339(this.#now()) },
    )
  }

  async #reconcile(key: ObjectKey): Promise<{ requeueAfterMs?: number } | void> {
    const { store } = this.#options
    let pool = await store.get(PoolKind, key)
    if (pool === undefined) {
      await this.#removeDerived(key.name)
      return
    }
    if (expire(pool, this.#now())) {
      pool = (await this.#swap(key, (before) => expire(before, this.#now()))) ?? pool
    }
    if (this.#isOutdated(pool)) {
      // Whoever saw the old one must not get something else under its name.
      pool = (await this.#swap(key, (before) => renew(before))) ?? pool
    }
    await this.project(pool)
    const next = nextExpiry(pool)
    return next === undefined ? undefined : { requeueAfterMs: Math.max(1, next - this.#now()) }
  }

  /** Whether the flavor of this revision says something else than the pool: another price, place or address. */
  #isOutdated(pool: Pool): boolean {
    const { informers, self } = this.#options
    const wanted = flavorOf(pool, self.identity())
    const key = { namespace: DEFAULT_NAMESPACE, name: wanted?.id ?? '' }
    const stored = wanted && informers.of(FlavorKind).get(key)
    if (stored === undefined) return false
    const { timestamp: _, signature: __, ...said } = stored.spec
    return JSON.stringify(said) !== JSON.stringify(wanted?.spec)
  }

  async #removeDerived(poolName: string): Promise<void> {
    const { store, informers } = this.#options
    await Promise.all([
      ...informers
        .of(FlavorKind)
        .byIndex('pool', poolName)
        .map((each) => remove(store, FlavorKind, keyOf(each))),
      ...informers
        .of(AllocationKind)
        .byIndex('pool', poolName)
        .map((each) => remove(store, AllocationKind, keyOf(each))),
    ])
  }

  /** One compare-and-swap, repeated while others come between. @returns the stored pool, changed or not */
  async #swap(key: ObjectKey, change: (pool: Pool) => PoolStatus | undefined): Promise<Pool | undefined> {
    try {
      return await mutateStatus(this.#options.store, PoolKind, key, change)
    } catch (error) {
      if (isStoreError(error, 'NotFound')) return undefined
      throw error
    }
  }

  #now(): number {
    return this.#options.system.clock.now()
  }
}

/** @returns the name of the allocation of a contract */
export function allocationName(contractID: string): string {
  return `allocation-${contractID.replace(/^contract-/, '')}`
}

function poolKey(name: string | undefined): ObjectKey | undefined {
  return name === undefined ? undefined : { namespace: DEFAULT_NAMESPACE, name }
}
