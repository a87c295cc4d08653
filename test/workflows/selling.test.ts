/** RESERVE and PURCHASE against a seller in the market: nothing is sold twice, and a repeated message has one effect. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AllocationKind } from '../../src/objects/allocation.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { FlavorKind } from '../../src/objects/flavor.ts'
import { IntentKind } from '../../src/objects/intent.ts'
import { PoolKind, type Pool } from '../../src/objects/pool.ts'
import { TransactionKind } from '../../src/objects/transaction.ts'
import { CONTRACT_SIGNATURE, verifyContract } from '../../src/contract-manager/index.ts'
import { signDocument } from '../../src/privacy-and-security-manager/index.ts'
import { isProblem, type Problem } from '../../src/rear/problem.ts'
import type { RearClient } from '../../src/rear/client.ts'
import { contractTerms, type WireContractTerms, type WireTransaction } from '../../src/rear/wire/index.ts'
import { testIdentity } from '../support/identities.ts'
import { contradictions } from '../support/invariants.ts'
import { startMarket, type Market } from '../support/market.ts'
import { ledgerEntries } from '../support/pools.ts'
import {
  clientOf,
  CONSUMER,
  intent,
  intentOf,
  isRunning,
  passing,
  provider,
  until,
} from '../support/scenario.ts'

type Names = 'alice' | 'bob' | 'seller' | 'dear'
type Buyer = 'alice' | 'bob'

describe('a seller', () => {
  let market: Market<Names>
  let clients: Readonly<Record<Buyer, RearClient>>

  beforeEach(async () => {
    market = await startMarket(11, {
      seller: provider('2', '2'),
      dear: provider('2', '9'),
      alice: { ...CONSUMER, peers: ['seller', 'dear'] },
      bob: { ...CONSUMER, peers: ['seller', 'dear'] },
    })
    await market.simulation.advance(1_000)
    clients = { alice: clientOf(market, 'alice'), bob: clientOf(market, 'bob') }
  })
  afterEach(() => market.stop())

  const pool = async (): Promise<Pool> => (await market.nodes.seller.store.list(PoolKind)).items[0]!
  const entries = () => ledgerEntries(market.nodes.seller.store)
  const flavorID = async (): Promise<string> =>
    (await market.nodes.seller.store.list(FlavorKind)).items[0]!.metadata.name
  const target = () => ({ address: market.nodes.seller.address })

  async function reserve(buyer: Buyer, cpu: string, key: string, flavor?: string): Promise<WireTransaction> {
    const answer = await clients[buyer].call(target(), {
      method: 'POST',
      path: '/api/v2/reservations',
      body: {
        flavorID: flavor ?? (await flavorID()),
        buyerID: { ID: market.nodes[buyer].id, IP: market.nodes[buyer].address, domain: 'example.org' },
        configuration: { type: 'k8slice', data: { cpu, memory: '1Gi', pods: '1' } },
        key,
      },
    })
    return answer.body as WireTransaction
  }

  function signature(buyer: Buyer, { contract }: WireTransaction): string {
    const { key } = testIdentity(buyer)
    return signDocument(contractTerms(contract as WireContractTerms), { ...CONTRACT_SIGNATURE, key })
  }

  async function purchase(buyer: Buyer, transaction: WireTransaction, by = buyer): Promise<unknown> {
    const answer = await clients[buyer].call(target(), {
      method: 'POST',
      path: `/api/v2/transactions/${transaction.transactionID}/purchase`,
      body: { signature: signature(by, transaction) },
    })
    return answer.body
  }

  const cancel = (buyer: Buyer, { transactionID }: WireTransaction): Promise<unknown> =>
    clients[buyer].call(target(), { method: 'DELETE', path: `/api/v2/transactions/${transactionID}` })

  it('gives the last unit to exactly one of many, and tells the others why not', async () => {
    const flavor = await flavorID()
    const attempts = Array.from({ length: 10 }, (_, index) =>
      reserve(index % 2 === 0 ? 'alice' : 'bob', '2', `key-${index}`, flavor),
    )
    const answers = await passing(market, Promise.allSettled(attempts))
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const answer of answers) {
      if (answer.status === 'fulfilled') continue
      expect(answer.reason).toMatchObject({ status: 409, code: 'insufficient-capacity' })
      expect((answer.reason as Problem).extensions).toMatchObject({ reason: 'insufficient-capacity' })
      // Nothing is left that could be bought instead.
      expect((answer.reason as Problem).extensions).not.toHaveProperty('successor')
    }
    await market.expectBalanced()
    expect(await entries()).toHaveLength(1)
  })

  it('names the successor and the numbers to who came too late for so much', async () => {
    await reserve('alice', '1500m', 'first')
    const refused = await reserve('bob', '1', 'second').catch((error: unknown) => error)
    expect(isProblem(refused, 'insufficient-capacity')).toBe(true)
    expect((refused as Problem).extensions).toMatchObject({
      reason: 'insufficient-capacity',
      numbers: { 'cpu.wanted': '1', 'cpu.free': '500m' },
      successor: { flavorID: await flavorID() },
    })
  })

  it('simply sells a slice of a flavor that was divided meanwhile', async () => {
    const before = await flavorID()
    await reserve('alice', '500m', 'first', before)
    expect(await flavorID()).not.toBe(before)
    const transaction = await reserve('bob', '500m', 'second', before)
    expect(transaction.flavorID).toBe(before)
    expect(await entries()).toHaveLength(2)
    await market.expectBalanced()
  })

  it('answers a repeated RESERVE with the same transaction, however close they follow each other', async () => {
    const flavor = await flavorID()
    for (let turns = 0; turns < 60; turns += 3) {
      const key = `key-${turns}`
      const first = reserve('alice', '2', key, flavor)
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      const second = reserve('alice', '2', key, flavor)
      const both = await Promise.all([first, second])
      await market.simulation.advance(1_500)
      expect(both[1], `${turns} turns`).toEqual(both[0])
      expect(await reserve('alice', '2', key, flavor)).toEqual(both[0])
      expect(await entries()).toHaveLength(1)
      await cancel('alice', both[0])
    }
    const contract = await purchase('alice', await reserve('alice', '2', 'last', flavor))
    expect(verifyContract(contract, market.simulation.now())).toMatchObject({ ok: true })
  })

  it('refuses another request under a key that was used', async () => {
    await reserve('alice', '500m', 'key')
    await expect(reserve('alice', '1', 'key')).rejects.toMatchObject({ code: 'key-reused' })
    // The key of somebody else is another key.
    await reserve('bob', '1', 'key')
    expect(await entries()).toHaveLength(2)
  })

  it('answers a repeated PURCHASE with the same contract, also when both are in flight at once', async () => {
    const transaction = await reserve('alice', '1', 'key')
    const both = await Promise.all([purchase('alice', transaction), purchase('alice', transaction)])
    await market.simulation.advance(10 * 60_000)
    expect(both[1]).toEqual(both[0])
    expect(await purchase('alice', transaction)).toEqual(both[0])
    expect((await market.nodes.seller.store.list(ContractKind)).items).toHaveLength(1)
    expect(await entries()).toHaveLength(1)
  })

  it('gives a hold that was not bought back when its time is over, and takes no purchase then', async () => {
    const transaction = await reserve('alice', '2', 'key')
    expect((await market.nodes.seller.store.list(FlavorKind)).items).toEqual([])
    await market.simulation.advance(2 * 60_000 + 1_000)
    expect((await pool()).status!.free).toEqual((await pool()).spec.capacity)
    expect((await market.nodes.seller.store.list(FlavorKind)).items).toHaveLength(1)
    expect((await market.nodes.seller.store.list(AllocationKind)).items).toEqual([])
    expect((await market.nodes.seller.store.list(TransactionKind)).items).toEqual([])
    await expect(purchase('alice', transaction)).rejects.toMatchObject({
      status: expect.toSatisfy((status) => status === 404 || status === 410),
    })
    // And may be asked for again, under the same key.
    expect(await reserve('alice', '2', 'key')).toMatchObject({ transactionID: transaction.transactionID })
  })

  it('gives a hold back when it is cancelled, once and again; a contract cannot be cancelled', async () => {
    const transaction = await reserve('alice', '1', 'key')
    await expect(cancel('bob', transaction)).rejects.toMatchObject({ code: 'not-a-party' })
    await cancel('alice', transaction)
    await cancel('alice', transaction)
    expect(await entries()).toEqual([])
    const again = await reserve('alice', '1', 'key')
    await purchase('alice', again)
    await expect(cancel('alice', again)).rejects.toMatchObject({ code: 'conflict' })
    expect(await entries()).toHaveLength(1)
  })

  it('either sells or takes back, when PURCHASE and cancel come at once', async () => {
    for (let round = 0; round < 20; round++) {
      const transaction = await reserve('alice', '500m', `key-${round}`)
      const first = round % 2 === 0
      const attempts = first
        ? [purchase('alice', transaction), cancel('alice', transaction)]
        : [cancel('alice', transaction), purchase('alice', transaction)]
      // Not in the same moment each time.
      for (let turn = 0; turn < round; turn++) await Promise.resolve()
      const [one, other] = await Promise.allSettled(attempts)
      const bought = (first ? one : other)!.status === 'fulfilled'
      const contracts = (await market.nodes.seller.store.list(ContractKind)).items
      expect((await entries()).map(({ contractID }) => contractID)).toEqual(
        contracts
          .filter(({ status }) => status?.phase?.phase !== 'Closed')
          .map(({ metadata }) => metadata.name),
      )
      await market.expectBalanced()
      if (bought) {
        await market.nodes.seller.store.delete(ContractKind, contracts.at(-1)!.metadata)
        await market.simulation.advance(1_000)
      }
    }
  })

  it('takes only the signature of the buyer, over exactly the draft', async () => {
    const transaction = await reserve('alice', '1', 'key')
    await expect(purchase('alice', transaction, 'bob')).rejects.toMatchObject({ code: 'signature-invalid' })
    const cheaper = {
      ...transaction,
      contract: { ...transaction.contract!, price: { amount: '0', currency: 'EUR', period: 'hour' } },
    }
    await expect(purchase('alice', cheaper as WireTransaction)).rejects.toMatchObject({
      code: 'signature-invalid',
    })
    await expect(purchase('bob', transaction)).rejects.toMatchObject({ code: 'not-a-party' })
    expect(await entries()).toMatchObject([{ state: 'held' }])
  })

  it('sells to the one of two racing buyers, and the other one gets it from the next', async () => {
    const { alice, bob, seller, dear } = market.nodes
    await Promise.all([
      alice.store.create(IntentKind, intent('hers', '2')),
      bob.store.create(IntentKind, intent('his', '2')),
    ])
    await until(market, alice, async () => (await isRunning(alice, 'hers')) && (await isRunning(bob, 'his')))
    expect((await seller.store.list(ContractKind)).items).toHaveLength(1)
    expect((await dear.store.list(ContractKind)).items).toHaveLength(1)
    await market.simulation.advance(3 * 60_000)
    expect(await contradictions(market)).toEqual([])
    expect((await intentOf(alice, 'hers'))!.status!.nodes).not.toBe(
      (await intentOf(bob, 'his'))!.status!.nodes,
    )
  })
})
