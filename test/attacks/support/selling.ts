/** A seller that runs over a real store in this process: the selling half of a node, with what it needs. */
import { vi } from 'vitest'
import { AvailableResources } from '../../../src/available-resources/index.ts'
import {
  ContractIssuer,
  Contracts,
  CONTRACT_SIGNATURE,
  FLAVOR_SIGNATURE,
  Seller,
  HoldLimits,
} from '../../../src/contract-manager/index.ts'
import { Informers } from '../../../src/kernel/informer.ts'
import { silentLog } from '../../../src/kernel/log.ts'
import { realSystem } from '../../../src/kernel/system.ts'
import type { NodeBase } from '../../../src/node-base.ts'
import type { TraceEvent } from '../../../src/objects/trace.ts'
import { FlavorKind } from '../../../src/objects/flavor.ts'
import { PoolKind, type PoolSpec } from '../../../src/objects/pool.ts'
import { signDocument } from '../../../src/privacy-and-security-manager/index.ts'
import type { Audience } from '../../../src/rear/audience.ts'
import {
  contractTerms,
  flavorTerms,
  flavorToWire,
  type WireContractTerms,
  type WireTransaction,
} from '../../../src/rear/wire/index.ts'
import { createMemoryStore } from '../../../src/store/memory/index.ts'
import { Recorder, type TraceContext } from '../../../src/trace/index.ts'
import { testIdentity } from '../../support/identities.ts'

const me = testIdentity('seller')
const system = realSystem
const TRACE: TraceContext = { traceID: 'a'.repeat(32), workflow: 1, role: 'provider' }

export interface Selling {
  readonly seller: Seller
  /** Of what is on offer, as it is listed. */
  readonly flavorID: string
  /** All that it noted in traces. */
  readonly events: readonly TraceEvent[]
  /** @returns the answer to RESERVE of a node */
  reserve(buyer: typeof me, configuration?: unknown): Promise<WireTransaction>
  /** @returns the contract */
  purchase(buyer: typeof me, transaction: WireTransaction): Promise<Record<string, unknown>>
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
  const informers = new Informers({ store, system, log: silentLog })
  const events: TraceEvent[] = []
  const identity = () => ({ domain: 'home', nodeID: me.id, ip: 'here:1' })
  const base: NodeBase = {
    ...{ store, informers, system, log: silentLog },
    recorder: new Recorder({
      system,
      node: 'me',
      sinks: [{ step: (_, event) => void events.push(event) }],
    }),
    self: { id: me.id, name: 'me', domain: 'home', identity },
  }
  const available = new AvailableResources({
    ...base,
    signFlavor: (flavor) =>
      signDocument(flavorTerms(flavorToWire(flavor)), { ...FLAVOR_SIGNATURE, key: me.key }),
  })
  const seller = new Seller({
    ...base,
    available,
    rearManager: { reserveForPeer: (pool, entry, trace) => available.hold(pool, entry, trace) },
    key: me.key,
    holdMs: 60_000,
    longestMs: 3_600_000,
    longestUnauthenticatedMs: 3_600_000,
    holdLimits: new HoldLimits({
      system,
      holdMs: 60_000,
      settings: { perBuyer: 100, perDomain: 400, perMinute: 120, share: 0.5 },
    }),
    holderOf: (caller = 'anybody') => ({ buyer: caller, domain: 'home' }),
    issuer: new ContractIssuer({ ...base, key: me.key }),
    audienceOf,
    checkUser: () => undefined,
  })
  new Contracts(base)
  await informers.start()
  await available.start()
  await seller.start()
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
    await seller.stop()
    await available.stop()
    await informers.stop()
    await store.close()
  }
}
