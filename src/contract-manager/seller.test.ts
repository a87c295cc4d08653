/** The selling half over real stores, also those whose writes take a moment: nobody is refused because of that. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { testIdentity } from '../../test/support/identities.ts'
import { startLocalSeller } from '../../test/support/local-seller.ts'
import { ledgerEntries, poolFaults, storedPools } from '../../test/support/pools.ts'
import { silentLog } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { realSystem } from '../kernel/system.ts'
import { AllocationKind } from '../objects/allocation.ts'
import { ContractKind } from '../objects/contract.ts'
import { FlavorKind } from '../objects/flavor.ts'
import { PoolKind } from '../objects/pool.ts'
import { TransactionKind } from '../objects/transaction.ts'
import { signDocument } from '../privacy-and-security-manager/index.ts'
import { isProblem } from '../rear/problem.ts'
import { contractTerms, type WireContractTerms, type WireTransaction } from '../rear/wire/index.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { openSqliteStore } from '../store/sqlite/index.ts'
import { configurationOf } from '../rear/configured-amounts.ts'
import type { Seller } from './seller.ts'
import { CONTRACT_SIGNATURE } from './signature-types.ts'
import { verifyContract } from './verify.ts'

const KEY = { namespace: 'default', name: 'compute' }
const BUYERS = 16
/** So many of them fit. */
const PARTS = 80
const PART = { cpu: '10m', memory: '16Mi', pods: '1' }
const system = realSystem

const buyers = Array.from({ length: BUYERS }, (_, index) => testIdentity(`buyer ${index}`))

const STORES: Readonly<Record<string, (directory: string) => Promise<ObjectStore>>> = {
  memory: async () => createMemoryStore({ system }).store,
  sqlite: async (directory) =>
    (await openSqliteStore({ path: join(directory, 'state.db'), system, log: silentLog })).store,
}

describe.each(Object.entries(STORES))('a seller over the %s store', (_, open) => {
  const cleanUp: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const each of cleanUp.splice(0).toReversed()) await each()
  })

  async function start() {
    const directory = await mkdtemp(join(tmpdir(), 'tributary-seller-'))
    cleanUp.push(() => rm(directory, { recursive: true }))
    const store = await open(directory)
    cleanUp.push(() => store.close())
    const { seller, informers, stop } = await startLocalSeller({
      store,
      holds: { perBuyer: 10_000, perDomain: 10_000, perMinute: 10_000, share: 1 },
      audienceOf: () => 'internal',
    })
    cleanUp.push(stop)
    await store.create(PoolKind, {
      metadata: KEY,
      spec: {
        flavorType: 'k8slice',
        capacity: { cpu: '4', memory: '8Gi', pods: String(PARTS) },
        partition: { minimum: PART, step: PART },
        data: { architecture: 'amd64' },
        price: { amount: '4', currency: 'EUR', period: 'hour' },
      },
    })
    const flavors = informers.of(FlavorKind)
    await vi.waitFor(() => expect(flavors.list()).toHaveLength(1))
    return { store, informers, seller, onOffer: () => flavors.list()[0]?.metadata.name }
  }

  const reserve = (
    seller: Seller,
    index: number,
    flavorID: string,
    key: string,
  ): Promise<WireTransaction> => {
    const { id } = buyers[index]!
    const buyerID = { ID: id, IP: 'there:1', domain: 'home' }
    return seller.reserve({ flavorID, buyerID, configuration: configurationOf(PART), key }, id)
  }

  async function purchase(seller: Seller, index: number, transaction: WireTransaction): Promise<object> {
    const { id, key } = buyers[index]!
    const terms = contractTerms(transaction.contract as WireContractTerms)
    const signature = signDocument(terms, { ...CONTRACT_SIGNATURE, key })
    return (await seller.purchase(transaction.transactionID, { signature }, id)) as object
  }

  it('serves many buyers at once, each by the flavor that it saw, until the pool is full', async () => {
    const { store, informers, seller, onOffer } = await start()
    const first = onOffer()!
    const tooMany = BUYERS
    const outcomes = { bought: 0, refused: 0 }
    let begun = 0
    await Promise.all(
      buyers.map(async (_identity, index) => {
        while (begun < PARTS + tooMany) {
          const key = `key-${begun++}`
          // Some look every time what is on offer now, some go by what they saw at first.
          const flavor = (index % 2 === 0 ? onOffer() : undefined) ?? first
          try {
            const contract = await purchase(seller, index, await reserve(seller, index, flavor, key))
            expect(verifyContract(contract, system.clock.now())).toMatchObject({ ok: true })
            outcomes.bought++
          } catch (error) {
            if (!isProblem(error, 'insufficient-capacity')) throw error
            expect(error.extensions).toMatchObject({ reason: 'insufficient-capacity' })
            outcomes.refused++
          }
        }
      }),
    )
    expect(outcomes).toEqual({ bought: PARTS, refused: tooMany })

    const [pool] = await storedPools(store)
    expect(poolFaults(pool!)).toEqual([])
    const entries = await ledgerEntries(store)
    expect(entries.map(({ state }) => state)).toEqual(Array.from({ length: PARTS }, () => 'allocated'))
    await vi.waitFor(async () => {
      const { status } = (await store.get(PoolKind, KEY))!
      expect(status).toMatchObject({ free: { pods: '0' }, holds: 0, allocations: PARTS })
      // One flavor for each state that was shown, no more than one for each hold.
      expect(status!.revision).toBeLessThanOrEqual(PARTS + 1)
    })
    const sold = entries.map(({ contractID }) => contractID).toSorted()
    const { items: contracts } = await store.list(ContractKind)
    expect(contracts.map(({ metadata }) => metadata.name).toSorted()).toEqual(sold)
    expect((await store.list(TransactionKind)).items).toHaveLength(PARTS)
    await vi.waitFor(() => {
      const allocations = informers.of(AllocationKind).list()
      expect(allocations.map(({ spec }) => spec.contract!.name).toSorted()).toEqual(sold)
      expect(new Set(allocations.map(({ status }) => status?.status))).toEqual(new Set(['Inactive']))
      expect(informers.of(FlavorKind).list()).toEqual([])
    })
  })
})
