/**
 * Keeps the shards of each pool in order: holds that are over are dropped, as much capacity is issued as is
 * wanted, what moves arrives, what is free comes together. Cheap when there is nothing to do. Used in this
 * folder only.
 */
import { requeueAfter } from '../kernel/reconcile/result.ts'
import type { Component } from '../kernel/component.ts'
import { Controller, type ReconcileResult } from '../kernel/controller.ts'
import { isStoreError } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import { keyOf, type ObjectKey } from '../objects/meta.ts'
import { PoolKind, type Pool } from '../objects/pool.ts'
import { PoolShardKind } from '../objects/pool-shard.ts'
import { poolKey } from './flavor-projection.ts'
import type { PoolLedger } from './pool-ledger.ts'

/** How long what is given back may stay where it is, in milliseconds: much of it moves at once. */
const TIDY_AFTER_MS = 1_000
const POOLS_AT_A_TIME = 8

export interface CapacityControllerOptions extends NodeBase {
  readonly ledger: PoolLedger
}

export class CapacityController implements Component {
  readonly #options: CapacityControllerOptions
  readonly #controller: Controller
  /** By pool: when it was first seen to be scattered, in milliseconds. */
  readonly #scatteredSince = new Map<string, number>()

  constructor(options: CapacityControllerOptions) {
    this.#options = options
    const { system, log, informers } = options
    this.#controller = new Controller({
      name: 'pool-capacity',
      system,
      log,
      concurrency: POOLS_AT_A_TIME,
      watches: [
        { informer: informers.of(PoolKind) },
        { informer: informers.of(PoolShardKind), keys: ({ object }) => poolKey(object.spec.poolName) },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  /** Before anybody buys: what a change of the configuration took away must not be sold any more. */
  async start(): Promise<void> {
    const { items } = await this.#options.store.list(PoolKind)
    await Promise.all(items.map((pool) => this.#bringInLine(pool)))
    await this.#controller.start()
  }

  async stop(): Promise<void> {
    await this.#controller.stop()
    this.#scatteredSince.clear()
  }

  async #reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { ledger, informers, store, system } = this.#options
    const pool = informers.of(PoolKind).get(key)
    if (pool === undefined || pool.metadata.deletionTimestamp !== undefined) {
      this.#scatteredSince.delete(key.name)
      return
    }
    const { uid } = pool.metadata
    if (ledger.isOff(pool)) {
      const stored = await store.get(PoolKind, key)
      if (stored) await this.#bringInLine(stored)
    } else await this.#bringInLine(pool)
    if (await this.#removeRetired(pool)) return
    const times: number[] = []
    const tidyIn = await this.#tidy(pool)
    if (tidyIn !== undefined) times.push(tidyIn)
    const expiry = ledger.index.nextExpiryOf(uid)
    if (expiry !== undefined) times.push(Math.max(1, expiry - system.clock.now()))
    return times.length === 0 ? undefined : requeueAfter(Math.min(...times))
  }

  async #bringInLine(pool: Pool): Promise<void> {
    const { ledger } = this.#options
    await ledger.ensureFirst(pool)
    await ledger.expire(pool)
    if (ledger.isOff(pool)) await ledger.bringInLine(pool)
    if (ledger.isMoving(pool)) await ledger.resume(pool)
  }

  /** A pool that is no longer on offer stays as long as contracts run on it. */
  async #removeRetired(pool: Pool): Promise<boolean> {
    const { ledger, store } = this.#options
    if (pool.spec.retired !== true) return false
    const { uid, resourceVersion } = pool.metadata
    if (ledger.index.find(uid, ({ status }) => status.entries.length > 0) || ledger.isOff(pool)) return false
    try {
      await store.delete(PoolKind, keyOf(pool), { uid, resourceVersion })
    } catch (error) {
      if (!isStoreError(error, 'NotFound')) throw error
    }
    return true
  }

  /** @returns when to look again, in milliseconds */
  async #tidy(pool: Pool): Promise<number | undefined> {
    const { ledger, system } = this.#options
    const { name } = pool.metadata
    if (!ledger.isScattered(pool)) {
      this.#scatteredSince.delete(name)
      return undefined
    }
    const now = system.clock.monotonic()
    const since = this.#scatteredSince.get(name) ?? now
    this.#scatteredSince.set(name, since)
    if (now < since + TIDY_AFTER_MS) return since + TIDY_AFTER_MS - now
    this.#scatteredSince.delete(name)
    await ledger.tidy(pool)
    return undefined
  }
}
