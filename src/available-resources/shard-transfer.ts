/**
 * Free capacity that moves from one shard to another: what each of the swaps does. Pure.
 *
 * 1. `send` takes it out of the sender and records the transfer there. It counts nowhere now.
 * 2. `receive` adds it to the receiver and records the receipt there.
 * 3. `forgetSent`, then 4. `forgetReceived` drop the records, in this order.
 *
 * Killed after any of them, it is taken up from what is recorded. Who receives must have seen the sender's
 * record after he read the receiver (`ShardTransfers` does): what was forgotten on both sides is not received again.
 */
import type { PoolShardStatus, Receipt, Transfer } from '../objects/pool-shard.ts'
import { addAmounts, commonAmounts, subtractAmounts } from '../quantity/amounts.ts'

/** @returns undefined when nothing of `transfer.amounts` is free; else with what is free of it sent */
export function send(shard: PoolShardStatus, transfer: Transfer): PoolShardStatus | undefined {
  const outgoing = shard.outgoing ?? []
  if (outgoing.some(({ id }) => id === transfer.id)) return shard
  const amounts = commonAmounts(transfer.amounts, shard.free)
  if (Object.keys(amounts).length === 0) return undefined
  return {
    ...shard,
    capacity: subtractAmounts(shard.capacity, amounts),
    free: subtractAmounts(shard.free, amounts),
    outgoing: [...outgoing, { ...transfer, amounts }],
  }
}

export function receive(
  shard: PoolShardStatus,
  { id, amounts }: Pick<Transfer, 'id' | 'amounts'>,
  from: string,
): PoolShardStatus {
  const received = shard.received ?? []
  if (received.some((each) => each.id === id)) return shard
  return {
    ...shard,
    capacity: addAmounts(shard.capacity, amounts),
    free: addAmounts(shard.free, amounts),
    received: [...received, { id, from }],
  }
}

/** Only after `receive` is stored. */
export function forgetSent(shard: PoolShardStatus, id: string): PoolShardStatus | undefined {
  return withOutgoing(shard, id)
}

/** The receiver is gone, which it could not be with a receipt: the sender has it again. */
export function takeBack(shard: PoolShardStatus, id: string): PoolShardStatus | undefined {
  const transfer = shard.outgoing?.find((each) => each.id === id)
  if (transfer === undefined) return undefined
  return withOutgoing(
    {
      ...shard,
      capacity: addAmounts(shard.capacity, transfer.amounts),
      free: addAmounts(shard.free, transfer.amounts),
    },
    id,
  )
}

/** Only after `forgetSent` is stored. */
export function forgetReceived(shard: PoolShardStatus, id: string): PoolShardStatus | undefined {
  if (!shard.received?.some((each) => each.id === id)) return undefined
  const received = shard.received.filter((each) => each.id !== id)
  const { received: _, ...rest } = shard
  return received.length === 0 ? rest : { ...rest, received }
}

/** @returns whether the receiver has the receipt of a transfer */
export function hasReceived(shard: PoolShardStatus | undefined, id: string): boolean {
  return shard?.received?.some((each: Receipt) => each.id === id) === true
}

function withOutgoing(shard: PoolShardStatus, dropped: string): PoolShardStatus | undefined {
  if (!shard.outgoing?.some(({ id }) => id === dropped)) return undefined
  const outgoing = shard.outgoing.filter(({ id }) => id !== dropped)
  const { outgoing: _, ...rest } = shard
  return outgoing.length === 0 ? rest : { ...rest, outgoing }
}
