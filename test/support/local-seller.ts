/** The selling half of a node over a store, without the rest of it. */
import { AvailableResources } from '../../src/available-resources/index.ts'
import {
  ContractIssuer,
  Contracts,
  FLAVOR_SIGNATURE,
  HoldLimits,
  type HoldLimitSettings,
  Seller,
} from '../../src/contract-manager/index.ts'
import { Informers } from '../../src/kernel/informer.ts'
import { silentLog } from '../../src/kernel/log.ts'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import { realSystem } from '../../src/kernel/system.ts'
import type { NodeBase } from '../../src/node-base.ts'
import { signDocument } from '../../src/privacy-and-security-manager/index.ts'
import type { Audience } from '../../src/rear/audience.ts'
import { flavorTerms, flavorToWire } from '../../src/rear/wire/index.ts'
import { Recorder, type RecorderSink } from '../../src/trace/index.ts'
import { testIdentity } from './identities.ts'

const me = testIdentity('seller')
const system = realSystem

export interface LocalSellerOptions {
  /** Stays open when the seller stops. */
  readonly store: ObjectStore
  readonly holds: HoldLimitSettings
  /** What a caller may see of what is for sale. */
  readonly audienceOf: (caller: string | undefined) => Audience
  readonly sinks?: readonly RecorderSink[]
}

export interface LocalSeller {
  readonly seller: Seller
  readonly informers: Informers
  stop(): Promise<void>
}

export async function startLocalSeller({
  store,
  holds,
  audienceOf,
  sinks = [],
}: LocalSellerOptions): Promise<LocalSeller> {
  const informers = new Informers({ store, system, log: silentLog })
  const identity = () => ({ domain: 'home', nodeID: me.id, ip: 'here:1' })
  const base: NodeBase = {
    ...{ store, informers, system, log: silentLog },
    recorder: new Recorder({ system, node: 'me', sinks }),
    self: { id: me.id, name: 'me', domain: 'home', identity },
  }
  const available = new AvailableResources({
    ...base,
    signFlavor: (flavor) =>
      signDocument(flavorTerms(flavorToWire(flavor)), { ...FLAVOR_SIGNATURE, key: me.key }),
  })
  const holdMs = 60_000
  const seller = new Seller({
    ...base,
    available,
    rearManager: { reserveForPeer: (pool, entry, trace) => available.hold(pool, entry, trace) },
    key: me.key,
    holdMs,
    longestMs: 3_600_000,
    longestUnauthenticatedMs: 3_600_000,
    holdLimits: new HoldLimits({ system, holdMs, settings: holds }),
    holderOf: (caller = 'anybody') => ({ buyer: caller, domain: 'home' }),
    issuer: new ContractIssuer({ ...base, key: me.key }),
    audienceOf,
    checkUser: () => undefined,
  })
  new Contracts(base)
  await informers.start()
  await available.start()
  await seller.start()
  return {
    seller,
    informers,
    async stop() {
      await seller.stop()
      await available.stop()
      await informers.stop()
    },
  }
}
