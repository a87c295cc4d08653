/** Peering Candidates and their listing by themselves, with offers that are signed as providers sign them. */
import type { Informers } from '../../src/kernel/informer.ts'
import { Informers as AllInformers } from '../../src/kernel/informer.ts'
import { silentLog } from '../../src/kernel/log.ts'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import { rfc3339 } from '../../src/kernel/system.ts'
import { FLAVOR_SIGNATURE } from '../../src/contract-manager/index.ts'
import type { NodeBase } from '../../src/node-base.ts'
import type { PeerRole } from '../../src/objects/peer.ts'
import {
  CandidateListing,
  PeeringCandidates,
  type PeeringCandidatesOptions,
  type Sighting,
} from '../../src/peering-candidates/index.ts'
import { signDocument } from '../../src/privacy-and-security-manager/index.ts'
import { decodeFlavor } from '../../src/rear/wire/index.ts'
import { Recorder } from '../../src/trace/index.ts'
import { testIdentity } from './identities.ts'
import type { SimulatedSystem } from './simulated-system.ts'

export interface CatalogTable {
  readonly base: NodeBase
  readonly candidates: PeeringCandidates
  readonly listing: CandidateListing
  readonly informers: Informers
  stop(): Promise<void>
}

/** Started on a store that may hold something already. */
export async function startCatalogTable(
  simulation: SimulatedSystem,
  store: ObjectStore,
  options: PeeringCandidatesOptions & { readonly role?: PeerRole } = {},
): Promise<CatalogTable> {
  const system = simulation.named('catalog')
  const { id } = testIdentity('catalog')
  const informers = new AllInformers({ store, system, log: silentLog })
  const base: NodeBase = {
    store,
    informers,
    system,
    log: silentLog,
    recorder: new Recorder({ system, node: 'catalog', sinks: [] }),
    self: {
      id,
      name: 'catalog',
      domain: 'k.org',
      identity: () => ({ domain: 'k.org', nodeID: id, ip: 'catalog:1' }),
    },
  }
  const { role = 'catalog', ...rest } = options
  const candidates = new PeeringCandidates(base, { compact: role === 'catalog', ...rest })
  const listing = new CandidateListing({ ...base, role, candidates, margin: undefined })
  await informers.start()
  await candidates.start()
  await listing.start()
  return {
    base,
    candidates,
    listing,
    informers,
    async stop() {
      await listing.stop()
      await candidates.stop()
      await informers.stop()
    },
  }
}

export interface OfferShape {
  readonly flavorID?: string
  readonly cpu?: string
  readonly visibility?: string
  /** Milliseconds since 1970. */
  readonly at?: number
}

/** @returns an offer of `owner`, as `teller` (the owner unless given) brings it */
export function sighting(
  owner: string,
  { flavorID = 'offer', cpu = '4', visibility, at = Date.UTC(2030, 0, 1) }: OfferShape = {},
  more: Partial<Sighting> & { readonly teller?: string } = {},
): Sighting {
  const { id, key } = testIdentity(owner)
  const terms = {
    flavorID,
    providerID: id,
    type: {
      name: 'k8slice',
      data: {
        charateristics: { architecture: 'amd64', cpu, memory: '8Gi', pods: '10' },
        properties: {},
        policies: {},
      },
    },
    timestamp: rfc3339(at),
    price: { amount: '1', currency: 'EUR', period: 'hour' },
    owner: { ID: id, IP: `${owner}:1`, domain: 'p.org' },
    availability: true,
    ...(visibility === undefined ? {} : { visibility }),
  }
  const raw = { ...terms, signature: signDocument(terms, { ...FLAVOR_SIGNATURE, key }) }
  const { teller = owner, ...rest } = more
  return {
    flavor: decodeFlavor(raw),
    raw,
    source: { nodeID: testIdentity(teller).id, address: `${teller}:1` },
    origin: 'advertised',
    validForMs: 60_000,
    ...rest,
  }
}
