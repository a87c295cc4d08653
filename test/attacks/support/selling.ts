/** A seller that runs over a real store in this process: the selling half of a node, with what it needs. */
import { vi } from 'vitest'
import { CONTRACT_SIGNATURE, type Seller } from '../../../src/contract-manager/index.ts'
import { realSystem } from '../../../src/kernel/system.ts'
import type { TraceEvent } from '../../../src/objects/trace.ts'
import { FlavorKind } from '../../../src/objects/flavor.ts'
import { PoolKind, type PoolSpec } from '../../../src/objects/pool.ts'
import { signDocument } from '../../../src/privacy-and-security-manager/index.ts'
import type { Audience } from '../../../src/rear/audience.ts'
import { contractTerms, type WireContractTerms, type WireTransaction } from '../../../src/rear/wire/index.ts'
import { createMemoryStore } from '../../../src/store/memory/index.ts'
import type { TraceContext } from '../../../src/trace/index.ts'
import type { testIdentity } from '../../support/identities.ts'
import { startLocalSeller } from '../../support/local-seller.ts'

type TestIdentity = ReturnType<typeof testIdentity>
const system = realSystem
const TRACE: TraceContext = { traceID: 'a'.repeat(32), workflow: 1, role: 'provider' }

export interface Selling {
  readonly seller: Seller
  /** Of what is on offer, as it is listed. */
  readonly flavorID: string
  /** All that it noted in traces. */
  readonly events: readonly TraceEvent[]
  /** @returns the answer to RESERVE of a node */
  reserve(buyer: TestIdentity, configuration?: unknown): Promise<WireTransaction>
  /** @returns the contract */
  purchase(buyer: TestIdentity, transaction: WireTransaction): Promise<Record<string, unknown>>
}

/**
 * @param spec the pool that it sells from
 * @param audienceOf what a caller may see of it
 */
export async function whileSelling<T>(
  spec: PoolSpec,
  audienceOf: (caller: string | undefined) => Audience,
  then: (selling: Selling) => Promise<T>,
): Promise<T> {
  const { store } = createMemoryStore({ system })
  const events: TraceEvent[] = []
  const { seller, informers, stop } = await startLocalSeller({
    store,
    holds: { perBuyer: 100, perDomain: 400, perMinute: 120, share: 0.5 },
    audienceOf,
    sinks: [{ step: (_, event) => void events.push(event) }],
  })
  try {
    await store.create(PoolKind, { metadata: { namespace: 'default', name: 'pool' }, spec })
    const flavors = informers.of(FlavorKind)
    const flavorID = await vi.waitUntil(() => flavors.list()[0]?.metadata.name)
    return await then({
      seller,
      flavorID,
      events,
      reserve: ({ id }, configuration) =>
        seller.reserve(
          {
            flavorID,
            buyerID: { ID: id, IP: 'there:1', domain: 'home' },
            key: 'key',
            ...(configuration === undefined ? {} : { configuration: configuration as never }),
          },
          id,
          TRACE,
        ),
      purchase: async ({ id, key }, { transactionID, contract }) => {
        const terms = contractTerms(contract as WireContractTerms)
        const signature = signDocument(terms, { ...CONTRACT_SIGNATURE, key })
        return (await seller.purchase(transactionID, { signature }, id)) as Record<string, unknown>
      },
    })
  } finally {
    await stop()
    await store.close()
  }
}
