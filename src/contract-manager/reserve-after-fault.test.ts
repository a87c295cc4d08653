/** A store that fails between the two writes of a RESERVE: who asks again gets what is free, and is not in its own way. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { startLocalSeller } from '../../test/support/local-seller.ts'
import { ledgerEntries } from '../../test/support/pools.ts'
import type { KindDefinition } from '../objects/kind.ts'
import { type ObjectStore, StoreError } from '../kernel/object-store.ts'
import { realSystem } from '../kernel/system.ts'
import { FlavorKind } from '../objects/flavor.ts'
import { PoolKind } from '../objects/pool.ts'
import { TransactionKind } from '../objects/transaction.ts'
import { configurationOf } from '../rear/configured-amounts.ts'
import type { WireTransaction } from '../rear/wire/index.ts'
import { createMemoryStore } from '../store/memory/index.ts'

const WHOLE = { cpu: '1', memory: '1Gi', pods: '1' }
const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const each of cleanUp.splice(0).toReversed()) await each()
})

/** @param fault what happens to each creation of a Transaction; the real one when it returns undefined */
async function start(fault: (create: () => Promise<unknown>) => Promise<unknown> | undefined) {
  const { store: real } = createMemoryStore({ system: realSystem })
  const store = {
    ...real,
    create: (kind: KindDefinition, ...rest: unknown[]) => {
      const create = () => (real.create as (...given: unknown[]) => Promise<unknown>)(kind, ...rest)
      return (kind.kind === TransactionKind.kind ? fault(create) : undefined) ?? create()
    },
  } as ObjectStore
  const { seller, informers, stop } = await startLocalSeller({
    store,
    holds: { perBuyer: 10, perDomain: 10, perMinute: 10, share: 1 },
    audienceOf: () => 'internal',
  })
  cleanUp.push(stop)
  await real.create(PoolKind, {
    metadata: { namespace: 'default', name: 'compute' },
    spec: {
      flavorType: 'k8slice',
      capacity: WHOLE,
      partition: {},
      data: { architecture: 'amd64' },
      price: { amount: '4', currency: 'EUR', period: 'hour' },
    },
  })
  const flavors = informers.of(FlavorKind)
  await vi.waitFor(() => expect(flavors.list()).toHaveLength(1))
  const flavorID = flavors.list()[0]!.metadata.name
  const reserve = (): Promise<WireTransaction> =>
    seller.reserve(
      {
        flavorID,
        buyerID: { ID: 'did:key:alice', IP: 'there:1', domain: 'home' },
        configuration: configurationOf(WHOLE),
        key: 'key',
      },
      'did:key:alice',
    )
  const transactions = async () => (await real.list(TransactionKind)).items
  const forget = (name: string) => real.delete(TransactionKind, { namespace: 'default', name })
  return { reserve, transactions, forget, entries: () => ledgerEntries(real) }
}

const unavailable = (): StoreError => new StoreError('Unavailable', 'far away')

describe('a RESERVE of all that there is, whose second write fails', () => {
  it('holds nothing when the transaction was not stored, and gets it when it asks again', async () => {
    let lost = 1
    const { reserve, entries, transactions } = await start(() =>
      lost-- > 0 ? Promise.reject(unavailable()) : undefined,
    )
    await expect(reserve()).rejects.toThrow('far away')
    expect(await entries()).toEqual([])
    const { transactionID } = await reserve()
    expect(await entries()).toMatchObject([{ id: transactionID, state: 'held' }])
    expect(await transactions()).toHaveLength(1)
  })

  it('gets it when it asks again although the transaction was stored and only the answer was lost', async () => {
    let lost = 1
    const { reserve, entries, transactions } = await start((create) =>
      lost-- > 0 ? create().then(() => Promise.reject(unavailable())) : undefined,
    )
    await expect(reserve()).rejects.toThrow('far away')
    const { transactionID } = await reserve()
    expect(await entries()).toMatchObject([{ id: transactionID, state: 'held' }])
    expect(await transactions()).toHaveLength(1)
  })

  it('gets it when a crash came between the hold and its transaction', async () => {
    const { reserve, entries, transactions, forget } = await start(() => undefined)
    const { transactionID } = await reserve()
    await forget(transactionID)
    expect(await entries()).toMatchObject([{ id: transactionID, state: 'held' }])
    expect(await reserve()).toMatchObject({ transactionID })
    expect(await entries()).toMatchObject([{ id: transactionID, state: 'held' }])
    expect(await transactions()).toHaveLength(1)
  })
})
