/** The component: compare-and-swap on pools, and the projection of pools to flavors and allocations. */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import type { InformerEvent } from '../kernel/informer.ts'
import { ensure, mutateStatus, remove, type WriteOptions } from '../kernel/object-store.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { AllocationKind, type Allocation, type AllocationStatusValue } from '../objects/allocation.ts'
import { FlavorKind, type Flavor } from '../objects/flavor.ts'
import { DEFAULT_NAMESPACE, keyOf, type ObjectKey } from '../objects/meta.ts'
import { PoolKind, type LedgerEntry, type Pool } from '../objects/pool.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { traceAnnotations, type TraceContext } from '../trace/index.ts'
import { allocationName } from './allocation-name.ts'
import { changedEntries, EntryIndex } from './entry-index.ts'
import { flavorOf, poolTag, poolTagOf, type MadeFlavor } from './flavor-of-pool.ts'
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
import { PoolWriter } from './pool-writer.ts'

export type HoldRequest = Omit<LedgerEntry, 'state'>

export interface AvailableResourcesOptions extends NodeBase {
  /** @returns the flavor's detached signature; flavors are signed when they are made, not when they are listed */
  readonly signFlavor: (flavor: {
    readonly metadata: { readonly name: string }
    readonly spec: Flavor['spec']
  }) => string
}

type SignedFlavor = { readonly metadata: { readonly namespace: string; readonly name: string } } & Pick<
  Flavor,
  'spec'
>

/** What only follows from a ledger: it is there a moment later, or after the next start. */
const DEFERRABLE: WriteOptions = { deferrable: true }
/** How many allocations are written at a time. */
const ALLOCATIONS_AT_A_TIME = 16

export class AvailableResources implements Component {
  readonly #options: AvailableResourcesOptions
  readonly #pools: Controller
  readonly #allocations: Controller
  readonly #writer: PoolWriter
  readonly #entries = new EntryIndex()
  /** By pool: the last flavor that was signed, and what it says. */
  readonly #signed = new Map<string, { readonly said: string; readonly flavor: SignedFlavor }>()
  /** By allocation that is still to be made: what it is made for. Lost in a crash; nothing depends on it. */
  readonly #traces = new Map<string, TraceContext>()
  #unsubscribe: (() => void) | undefined

  constructor(options: AvailableResourcesOptions) {
    this.#options = options
    this.#writer = new PoolWriter(options.store)
    const { system, log } = options
    const pools = options.informers.of(PoolKind)
    pools.addIndex('tag', (pool) => [poolTag(pool)])
    const flavors = options.informers.of(FlavorKind)
    options.informers.of(AllocationKind).addIndex('type', ({ spec }) => (spec.type ? [spec.type] : []))
    flavors.addIndex('pool', (flavor) => [flavor.spec.poolName ?? ''])
    this.#pools = new Controller({
      name: 'available-resources',
      system,
      log,
      watches: [
        { informer: pools },
        { informer: flavors, keys: ({ object }) => poolKey(object.spec.poolName) },
      ],
      reconcile: (key) => this.#reconcilePool(key),
    })
    this.#allocations = new Controller({
      name: 'allocations',
      system,
      log,
      concurrency: ALLOCATIONS_AT_A_TIME,
      watches: [
        { informer: pools, keys: allocationsToCheck },
        {
          informer: options.informers.of(AllocationKind),
          keys: ({ object }) => (object.spec.poolName === undefined ? undefined : keyOf(object)),
        },
      ],
      reconcile: (key) => this.#reconcileAllocation(key, DEFERRABLE),
    })
  }

  async start(): Promise<void> {
    // Before the controllers, which ask it.
    this.#unsubscribe ??= this.#options.informers.of(PoolKind).onChange((event) => this.#entries.apply(event))
    await Promise.all([this.#pools.start(), this.#allocations.start()])
  }

  async stop(): Promise<void> {
    await Promise.all([this.#pools.stop(), this.#allocations.stop()])
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#entries.clear()
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
    const { store } = this.#options
    const place = this.#entries.placeOf(id)
    const pool = place && (await store.get(PoolKind, place.pool))
    const entry = pool && entryOf(pool, id)
    if (entry) return { pool, entry }
    // The index may lag behind what was just held: that it knows of none proves nothing.
    for (const other of (await store.list(PoolKind)).items) {
      const found = entryOf(other, id)
      if (found) return { pool: other, entry: found }
    }
    return undefined
  }

  /**
   * RESERVE: holds a part of the pool until `entry.expiresAt`. Durable when it resolves; the flavor and the
   * allocation that follow from it come after. Repeating it has no second effect.
   */
  async hold(
    poolKey: ObjectKey,
    entry: HoldRequest,
    trace?: TraceContext,
  ): Promise<{ readonly pool: Pool } | { readonly refusal: Refusal; readonly pool: Pool | undefined }> {
    const name = allocationName(entry.contractID)
    if (trace) this.#traces.set(name, trace)
    let refusal: Refusal | undefined
    const pool = await this.#writer.change(poolKey, (before) => {
      refusal = undefined
      const result = hold(before, entry, this.#now())
      if ('status' in result) return result.status
      refusal = result.refusal
      return undefined
    })
    if (pool && refusal === undefined) return { pool }
    this.#traces.delete(name)
    const gone: Refusal = { code: 'insufficient-capacity', detail: 'no longer on offer', numbers: {} }
    return { refusal: refusal ?? gone, pool }
  }

  /** PURCHASE: makes a hold an allocation. @returns undefined when the hold is over */
  async allocate(
    id: string,
    purchase: { readonly expiresAt: string; readonly buyerSignature?: string },
  ): Promise<Pool | undefined> {
    const found = await this.poolOfEntry(id)
    if (found === undefined) return undefined
    let missing = false
    const pool = await this.#writer.change(keyOf(found.pool), (before) => {
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
    const pool = await this.#writer.change(keyOf(found.pool), (before) => cancel(before, id))
    return pool === undefined || entryOf(pool, id) === undefined
  }

  /** Gives back what a transaction or contract has; the flavor grows again. */
  async release(id: string): Promise<void> {
    const found = await this.poolOfEntry(id)
    if (found) await this.#writer.change(keyOf(found.pool), (before) => release(before, id))
  }

  /** Step 25: the virtual node of a contract is in use, or no longer. */
  async setActive(contractID: string, active: boolean): Promise<void> {
    const found = await this.poolOfEntry(contractID)
    if (found === undefined) return
    await this.#writer.change(keyOf(found.pool), (before) => setActive(before, contractID, active))
    await this.#reconcileAllocation({ namespace: DEFAULT_NAMESPACE, name: allocationName(contractID) }, {})
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

  /** @returns the active allocations of what we bought, as the local copies show them */
  bought(): readonly Allocation[] {
    return this.#options.informers
      .of(AllocationKind)
      .byIndex('type', 'VirtualNode')
      .filter(({ status }) => status?.status === 'Active')
  }

  /** The contract that gave an allocation which is not cut from a pool of ours is over. */
  async removeAllocation(contractID: string): Promise<void> {
    await remove(this.#options.store, AllocationKind, {
      namespace: DEFAULT_NAMESPACE,
      name: allocationName(contractID),
    })
  }

  /** @returns the signed flavor that follows from a pool, whether it is stored (yet) or not */
  flavorFor({ id, spec: made }: MadeFlavor): SignedFlavor {
    const said = `${id} ${JSON.stringify(made)}`
    const pool = made.poolName ?? ''
    const known = this.#signed.get(pool)
    if (known?.said === said) return known.flavor
    const metadata = { namespace: DEFAULT_NAMESPACE, name: id }
    const spec = { ...made, timestamp: rfc3339(this.#now()) }
    const flavor = { metadata, spec: { ...spec, signature: this.#options.signFlavor({ metadata, spec }) } }
    this.#signed.set(pool, { said, flavor })
    return flavor
  }

  /** The flavor of an earlier revision goes, the one of this revision comes (step 16). Idempotent. */
  async #projectFlavor(pool: Pool, wanted: MadeFlavor | undefined): Promise<void> {
    const { store, informers } = this.#options
    const names = informers
      .of(FlavorKind)
      .byIndex('pool', pool.metadata.name)
      .map((flavor) => flavor.metadata.name)
    const writes: Promise<unknown>[] = names
      .filter((name) => name !== wanted?.id)
      .map((name) => remove(store, FlavorKind, { namespace: DEFAULT_NAMESPACE, name }, DEFERRABLE))
    if (wanted && !names.includes(wanted.id)) {
      writes.push(ensure(store, FlavorKind, this.flavorFor(wanted), DEFERRABLE))
    }
    await Promise.all(writes)
  }

  /** Every entry of a ledger has its allocation, and no other allocation says that it is cut from a pool. */
  async #reconcileAllocation(key: ObjectKey, options: WriteOptions): Promise<void> {
    const { store } = this.#options
    const allocation = await store.get(AllocationKind, key)
    const place = this.#entries.placeOf(key.name)
    const contractID = place?.contractID ?? allocation?.spec.contract?.name
    const poolName = place?.pool ?? poolKey(allocation?.spec.poolName)
    if (contractID === undefined || poolName === undefined) return
    const pool = await store.get(PoolKind, poolName)
    const entry = pool && entryOf(pool, contractID)
    if (entry) await this.#ensureSold(pool, entry, allocation, options)
    else if (allocation?.spec.poolName !== undefined) await remove(store, AllocationKind, key, options)
    this.#traces.delete(key.name)
  }

  async #ensureSold(
    pool: Pool,
    entry: LedgerEntry,
    before: Allocation | undefined,
    options: WriteOptions,
  ): Promise<void> {
    const status: AllocationStatusValue = entry.active === true ? 'Active' : 'Inactive'
    if (before?.status?.status === status) return
    const { id: transactionID, contractID, amounts, forwarding = false } = entry
    const name = allocationName(contractID)
    await this.#ensureAllocation(
      {
        type: 'Node',
        forwarding,
        contract: { name: contractID },
        poolName: pool.metadata.name,
        amounts,
        transactionID,
      },
      this.#traces.get(name),
      options,
    )
    await this.#setAllocationStatus(name, status, options)
  }

  async #ensureAllocation(
    spec: Allocation['spec'] & { readonly contract: { readonly name: string } },
    trace: TraceContext | undefined,
    options: WriteOptions = {},
  ): Promise<void> {
    const name = allocationName(spec.contract.name)
    const metadata = { namespace: DEFAULT_NAMESPACE, name, annotations: traceAnnotations(trace) }
    const { status } = await ensure(this.#options.store, AllocationKind, { metadata, spec }, options)
    if (status === undefined) await this.#setAllocationStatus(name, 'Inactive', options)
  }

  async #setAllocationStatus(
    name: string,
    status: AllocationStatusValue,
    options: WriteOptions = {},
  ): Promise<void> {
    const key = { namespace: DEFAULT_NAMESPACE, name }
    await mutateStatus(
      this.#options.store,
      AllocationKind,
      key,
      (allocation) =>
        allocation.status?.status === status
          ? undefined
          : { ...allocation.status, status, lastUpdateTime: rfc3339(this.#now()) },
      options,
    )
  }

  async #reconcilePool(key: ObjectKey): Promise<{ requeueAfterMs?: number } | void> {
    let pool = await this.#options.store.get(PoolKind, key)
    if (pool === undefined) {
      await this.#removeFlavors(key.name)
      return
    }
    if (expire(pool, this.#now())) {
      pool = (await this.#writer.change(key, (before) => expire(before, this.#now()))) ?? pool
    }
    let flavor = flavorOf(pool, this.#options.self.identity())
    if (flavor && this.#isOutdated(flavor)) {
      // Whoever saw the old one must not get something else under its name.
      pool = (await this.#writer.change(key, (before) => renew(before))) ?? pool
      flavor = flavorOf(pool, this.#options.self.identity())
    }
    await this.#projectFlavor(pool, flavor)
    const next = nextExpiry(pool)
    return next === undefined ? undefined : { requeueAfterMs: Math.max(1, next - this.#now()) }
  }

  /** Whether the stored flavor of this revision says something else than the pool: another price, place or address. */
  #isOutdated({ id, spec }: MadeFlavor): boolean {
    const key = { namespace: DEFAULT_NAMESPACE, name: id }
    const stored = this.#options.informers.of(FlavorKind).get(key)
    if (stored === undefined) return false
    const { timestamp: _, signature: __, ...said } = stored.spec
    return JSON.stringify(said) !== JSON.stringify(spec)
  }

  async #removeFlavors(poolName: string): Promise<void> {
    const { store, informers } = this.#options
    this.#signed.delete(poolName)
    const flavors = informers.of(FlavorKind).byIndex('pool', poolName)
    await Promise.all(flavors.map((each) => remove(store, FlavorKind, keyOf(each))))
  }

  #now(): number {
    return this.#options.system.clock.now()
  }
}

/** The allocations of the entries that came, went or changed. */
function allocationsToCheck(event: InformerEvent<Pool>): readonly ObjectKey[] {
  const { gone, come } = changedEntries(event)
  return [...gone, ...come].map(({ contractID }) => ({
    namespace: DEFAULT_NAMESPACE,
    name: allocationName(contractID),
  }))
}

/** @returns the entry of a transaction or a contract; from the end, since what is new is asked for most */
function entryOf(pool: Pool, id: string): LedgerEntry | undefined {
  return ledgerOf(pool).entries.findLast((entry) => entry.id === id || entry.contractID === id)
}

function poolKey(name: string | undefined): ObjectKey | undefined {
  return name === undefined ? undefined : { namespace: DEFAULT_NAMESPACE, name }
}
