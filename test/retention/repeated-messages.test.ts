/** A message that comes again gets the answer that it got before: also after the contract has ended and was made smaller. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CONTRACT_SIGNATURE } from '../../src/contract-manager/index.ts'
import { rfc3339 } from '../../src/kernel/system.ts'
import { ContractKind, type Contract } from '../../src/objects/contract.ts'
import { FlavorKind } from '../../src/objects/flavor.ts'
import { TransactionKind } from '../../src/objects/transaction.ts'
import { signDocument } from '../../src/privacy-and-security-manager/index.ts'
import type { RearClient } from '../../src/rear/client.ts'
import { contractTerms, type WireContractTerms, type WireTransaction } from '../../src/rear/wire/index.ts'
import { testIdentity } from '../support/identities.ts'
import { startMarket, type Market, type MarketNode } from '../support/market.ts'
import { ledgerEntries } from '../support/pools.ts'
import { clientOf, CONSUMER, passing, provider } from '../support/scenario.ts'

describe('a message that comes again', () => {
  let market: Market<'alice' | 'seller'>
  let client: RearClient
  let seller: MarketNode
  let flavorID: string

  beforeEach(async () => {
    market = await startMarket(5, {
      seller: { ...provider('2', '2'), retention: { contracts: '20m' } },
      alice: { ...CONSUMER, peers: ['seller'] },
    })
    await market.simulation.advance(1_000)
    client = clientOf(market, 'alice')
    seller = market.nodes.seller
    flavorID = (await seller.store.list(FlavorKind)).items[0]!.metadata.name
  })
  afterEach(() => market.stop())

  const message = (key: string | undefined, cpu = '1', until = market.simulation.now() + 60_000) => ({
    flavorID,
    buyerID: { ID: market.nodes.alice.id, IP: market.nodes.alice.address, domain: 'example.org' },
    configuration: { type: 'k8slice', data: { cpu, memory: '1Gi', pods: '1' } },
    contractExpirationTime: rfc3339(until),
    ...(key === undefined ? {} : { key }),
  })

  async function call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
    const request = { method, path, ...(body === undefined ? {} : { body }) }
    return (await passing(market, client.call({ address: seller.address }, request))).body as T
  }

  const reserve = (body: object): Promise<WireTransaction> => call('POST', '/api/v2/reservations', body)
  const purchase = ({ transactionID, contract }: WireTransaction): Promise<object> => {
    const { key } = testIdentity('alice')
    const signature = signDocument(contractTerms(contract as WireContractTerms), {
      ...CONTRACT_SIGNATURE,
      key,
    })
    return call('POST', `/api/v2/transactions/${transactionID}/purchase`, { signature })
  }
  const contracts = async (): Promise<readonly Contract[]> => (await seller.store.list(ContractKind)).items

  /** Past its time; nothing stands for it in the ledger, nor as a transaction, and it is as small as it gets. */
  async function untilOver(): Promise<void> {
    await market.simulation.advance(5 * 60_000)
    const [contract] = await contracts()
    expect(contract!.status!.phase!.phase).toBe('Expired')
    expect(contract!.spec.flavor.spec.flavorType.typeData).toEqual({})
    expect(await ledgerEntries(seller.store)).toEqual([])
    expect((await seller.store.list(TransactionKind)).items).toEqual([])
  }

  it('gets the same answer to RESERVE, PURCHASE and GET while the contract runs, after its end, and after a restart', async () => {
    const asked = message('key')
    const transaction = await reserve(asked)
    const document = await purchase(transaction)
    const path = `/api/v2/contracts/${(document as WireContractTerms).contractID}`
    const read = async () => (await call<{ contract: unknown }>('GET', path)).contract
    const before = await read()
    for (const moment of ['in force', 'over', 'restarted']) {
      if (moment === 'over') await untilOver()
      if (moment === 'restarted') {
        await seller.kill()
        await seller.restart()
        await market.simulation.advance(5_000)
      }
      expect(await reserve(asked), moment).toEqual(transaction)
      expect(await purchase(transaction), moment).toEqual(document)
      expect(await read(), moment).toEqual(before)
    }
    expect(await contracts()).toHaveLength(1)
    expect(await ledgerEntries(seller.store)).toEqual([])
    await expect(reserve(message('key', '500m'))).rejects.toMatchObject({ code: 'key-reused' })
    // It counts as no hold, however often it is asked.
    for (let time = 0; time < 70; time++) expect(await reserve(asked)).toEqual(transaction)
    expect((await reserve(message('another'))).transactionID).not.toBe(transaction.transactionID)
  })

  it('is a new one when the contract is kept no more', async () => {
    const asked = message('key')
    const transaction = await reserve(asked)
    await purchase(transaction)
    await market.simulation.advance(25 * 60_000)
    expect(await contracts()).toEqual([])
    await expect(purchase(transaction)).rejects.toMatchObject({ code: 'transaction-not-found' })
    const again = await reserve(message('key'))
    expect(again.transactionID).toBe(transaction.transactionID)
    expect(again.expirationTime).not.toBe(transaction.expirationTime)
    expect(await ledgerEntries(seller.store)).toHaveLength(1)
  })

  it('is bought anew, and under another contract, by who sends no key and asks again after the end', async () => {
    const first = await reserve(message(undefined))
    expect(await reserve(message(undefined))).toEqual(first)
    const bought = (await purchase(first)) as WireContractTerms
    await untilOver()
    const second = await reserve(message(undefined))
    expect(second.transactionID).not.toBe(first.transactionID)
    const boughtAgain = (await purchase(second)) as WireContractTerms
    expect(boughtAgain.contractID).not.toBe(bought.contractID)
    expect(await ledgerEntries(seller.store)).toHaveLength(1)
    expect((await contracts()).map(({ status }) => status?.phase?.phase).toSorted()).toEqual([
      'Active',
      'Expired',
    ])
  })
})
