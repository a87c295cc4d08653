/** Peering: the way to the other side of a contract, what runs there, how it is measured, and how it all ends. */
import { Closing, contractRoutes, DealingSummaries, pathOf } from '../../contract-manager/index.ts'
import type { Cluster } from '../../fabric/cluster.ts'
import { EmbeddedFabric } from '../../fabric/embedded/index.ts'
import type { Fabric, FabricOptions } from '../../fabric/fabric.ts'
import { Retention } from '../../kernel/retention/index.ts'
import { measuredCapacity } from '../../local-resource-manager/index.ts'
import { NetworkManager } from '../../network-manager/index.ts'
import type { NodeId } from '../../objects/ids.ts'
import { ALL_KINDS } from '../../objects/index.ts'
import { subtractAmounts } from '../../quantity/amounts.ts'
import { FactSumming } from '../../ratings-and-metrics/index.ts'
import { ContractTelemetry } from '../../telemetry/index.ts'
import { VERSION } from '../../version.ts'
import { VirtualFabricManager } from '../../virtual-fabric-manager/index.ts'
import { placeLabels } from '../place-labels.ts'
import type { DealsHandles } from './deals.ts'
import type { FoundationHandles } from './foundation.ts'
import type { MarketHandles } from './market.ts'
import type { Part } from './part.ts'
import type { TrustHandles } from './trust.ts'

export interface PeeringHandles {
  readonly networkManager: NetworkManager
  readonly fabric: Fabric & Cluster
}

export function createPeering(
  before: FoundationHandles & TrustHandles & MarketHandles & DealsHandles,
): Part<PeeringHandles> {
  const { base, config, directory, identity, transport, runner, rearServer } = before
  const { client, registry, available, localResources, contracts, rearManager, seller } = before
  const networkManager = new NetworkManager({
    ...base,
    transport,
    identity,
    contracts,
    addressOf: (nodeID) => registry.find(nodeID)?.spec.address,
    isRejected: (nodeID) => registry.standing(nodeID as NodeId) === 'rejected',
    pathOf: (contract) => pathOf(contract, contracts),
    inner: () => rearServer,
  })
  const channelFor: NetworkManager['channelFor'] = (contractID) => networkManager.channelFor(contractID)
  const forSale = config.sell?.capacity ?? {}
  const makeFabric =
    before.makeFabric ??
    ((given: FabricOptions) => new EmbeddedFabric({ ...given, ...(runner ? { runner } : {}) }))
  const fabric = makeFabric({
    ...base,
    nodeName: config.name,
    directory: `${directory}/fabric`,
    capacity: config.cluster.capacity ?? subtractAmounts(measuredCapacity(), forSale),
    forSale,
    // Keys and database of this node are none of a guest's business.
    hidden: [directory],
    labels: placeLabels(config),
    allowWorkloads: config.allowWorkloads,
    guests: config.guests,
    contracts: { sold: (contractID) => contracts.provided(contractID) },
    channels: channelFor,
    version: VERSION,
  })
  networkManager.useCluster(fabric)
  if (config.allowWorkloads) localResources.useGuests(async () => fabric.guestTerms?.())
  const fabricManager = new VirtualFabricManager({
    ...base,
    fabric,
    channelFor,
    sold: (contractID) => contracts.provided(contractID),
    peered: (contractID, by, trace) => rearManager.peered(contractID, by, trace),
  })
  const closing = new Closing({
    ...base,
    client,
    key: identity.key,
    available,
    contracts,
    withdraw: (contractID) => fabricManager.withdraw(contractID),
    onWithdrawn: (listener) => fabricManager.onWithdrawn(listener),
    detached: (contractID) => fabricManager.detached(contractID),
  })
  const telemetry = new ContractTelemetry({
    ...base,
    cluster: fabric,
    channelFor,
    isParty: (contractID, nodeID) => contracts.isParty(contractID, nodeID),
  })
  const retention = new Retention({
    ...base,
    kinds: ALL_KINDS,
    settings: config.retention,
    sums: [new DealingSummaries(base), new FactSumming({ ...base, keptMs: config.retention.factsMs })],
  })
  return {
    handles: { networkManager, fabric },
    components: [networkManager, fabric, fabricManager, closing, telemetry, retention],
    routes: [
      ...contractRoutes(seller, closing, contracts),
      ...fabricManager.routes,
      ...fabric.routes,
      ...networkManager.routes,
      ...telemetry.routes,
    ],
  }
}
