/** Many buyers of small parts of one pool at once: each is served until it is truly full, then told so. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CONTRACT_SIGNATURE, verifyContract } from '../../src/contract-manager/index.ts'
import { AllocationKind } from '../../src/objects/allocation.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { FlavorKind } from '../../src/objects/flavor.ts'
import { TransactionKind } from '../../src/objects/transaction.ts'
import { signDocument } from '../../src/privacy-and-security-manager/index.ts'
import { isProblem } from '../../src/rear/problem.ts'
import type { RearClient } from '../../src/rear/client.ts'
import { contractTerms, type WireContractTerms, type WireTransaction } from '../../src/rear/wire/index.ts'
import { testIdentity } from '../support/identities.ts'
import { onStores } from '../support/market-store.ts'
import { startMarket, type Market, type MarketConfig } from '../support/market.ts'
import { clientOf, CONSUMER, passing } from '../support/scenario.ts'
import { ledgerEntries } from '../support/pools.ts'

type Names = 'alice' | 'bob' | 'seller'
type Buyer = Exclude<Names, 'seller'>

/** So many of them fit. */
const PARTS = 64
const SLICE = { cpu: '10m', memory: '128Mi', pods: '1' }
const SELLER: MarketConfig = {
  cluster: { capacity: { cpu: '1', memory: '1Gi' } },
  sell: {
    capacity: { cpu: '4', memory: '8Gi', pods: String(PARTS) },
    partition: { minimum: SLICE, step: SLICE },
    price: { amount: '2', currency: 'EUR', period: 'hour' },
  },
}

describe.each(onStores('memory', 'sqlite'))(
  'a pool with many buyers at once on the %s store',
  (_, options) => {
    let market: Market<Names>
    let clients: Readonly<Record<Buyer, RearClient>>

    beforeEach(async () => {
      market = await startMarket(
        17,
        {
          seller: SELLER,
          alice: { ...CONSUMER, peers: ['seller'] },
          bob: { ...CONSUMER, peers: ['seller'] },
        },
        options,
      )
      await market.simulation.advance(1_000)
      clients = { alice: clientOf(market, 'alice'), bob: clientOf(market, 'bob') }
    })
    afterEach(() => market.stop())

    const seller = () => market.nodes.seller
    const flavors = async () => (await seller().store.list(FlavorKind)).items
    const call = async (buyer: Buyer, path: string, body: object): Promise<unknown> =>
      (await clients[buyer].call({ address: seller().address }, { method: 'POST', path, body })).body

    async function reserve(buyer: Buyer, flavorID: string, key: string): Promise<WireTransaction> {
      const { id, address } = market.nodes[buyer]
      const answer = await call(buyer, '/api/v2/reservations', {
        flavorID,
        buyerID: { ID: id, IP: address, domain: 'example.org' },
        configuration: { type: 'k8slice', data: SLICE },
        key,
      })
      return answer as WireTransaction
    }

    async function purchase(buyer: Buyer, { transactionID, contract }: WireTransaction): Promise<unknown> {
      const terms = contractTerms(contract as WireContractTerms)
      const signature = signDocument(terms, { ...CONTRACT_SIGNATURE, key: testIdentity(buyer).key })
      return call(buyer, `/api/v2/transactions/${transactionID}/purchase`, { signature })
    }

    it('serves each by the flavor that it saw, until it is full; then each gets a 409 that says why', async () => {
      const saw = (await flavors())[0]!.metadata.name
      const tooMany = 6
      const outcomes: ('bought' | 'refused')[] = []
      let begun = 0

      /** Looks from time to time what is on offer now, as buyers do, and buys by what it saw. */
      const buyer = async (name: Buyer, index: number): Promise<void> => {
        let flavor = saw
        while (begun < PARTS + tooMany) {
          const mine = begun++
          try {
            const transaction = await reserve(name, flavor, `key-${index}-${mine}`)
            const contract = await purchase(name, transaction)
            expect(verifyContract(contract, market.simulation.now())).toMatchObject({ ok: true })
            outcomes.push('bought')
          } catch (error) {
            if (!isProblem(error, 'insufficient-capacity')) throw error
            expect(error.status).toBe(409)
            expect(error.extensions).toMatchObject({ reason: 'insufficient-capacity' })
            outcomes.push('refused')
          }
          if (index % 2 === 0) flavor = (await flavors())[0]?.metadata.name ?? flavor
        }
      }
      const names = ['alice', 'bob'] as const
      const buyers = Array.from({ length: 16 }, (_, index) => buyer(names[index % 2]!, index))
      await passing(market, Promise.all(buyers))
      await market.simulation.advance(1_000)

      expect(outcomes.filter((outcome) => outcome === 'bought')).toHaveLength(PARTS)
      expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(tooMany)
      await market.expectBalanced()
      const entries = await ledgerEntries(seller().store)
      expect(entries.map(({ state }) => state)).toEqual(Array.from({ length: PARTS }, () => 'allocated'))
      const sold = new Set(entries.map(({ contractID }) => contractID))
      const { items: contracts } = await seller().store.list(ContractKind)
      expect(new Set(contracts.map(({ metadata }) => metadata.name))).toEqual(sold)
      const { items: allocations } = await seller().store.list(AllocationKind)
      expect(new Set(allocations.map(({ spec }) => spec.contract?.name))).toEqual(sold)
      expect((await seller().store.list(TransactionKind)).items).toHaveLength(PARTS)
      expect(await flavors()).toHaveLength(0)
    })
  },
)
