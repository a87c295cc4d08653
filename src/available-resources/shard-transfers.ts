/** Moves free capacity between the shards of a pool, and completes what a kill left under way. Used in this folder only. */
import { PoolShardKind, type PoolShard, type Transfer } from '../objects/pool-shard.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { uuid, type System } from '../kernel/system.ts'
import { keyOf, type ObjectKey } from '../objects/meta.ts'
import type { Amounts } from '../quantity/amounts.ts'
import type { ShardIndex } from './shard-index.ts'
import { forgetReceived, forgetSent, hasReceived, receive, send, takeBack } from './shard-transfer.ts'
import type { ShardWriter } from './shard-writer.ts'

export interface ShardTransfersOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly index: ShardIndex
  readonly writer: ShardWriter
}

export class ShardTransfers {
  readonly #options: ShardTransfersOptions

  constructor(options: ShardTransfersOptions) {
    this.#options = options
  }

  /**
   * Moves what is free of `amounts`. Two swaps, and two more that forget it.
   * @throws StoreError; `resume` completes what was begun
   */
  async move(from: ObjectKey, to: ObjectKey, amounts: Amounts): Promise<void> {
    const { writer, system } = this.#options
    const id = uuid(system.random)
    const sender = await writer.change(from, (shard) => send(shard, { id, to: to.name, amounts }))
    const transfer = sender?.status.outgoing?.find((each) => each.id === id)
    if (sender && transfer) await this.#complete(sender, transfer)
  }

  /** Completes every transfer of the pool of this uid that is under way. */
  async resume(pool: string): Promise<void> {
    const { index } = this.#options
    for (const shard of index.movingOf(pool)) {
      for (const transfer of shard.status.outgoing ?? []) await this.#complete(shard, transfer)
    }
    for (const shard of index.movingOf(pool)) {
      for (const { id, from } of shard.status.received ?? []) await this.#forgetReceipt(shard, id, from)
    }
  }

  async #complete(sender: PoolShard, { id, to, amounts }: Transfer): Promise<void> {
    const { writer } = this.#options
    const { namespace } = keyOf(sender)
    const from = keyOf(sender)
    const receiverKey = { ...(namespace !== undefined && { namespace }), name: to }
    let isSent = true
    // Read after the receiver: while the sender has not forgotten it, the receiver has its receipt or lacks it.
    const look = async (): Promise<void> => {
      const stored = await this.#options.store.get(PoolShardKind, from)
      isSent = stored?.status.outgoing?.some((each) => each.id === id) === true
    }
    const receiver = await writer.change(
      receiverKey,
      (shard) => (isSent ? receive(shard, { id, amounts }, from.name) : undefined),
      look,
    )
    if (receiver === undefined) {
      await writer.change(from, (shard) => takeBack(shard, id))
      return
    }
    await writer.change(from, (shard) => forgetSent(shard, id))
    if (hasReceived(receiver.status, id))
      await writer.change(receiverKey, (shard) => forgetReceived(shard, id))
  }

  /** When the sender has forgotten it, or is gone. */
  async #forgetReceipt(receiver: PoolShard, id: string, from: string): Promise<void> {
    const { store, writer } = this.#options
    const key = keyOf(receiver)
    const sender = await store.get(PoolShardKind, { ...key, name: from })
    if (sender?.status.outgoing?.some((each) => each.id === id) === true) return
    await writer.change(key, (shard) => forgetReceived(shard, id))
  }
}
