/** The component: what is on offer, who holds and has what of it, and the allocations that follow. */
import type { Component } from '../kernel/component.ts'
import type { NodeBase } from '../node-base.ts'
import { keyOf, type ObjectKey } from '../objects/meta.ts'
import type { Allocation } from '../objects/allocation.ts'
import { PoolKind, type Pool } from '../objects/pool.ts'
import { PoolShardKind } from '../objects/pool-shard.ts'
import type { Amounts } from '../quantity/amounts.ts'
import type { TraceContext } from '../trace/index.ts'
import { AllocationProjection } from './allocation-projection.ts'
import { AllocationRequests } from './allocation-requests.ts'
import { CapacityController } from './capacity-controller.ts'
import { poolTag } from './first-shard.ts'
import { poolTagOf, type MadeFlavor } from './flavor-of-pool.ts'
import { FlavorProjection, type FlavorSigner, type SignedFlavor } from './flavor-projection.ts'
import { allocate, cancel, release, setActive, type Refusal } from './ledger.ts'
import { PoolLedger, type HoldRequest } from './pool-ledger.ts'
import type { EntryPlace } from './shard-index.ts'

export interface AvailableResourcesOptions extends NodeBase {
  /** @returns the flavor's detached signature; flavors are signed when they are made, not when they are listed */
  readonly signFlavor: FlavorSigner
  /** How many entries one shard of a pool takes; 400 unless given. */
  readonly entriesPerShard?: number
}

export class AvailableResources implements Component {
  readonly #options: AvailableResourcesOptions
  readonly #ledger: PoolLedger
  readonly #capacity: CapacityController
  readonly #flavors: FlavorProjection
  readonly #allocations: AllocationProjection
  readonly #requests: AllocationRequests
  /** Until all entries are known nothing is answered: that one is not there is proof. */
  #ready = Promise.withResolvers<void>()
  #unsubscribe: (() => void) | undefined

  constructor(options: AvailableResourcesOptions) {
    this.#options = options
    const { store, system, informers, entriesPerShard } = options
    informers.of(PoolKind).addIndex('tag', (pool) => [poolTag(pool)])
    this.#ledger = new PoolLedger({
      store,
      system,
      poolOf: (name) => this.#flavors.poolOf(name),
      ...(entriesPerShard !== undefined && { entriesPerShard }),
    })
    const ledger = this.#ledger
    this.#flavors = new FlavorProjection({ ...options, ledger })
    this.#capacity = new CapacityController({ ...options, ledger })
    this.#allocations = new AllocationProjection({ ...options, placeOf: (id) => ledger.index.placeOf(id) })
    this.#requests = new AllocationRequests(options)
  }

  async start(): Promise<void> {
    const { informers } = this.#options
    const shards = informers.of(PoolShardKind)
    await Promise.all([shards.start(), informers.of(PoolKind).start()])
    // Before the controllers, which ask it.
    this.#unsubscribe ??= shards.onChange(({ type, object }) => {
      if (type === 'deleted') this.#ledger.index.applyDeleted(object)
      else this.#ledger.index.apply(object)
    })
    await this.#capacity.start()
    await Promise.all([this.#flavors.start(), this.#allocations.start(), this.#requests.start()])
    this.#ready.resolve()
  }

  async stop(): Promise<void> {
    await Promise.all([
      this.#capacity.stop(),
      this.#flavors.stop(),
      this.#allocations.stop(),
      this.#requests.stop(),
    ])
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#ledger.index.clear()
    this.#ready = Promise.withResolvers<void>()
  }

  /** @returns the pool that a flavor, current or earlier, was cut from */
  async poolOfFlavor(flavorID: string): Promise<Pool | undefined> {
    const tag = poolTagOf(flavorID)
    if (tag === undefined) return undefined
    const pool = this.#options.informers.of(PoolKind).byIndex('tag', tag)[0]
    // The informer may lag behind; price and conditions are those that are stored.
    return pool && (await this.#options.store.get(PoolKind, keyOf(pool)))
  }

  /** @returns the pool with a status that says what is free now; undefined when there is none */
  async upToDate(pool: ObjectKey): Promise<Pool | undefined> {
    await this.#ready.promise
    return this.#flavors.upToDate(pool)
  }

  /** @returns where the ledger entry of a transaction or contract is, and the entry */
  async placeOfEntry(id: string): Promise<EntryPlace | undefined> {
    await this.#ready.promise
    return this.#ledger.index.placeOf(id)
  }

  /**
   * RESERVE: holds a part of the pool until `entry.expiresAt`. Durable when it resolves; the flavor and the
   * allocation that follow from it come after. Repeating it has no second effect.
   * @returns why it is refused, undefined when it holds
   */
  async hold(poolKey: ObjectKey, entry: HoldRequest, trace?: TraceContext): Promise<Refusal | undefined> {
    await this.#ready.promise
    if (trace) this.#allocations.expect(entry.contractID, trace)
    const pool = this.#flavors.poolOf(poolKey.name) ?? (await this.#options.store.get(PoolKind, poolKey))
    const refusal = pool
      ? await this.#ledger.hold(pool, entry)
      : ({ code: 'insufficient-capacity', detail: 'no longer on offer', numbers: {} } as const)
    if (refusal) this.#allocations.expectNoMore(entry.contractID)
    return refusal
  }

  /** PURCHASE: makes a hold an allocation. @returns the name of the pool, undefined when the hold is over */
  async allocate(
    id: string,
    purchase: { readonly expiresAt: string; readonly buyerSignature?: string },
  ): Promise<string | undefined> {
    await this.#ready.promise
    let isMissing = false
    const shard = await this.#ledger.changeEntry(id, (before) => {
      const after = allocate(before, id, purchase, this.#options.system.clock.now())
      isMissing = after === undefined
      return after
    })
    return isMissing ? undefined : shard?.spec.poolName
  }

  /** Gives a hold back before it was bought. @returns false when it was bought already */
  async cancel(id: string): Promise<boolean> {
    await this.#ready.promise
    await this.#ledger.changeEntry(id, (before) => cancel(before, id))
    return this.#ledger.index.placeOf(id)?.entry.state !== 'allocated'
  }

  /** Gives back what a transaction or contract has; the flavor grows again. */
  async release(id: string): Promise<void> {
    await this.#ready.promise
    await this.#ledger.changeEntry(id, (before) => release(before, id))
  }

  /** Step 25: the virtual node of a contract is in use, or no longer. */
  async setActive(contractID: string, active: boolean): Promise<void> {
    await this.#ready.promise
    const shard = await this.#ledger.changeEntry(contractID, (before) =>
      setActive(before, contractID, active),
    )
    if (shard) await this.#allocations.bringInLine(contractID)
  }

  /** Step 20: what a contract that we bought gives us, at first inactive. Idempotent. */
  async ensureBought(
    contractID: string,
    amounts: Amounts,
    virtualNode: string,
    trace?: TraceContext,
  ): Promise<void> {
    const contract = { name: contractID }
    await this.#allocations.ensure(
      { type: 'VirtualNode', forwarding: false, contract, amounts, virtualNode },
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
    const contract = { name: contractID }
    await this.#allocations.ensure(
      { type: 'Node', forwarding: true, contract, amounts, transactionID },
      trace,
    )
  }

  /** Steps 27-28, and their like between two others: what was bought is in use. */
  async activate(contractID: string): Promise<void> {
    await this.#allocations.setStatus(contractID, 'Active')
  }

  /** @returns the active allocations of what we bought, as the local copies show them */
  bought(): readonly Allocation[] {
    return this.#allocations.bought()
  }

  /** The contract that gave an allocation which is not cut from a pool of ours is over. */
  async removeAllocation(contractID: string): Promise<void> {
    await this.#allocations.remove(contractID)
  }

  /** @returns the signed flavor that follows from a pool, whether it is stored (yet) or not */
  flavorFor(made: MadeFlavor): SignedFlavor {
    return this.#flavors.flavorFor(made)
  }
}
