import { describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { DealingSummaryKind } from '../objects/dealing-summary.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { DealingSummaries } from './dealing-summaries.ts'

const HOUR = { amount: '1.5', currency: 'EUR', period: 'hour' }

async function closed(
  store: ObjectStore,
  name: string,
  phase = 'Expired',
  other = 'them',
): Promise<Contract> {
  const made = await store.create(ContractKind, {
    metadata: inDefaultNamespace(name),
    spec: {
      role: 'seller',
      seller: { nodeID: 'me' },
      buyer: { nodeID: other },
      price: HOUR,
    } as Contract['spec'],
  })
  const times = { startTime: '2030-01-01T00:00:00Z', endTime: '2030-01-01T02:00:00Z' }
  return store.update(
    ContractKind,
    { ...made, status: { phase: { phase, ...times } } },
    { subresource: 'status' },
  )
}

const remove = (store: ObjectStore, { metadata }: Contract): Promise<unknown> =>
  store.delete(ContractKind, metadata, { uid: metadata.uid })

async function sold(store: ObjectStore) {
  return (await store.list(DealingSummaryKind)).items.map(({ spec, status }) => ({
    nodeID: spec.nodeID,
    ...status?.sold,
  }))
}

describe('contracts that are summed', () => {
  const begin = () => {
    const { store } = createMemoryStore({ system: createSimulatedSystem(1).system })
    return { store, summaries: new DealingSummaries({ store }) }
  }

  it('are counted for the other side: how many, how long, for how much', async () => {
    const { store, summaries } = begin()
    const contracts = [
      await closed(store, 'a'),
      await closed(store, 'b', 'Closed'),
      await closed(store, 'c', 'Expired', 'others'),
    ]
    expect(await summaries.sum(contracts)).toHaveLength(3)
    expect(await sold(store)).toEqual(
      expect.arrayContaining([
        {
          nodeID: 'them',
          contracts: 2,
          closed: 1,
          seconds: 14_400,
          first: '2030-01-01T00:00:00Z',
          last: '2030-01-01T02:00:00Z',
          cost: { EUR: '6' },
        },
        expect.objectContaining({ nodeID: 'others', contracts: 1, cost: { EUR: '3' } }),
      ]),
    )
  })

  it('are counted once, wherever it is killed between counting and removing', async () => {
    const { store, summaries } = begin()
    const [a, b, c] = [await closed(store, 'a'), await closed(store, 'b'), await closed(store, 'c')]
    // Killed after the count; then after one of two was removed.
    await summaries.sum([a, b])
    await summaries.sum([a, b, c])
    await remove(store, a)
    const left = await new DealingSummaries({ store }).sum([a, b, c])
    expect(left.map(({ metadata }) => metadata.name)).toEqual(['b'])
    await remove(store, b)
    // What it is given is what an informer shows, which lags behind.
    const next = await summaries.sum([a, b, c])
    expect(next.map(({ metadata }) => metadata.name)).toEqual(['c'])
    await remove(store, c)
    expect(await summaries.sum([a, b, c])).toEqual([])
    expect((await sold(store))[0]).toMatchObject({ contracts: 3, cost: { EUR: '9' } })
  })

  it('are counted once by two processes at a time', async () => {
    const { store, summaries } = begin()
    const contracts = await Promise.all(Array.from({ length: 20 }, (_, index) => closed(store, `c${index}`)))
    const other = new DealingSummaries({ store })
    for (let round = 0; round < 60; round++) {
      const some = contracts.filter((_, index) => (index * 7 + round) % 3 !== 0)
      const ready = await Promise.all([summaries.sum(some), other.sum(contracts)])
      for (const contract of ready.flat()) await remove(store, contract).catch(() => undefined)
    }
    expect((await store.list(ContractKind)).items).toEqual([])
    expect((await sold(store))[0]).toMatchObject({ contracts: 20 })
  })
})
