/**
 * The allocations: of every ledger entry, and of what we bought or hold between others. Owns the table.
 *
 * Every entry of a ledger has its allocation, and no other allocation says that it is cut from a pool. Used in
 * this folder only.
 */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, isStoreError, mutateStatus, remove, type WriteOptions } from '../kernel/object-store.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { AllocationKind, type Allocation, type AllocationStatusValue } from '../objects/allocation.ts'
import { inDefaultNamespace, keyOf, type ObjectKey } from '../objects/meta.ts'
import { PoolShardKind } from '../objects/pool-shard.ts'
import { traceAnnotations, type TraceContext } from '../trace/index.ts'
import { allocationName } from './allocation-name.ts'
import { entriesOf } from './entries-of.ts'
import type { EntryPlace } from './shard-index.ts'

/** What only follows from a ledger: it is there a moment later, or after the next start. */
const DEFERRABLE: WriteOptions = { deferrable: true }
/** How many allocations are written at a time. */
const ALLOCATIONS_AT_A_TIME = 16

type ContractSpec = Allocation['spec'] & { readonly contract: { readonly name: string } }

export interface AllocationProjectionOptions extends NodeBase {
  /** @returns where the entry is that an allocation, by name, stands for */
  readonly placeOf: (allocation: string) => EntryPlace | undefined
}

export class AllocationProjection implements Component {
  readonly #options: AllocationProjectionOptions
  readonly #controller: Controller
  /** By allocation that is still to be made: what it is made for. Lost in a crash; nothing depends on it. */
  readonly #traces = new Map<string, TraceContext>()

  constructor(options: AllocationProjectionOptions) {
    this.#options = options
    const { system, log, informers } = options
    informers.of(AllocationKind).addIndex('type', ({ spec }) => (spec.type ? [spec.type] : []))
    this.#controller = new Controller({
      name: 'allocations',
      system,
      log,
      concurrency: ALLOCATIONS_AT_A_TIME,
      watches: [
        {
          informer: informers.of(PoolShardKind),
          keys: (event) => entriesOf(event).map(({ contractID }) => keyFor(contractID)),
        },
        {
          informer: informers.of(AllocationKind),
          keys: ({ object }) => (object.spec.poolName === undefined ? undefined : keyOf(object)),
        },
      ],
      reconcile: (key) => this.#reconcile(key, DEFERRABLE),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  /** Says what the allocation of a contract that is about to be held is made for. */
  expect(contractID: string, trace: TraceContext): void {
    this.#traces.set(allocationName(contractID), trace)
  }

  /** It was refused. */
  expectNoMore(contractID: string): void {
    this.#traces.delete(allocationName(contractID))
  }

  /** @returns the active allocations of what we bought, as the local copies show them */
  bought(): readonly Allocation[] {
    return this.#options.informers
      .of(AllocationKind)
      .byIndex('type', 'VirtualNode')
      .filter(({ status }) => status?.status === 'Active')
  }

  /** Brings the allocation of an entry in line now; durable when it resolves. */
  async bringInLine(contractID: string): Promise<void> {
    await this.#reconcile(keyFor(contractID), {})
  }

  /** Of what is not cut from a pool of ours. Idempotent. */
  async ensure(spec: ContractSpec, trace: TraceContext | undefined): Promise<void> {
    const metadata = { ...keyFor(spec.contract.name), annotations: traceAnnotations(trace) }
    const allocation = await ensure(this.#options.store, AllocationKind, { metadata, spec })
    if (allocation.status === undefined) await this.#updateStatus(allocation, 'Inactive', {})
  }

  async setStatus(contractID: string, status: AllocationStatusValue): Promise<void> {
    await this.#setStatus(keyFor(contractID), status, {})
  }

  /** The contract that gave an allocation which is not cut from a pool of ours is over. */
  async remove(contractID: string): Promise<void> {
    const { store } = this.#options
    const allocation = await store.get(AllocationKind, keyFor(contractID))
    if (allocation === undefined) return
    const { uid } = allocation.metadata
    try {
      // This one: a call takes time, and one that is made meanwhile is of somebody who needs it.
      await remove(store, AllocationKind, keyOf(allocation), { uid })
    } catch (error) {
      if (!isStoreError(error, 'Conflict')) throw error
    }
  }

  async #reconcile(key: ObjectKey, options: WriteOptions): Promise<void> {
    const { store, informers, placeOf } = this.#options
    const allocation = informers.of(AllocationKind).get(key)
    const place = placeOf(key.name)
    if (place) await this.#ensureSold(place, allocation, options)
    else if (allocation?.spec.poolName !== undefined) await remove(store, AllocationKind, key, options)
    this.#traces.delete(key.name)
  }

  async #ensureSold(
    { entry, poolName }: EntryPlace,
    before: Allocation | undefined,
    options: WriteOptions,
  ): Promise<void> {
    const status: AllocationStatusValue = entry.active === true ? 'Active' : 'Inactive'
    if (before?.status?.status === status) return
    const { id: transactionID, contractID, amounts, forwarding = false } = entry
    const spec = {
      type: 'Node',
      forwarding,
      contract: { name: contractID },
      poolName,
      amounts,
      transactionID,
    } as const
    const allocation =
      before ?? (await this.#create(spec, this.#traces.get(allocationName(contractID)), options))
    await this.#updateStatus(allocation, status, options)
  }

  async #create(
    spec: ContractSpec,
    trace: TraceContext | undefined,
    options: WriteOptions,
  ): Promise<Allocation> {
    const { store } = this.#options
    const metadata = { ...keyFor(spec.contract.name), annotations: traceAnnotations(trace) }
    try {
      return await store.create(AllocationKind, { metadata, spec }, options)
    } catch (error) {
      if (!isStoreError(error, 'AlreadyExists')) throw error
      // The informer did not have it yet.
      return ensure(store, AllocationKind, { metadata, spec }, options)
    }
  }

  /** One write when the allocation is known as it is stored. */
  async #updateStatus(
    allocation: Allocation,
    status: AllocationStatusValue,
    options: WriteOptions,
  ): Promise<void> {
    if (allocation.status?.status === status) return
    const changed = { ...allocation, status: { ...allocation.status, status, lastUpdateTime: this.#now() } }
    try {
      await this.#options.store.update(AllocationKind, changed, { ...options, subresource: 'status' })
    } catch (error) {
      if (!isStoreError(error, 'Conflict', 'NotFound')) throw error
      await this.#setStatus(keyOf(allocation), status, options)
    }
  }

  async #setStatus(key: ObjectKey, status: AllocationStatusValue, options: WriteOptions): Promise<void> {
    await mutateStatus(
      this.#options.store,
      AllocationKind,
      key,
      (allocation) =>
        allocation.status?.status === status
          ? undefined
          : { ...allocation.status, status, lastUpdateTime: this.#now() },
      options,
    )
  }

  #now(): string {
    return rfc3339(this.#options.system.clock.now())
  }
}

function keyFor(contractID: string): ObjectKey & { readonly namespace: string } {
  return inDefaultNamespace(allocationName(contractID))
}
