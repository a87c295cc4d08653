/**
 * What follows from the ledgers of a pool: its status, and the signed flavor that it advertises (step 16).
 *
 * The status is durable before the flavor of its revision is: whatever happens, no id ever means two things.
 * Used in this folder only.
 */
import { requeueAfter } from '../kernel/reconcile/result.ts'
import { Controller, type ReconcileResult } from '../kernel/controller.ts'
import type { Component } from '../kernel/component.ts'
import { isStoreError, mutateStatus, remove, type WriteOptions } from '../kernel/object-store.ts'
import { OneAtATime } from '../kernel/one-at-a-time.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { FlavorKind, type Flavor } from '../objects/flavor.ts'
import { inDefaultNamespace, keyOf, type ObjectKey } from '../objects/meta.ts'
import { PoolKind, type Pool, type PoolStatus } from '../objects/pool.ts'
import { PoolShardKind } from '../objects/pool-shard.ts'
import { sameAmounts, somethingOf, type Amounts } from '../quantity/amounts.ts'
import { flavorOf, offerDigest, type MadeFlavor } from './flavor-of-pool.ts'
import type { PoolLedger } from './pool-ledger.ts'

export type SignedFlavor = {
  readonly metadata: { readonly namespace: string; readonly name: string }
} & Pick<Flavor, 'spec'>

export type FlavorSigner = (flavor: {
  readonly metadata: { readonly name: string }
  readonly spec: Flavor['spec']
}) => string

/** What only follows from a ledger: it is there a moment later, or after the next start. */
const DEFERRABLE: WriteOptions = { deferrable: true }
/** How many parts are held and sold, nobody waits for: said this often, in milliseconds. */
const COUNTS_EVERY_MS = 500
/** Of how many pools the status is written at a time. */
const POOLS_AT_A_TIME = 8

export interface FlavorProjectionOptions extends NodeBase {
  readonly ledger: PoolLedger
  readonly signFlavor: FlavorSigner
}

export class FlavorProjection implements Component {
  readonly #options: FlavorProjectionOptions
  readonly #controller: Controller
  readonly #oneAtATime = new OneAtATime()
  /** By pool: the status that was written last. The informer may not have it yet. */
  readonly #written = new Map<string, Pool>()
  /** By pool: when counts were first seen to differ. */
  readonly #countsSince = new Map<string, number>()
  /** By pool: the last digest, and what it is of. */
  readonly #digests = new Map<
    string,
    { readonly spec: Pool['spec']; readonly said: string; readonly digest: string }
  >()
  /** By pool: the last flavor that was signed, and what it says. */
  readonly #signed = new Map<string, { readonly said: string; readonly flavor: SignedFlavor }>()

  constructor(options: FlavorProjectionOptions) {
    this.#options = options
    const { system, log, informers } = options
    const flavors = informers.of(FlavorKind)
    flavors.addIndex('pool', (flavor) => [flavor.spec.poolName ?? ''])
    this.#controller = new Controller({
      name: 'available-resources',
      system,
      log,
      concurrency: POOLS_AT_A_TIME,
      watches: [
        { informer: informers.of(PoolKind) },
        { informer: informers.of(PoolShardKind), keys: ({ object }) => poolKey(object.spec.poolName) },
        {
          informer: flavors,
          keys: ({ object }) =>
            object.spec.poolName === undefined ? undefined : poolKey(object.spec.poolName),
        },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  async stop(): Promise<void> {
    await this.#controller.stop()
    for (const each of [this.#written, this.#countsSince, this.#digests, this.#signed]) each.clear()
  }

  /** @returns the pool with a status that says what its ledgers say now; undefined when there is none */
  async upToDate(key: ObjectKey): Promise<Pool | undefined> {
    const pool = this.poolOf(key.name)
    return pool && this.#oneAtATime.run(key.name, () => this.#writeStatus(pool))
  }

  /** @returns the pool as far as it is known, with the status that was written last */
  poolOf(name: string): Pool | undefined {
    const seen = this.#options.informers.of(PoolKind).get(poolKey(name))
    const written = this.#written.get(name)
    if (seen === undefined || written === undefined) return seen
    const isNewer =
      written.metadata.uid === seen.metadata.uid &&
      written.metadata.generation >= seen.metadata.generation &&
      (written.status?.revision ?? 0) >= (seen.status?.revision ?? 0)
    return isNewer ? written : seen
  }

  /** @returns the signed flavor that follows from a pool, whether it is stored (yet) or not */
  flavorFor({ id, spec: made }: MadeFlavor): SignedFlavor {
    const stored = this.#options.informers.of(FlavorKind).get(inDefaultNamespace(id))
    if (stored) return { metadata: inDefaultNamespace(id), spec: stored.spec }
    const said = `${id} ${JSON.stringify(made)}`
    const pool = made.poolName ?? ''
    const known = this.#signed.get(pool)
    if (known?.said === said) return known.flavor
    const metadata = inDefaultNamespace(id)
    const spec = { ...made, timestamp: rfc3339(this.#options.system.clock.now()) }
    const flavor = { metadata, spec: { ...spec, signature: this.#options.signFlavor({ metadata, spec }) } }
    this.#signed.set(pool, { said, flavor })
    return flavor
  }

  async #reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const before = this.poolOf(key.name)
    if (before === undefined) {
      this.#forget(key.name)
      await this.#project(key.name, undefined)
      return
    }
    let wait: number | undefined
    const pool = await this.#oneAtATime.run(key.name, async () => {
      await this.#options.ledger.ensureFirst(before)
      const known = this.poolOf(key.name) ?? before
      const status = this.#statusOf(known)
      wait = this.#countsWait(known, status)
      return wait === undefined ? this.#writeStatus(known, status) : known
    })
    await this.#project(key.name, pool && flavorOf(pool, this.#options.self.identity()))
    if (wait !== undefined) return requeueAfter(wait)
  }

  /** @returns how long the status may wait, in milliseconds, when no more than counts have changed */
  #countsWait(pool: Pool, status: PoolStatus): number | undefined {
    const { name } = pool.metadata
    if (pool.status?.offer !== status.offer || isSame(pool.status, status)) {
      this.#countsSince.delete(name)
      return undefined
    }
    const now = this.#options.system.clock.monotonic()
    const since = this.#countsSince.get(name) ?? now
    const wait = since + COUNTS_EVERY_MS - now
    if (wait > 0) this.#countsSince.set(name, since)
    else this.#countsSince.delete(name)
    return wait > 0 ? wait : undefined
  }

  /** One write when the pool is known as it is stored. */
  async #writeStatus(known: Pool, status = this.#statusOf(known)): Promise<Pool | undefined> {
    const { store } = this.#options
    const key = keyOf(known)
    if (isSame(known.status, status)) return known
    let pool: Pool | undefined
    try {
      pool = await store.update(PoolKind, { ...known, status }, { ...DEFERRABLE, subresource: 'status' })
    } catch (error) {
      if (!isStoreError(error, 'Conflict', 'NotFound')) throw error
      pool = await mutateStatus(store, PoolKind, key, (stored) => {
        const next = this.#statusOf(stored)
        return isSame(stored.status, next) ? undefined : next
      })
    }
    if (pool) this.#written.set(key.name, pool)
    return pool
  }

  #statusOf(pool: Pool): PoolStatus {
    const { free, holds, allocations } = this.#options.ledger.totalsOf(pool)
    const { revision = 0, offer: before } = pool.status ?? {}
    const said = { revision, free: inOrderOf(pool.spec.capacity, free), holds, allocations }
    const offer = this.#digestOf({ ...pool, status: said })
    return { ...said, offer, revision: offer === before ? revision : revision + 1 }
  }

  /** Most changes of a ledger change nothing of what is on offer. */
  #digestOf(pool: Pool): string {
    const { name } = pool.metadata
    const owner = this.#options.self.identity()
    const said = JSON.stringify([pool.status?.free, owner])
    const known = this.#digests.get(name)
    if (known?.spec === pool.spec && known.said === said) return known.digest
    const digest = offerDigest(pool, owner)
    this.#digests.set(name, { spec: pool.spec, said, digest })
    return digest
  }

  /** The flavor of an earlier revision goes, the one of this revision comes. Idempotent. */
  async #project(poolName: string, wanted: MadeFlavor | undefined): Promise<void> {
    const { store, informers } = this.#options
    const names = informers
      .of(FlavorKind)
      .byIndex('pool', poolName)
      .map((flavor) => flavor.metadata.name)
    const writes: Promise<unknown>[] = names
      .filter((name) => name !== wanted?.id)
      .map((name) => remove(store, FlavorKind, inDefaultNamespace(name), DEFERRABLE))
    if (wanted && !names.includes(wanted.id)) writes.push(this.#create(this.flavorFor(wanted)))
    await Promise.all(writes)
  }

  async #create(flavor: SignedFlavor): Promise<void> {
    try {
      await this.#options.store.create(FlavorKind, flavor, DEFERRABLE)
    } catch (error) {
      // It is of this very revision: it says the same.
      if (!isStoreError(error, 'AlreadyExists')) throw error
    }
  }

  #forget(poolName: string): void {
    for (const each of [this.#written, this.#countsSince, this.#digests, this.#signed]) each.delete(poolName)
  }
}

export function poolKey(name: string): ObjectKey & { readonly namespace: string } {
  return inDefaultNamespace(name)
}

/** As the spec names and writes them, so that a pool that is whole is seen to be. */
function inOrderOf(capacity: Amounts, amounts: Amounts): Amounts {
  const others: Record<string, string> = { ...somethingOf(amounts) }
  const named = Object.entries(capacity).map(([resource, whole]): [string, string] => {
    delete others[resource]
    const amount = amounts[resource] ?? '0'
    return [resource, sameAmounts({ [resource]: whole }, { [resource]: amount }) ? whole : amount]
  })
  return { ...Object.fromEntries<string>(named), ...others }
}

function isSame(before: PoolStatus | undefined, after: PoolStatus): boolean {
  return (
    before !== undefined &&
    before.revision === after.revision &&
    before.offer === after.offer &&
    before.holds === after.holds &&
    before.allocations === after.allocations
  )
}
