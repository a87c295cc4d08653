/** Buyers in one process, each a node of its own with its own key and connection: RESERVE, sign, PURCHASE, verify. */
import { CONTRACT_SIGNATURE, verifyContract } from '../../src/contract-manager/index.ts'
import { signDocument } from '../../src/privacy-and-security-manager/index.ts'
import { configurationOf } from '../../src/rear/configured-amounts.ts'
import { contractTerms, decodeTransaction, type WireContractTerms } from '../../src/rear/wire/index.ts'
import { createCaller, type Caller } from '../lib/caller.ts'
import { PART } from '../lib/flavor-market.ts'
import { rateOf, type Rate } from '../lib/statistics.ts'
import { cpuMs, serve } from '../lib/worker.ts'

let callers: readonly Caller[] = []
let bought = 0

interface Times {
  readonly reserveMs: number
  readonly purchaseMs: number
}

async function buy(caller: Caller, flavorID: string): Promise<Times> {
  const { member, wireIdentity, call } = caller
  const start = performance.now()
  const reserved = await call({
    method: 'POST',
    path: '/api/v2/reservations',
    body: {
      flavorID,
      buyerID: wireIdentity,
      configuration: configurationOf(PART),
      key: `bench-${process.pid}-${bought++}`,
    },
  })
  const { transactionID } = decodeTransaction(reserved.body)
  const draft = (reserved.body as { contract: WireContractTerms }).contract
  if (draft.buyerID.ID !== wireIdentity.ID) throw new Error('the draft is for somebody else')
  const middle = performance.now()
  const purchased = await call({
    method: 'POST',
    path: `/api/v2/transactions/${transactionID}/purchase`,
    body: {
      signature: signDocument(contractTerms(draft), { ...CONTRACT_SIGNATURE, key: member.identity.key }),
    },
  })
  const verdict = verifyContract(purchased.body, Date.now())
  if (!verdict.ok) throw new Error(`the contract is not valid: ${JSON.stringify(verdict.checks)}`)
  return { reserveMs: middle - start, purchaseMs: performance.now() - middle }
}

/** What may be asked of it. */
export const buyersMethods = {
  cpuMs,

  async open({ directories, address, id }: { directories: readonly string[]; address: string; id: string }) {
    callers = await Promise.all(directories.map((directory) => createCaller(directory, { address, id })))
  },

  /** The first `buyers` of them buy one after the other, until there are `count` contracts. */
  async buy({ flavorID, count, buyers }: { flavorID: string; count: number; buyers: number }): Promise<
    Rate & {
      readonly reserveMs: number
      readonly purchaseMs: number
    }
  > {
    const times: Times[] = []
    let left = count
    const start = performance.now()
    await Promise.all(
      callers.slice(0, buyers).map(async (caller) => {
        while (left-- > 0) times.push(await buy(caller, flavorID))
      }),
    )
    const elapsed = performance.now() - start
    const of = (pick: (one: Times) => number): number => rateOf(times.map(pick), elapsed).p50Ms
    return {
      ...rateOf(
        times.map(({ reserveMs, purchaseMs }) => reserveMs + purchaseMs),
        elapsed,
      ),
      reserveMs: of(({ reserveMs }) => reserveMs),
      purchaseMs: of(({ purchaseMs }) => purchaseMs),
    }
  },

  /** The first of them buys, one after the other, for so long. */
  async buyFor({ flavorID, durationMs }: { flavorID: string; durationMs: number }): Promise<Rate> {
    const times: number[] = []
    const start = performance.now()
    while (performance.now() - start < durationMs) {
      const { reserveMs, purchaseMs } = await buy(callers[0]!, flavorID)
      times.push(reserveMs + purchaseMs)
    }
    return rateOf(times, performance.now() - start)
  },
}

serve(buyersMethods, async () => {
  await Promise.all(callers.map((caller) => caller.close()))
})
