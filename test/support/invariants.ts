/** What must be so in a market at rest, however it came there: says of each node what is not. */
import { AllocationKind } from '../../src/objects/allocation.ts'
import { ContractKind, type Contract } from '../../src/objects/contract.ts'
import { NodeKind } from '../../src/objects/core/node.ts'
import { NamespaceKind } from '../../src/objects/core/namespace.ts'
import { PodKind } from '../../src/objects/core/pod.ts'
import { ReservationKind } from '../../src/objects/reservation.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { TransactionKind } from '../../src/objects/transaction.ts'
import { VirtualNodeKind } from '../../src/objects/virtual-node.ts'
import { addAmounts, sameAmounts, type Amounts } from '../../src/quantity/amounts.ts'
import type { Market, MarketNode } from './market.ts'
import { inTransit, poolFaults, storedPools } from './pools.ts'

const FORWARDS = 'tributary.io/forwards'

export const isActive = (contract: Contract): boolean =>
  (contract.status?.phase?.phase ?? 'Active') === 'Active'

/** @returns the contracts of a node that are in force */
export async function activeContracts(node: MarketNode): Promise<readonly Contract[]> {
  return (await node.store.list(ContractKind)).items.filter(isActive)
}

/** @returns what is wrong in the whole market, a line for each; nothing when all is well */
export async function contradictions(market: Market<string>): Promise<readonly string[]> {
  const wrong: string[] = []
  const nodes = Object.entries(market.nodes)
  const contractsOf = new Map<string, readonly Contract[]>()
  for (const [, node] of nodes) contractsOf.set(node.id, await activeContracts(node))
  for (const [name, node] of nodes) {
    const say = (text: string): void => void wrong.push(`${name}: ${text}`)
    const mine = contractsOf.get(node.id)!
    const names = new Set(mine.map(({ metadata }) => metadata.name))
    const entries = (await storedPools(node.store)).flatMap((stored) => {
      for (const fault of poolFaults(stored)) say(fault)
      const { pool, shards } = stored
      if (Object.keys(inTransit(shards)).length > 0) say(`pool ${pool.metadata.name} is on the move`)
      const free = shards.reduce<Amounts>((sum, { status }) => addAmounts(sum, status.free), {})
      if (!sameAmounts(free, pool.status?.free ?? {}))
        say(`the status of pool ${pool.metadata.name} is not what its shards say`)
      return shards.flatMap(({ status }) => status.entries)
    })
    for (const { id, state, contractID } of entries) {
      if (state === 'held') say(`transaction ${id} still holds capacity`)
      else if (!names.has(contractID)) say(`capacity is allocated to ${contractID}, which is not in force`)
    }
    const allocations = (await node.store.list(AllocationKind)).items
    for (const { spec, metadata } of allocations) {
      if (!names.has(spec.contract?.name ?? '')) say(`${metadata.name} is of no contract in force`)
    }
    const virtualNodes = (await node.store.list(VirtualNodeKind)).items
    for (const { spec, metadata } of virtualNodes) {
      if (!names.has(spec.contractID)) say(`${metadata.name} is of no contract in force`)
    }
    for (const { metadata } of (await node.store.list(NodeKind)).items) {
      const virtual = metadata.labels?.['tributary.io/virtual-node'] !== undefined
      if (virtual && !virtualNodes.some((each) => each.metadata.name === metadata.name))
        say(`node ${metadata.name} has no VirtualNode`)
    }
    const forwarded = new Set(mine.map(({ spec }) => spec.extraInformation?.[FORWARDS]))
    for (const contract of mine) {
      const id = contract.metadata.name
      const { role, buyer, seller, extraInformation } = contract.spec
      const other = contractsOf.get(role === 'buyer' ? seller.nodeID : buyer.nodeID)
      if (other && !other.some((each) => each.metadata.name === id && each.spec.role !== role))
        say(`${id} is in force on our side (${role}) alone`)
      const forwards = extraInformation?.[FORWARDS]
      if (role === 'seller' && forwards === undefined) {
        const allocated = entries.filter(({ contractID }) => contractID === id)
        if (allocated.length !== 1) say(`${id} has ${allocated.length} entries in the ledger`)
      }
      if (role === 'seller' && forwards !== undefined && !names.has(forwards))
        say(`${id} forwards ${forwards}, which is not in force`)
      if (role === 'buyer' && !forwarded.has(id)) {
        const key = { namespace: 'default', name: String(contract.spec['solverID']) }
        if ((await node.store.get(SolverKind, key)) === undefined) say(`${id} was bought for nobody`)
        const isSlice = contract.spec.flavor.spec.flavorType.typeIdentifier === 'K8Slice'
        if (isSlice && virtualNodes.filter(({ spec }) => spec.contractID === id).length !== 1)
          say(`${id} has not exactly one virtual node`)
      }
      if (
        (role === 'seller' || !forwarded.has(id)) &&
        !allocations.some((each) => each.spec.contract?.name === id)
      )
        say(`${id} has no allocation`)
    }
    const reservations = (await node.store.list(ReservationKind)).items
    for (const { metadata } of (await node.store.list(TransactionKind)).items) {
      const sold = mine.some(({ spec }) => spec.transactionID === metadata.name)
      const bought = reservations.some(({ status }) => status?.transactionID === metadata.name)
      if (!sold && !bought) say(`transaction ${metadata.name} is left over`)
    }
    for (const { metadata, spec, status } of reservations) {
      const solver = await node.store.get(SolverKind, { namespace: 'default', name: spec.solverID })
      const wanted = solver?.status?.reservation?.name === metadata.name
      if (metadata.deletionTimestamp !== undefined) say(`reservation ${metadata.name} does not go`)
      else if (!wanted && !names.has(status?.contract?.name ?? ''))
        say(`reservation ${metadata.name} is left over`)
    }
    const namespaces = (await node.store.list(NamespaceKind)).items
    for (const { metadata } of namespaces) {
      const contractID = metadata.annotations?.['tributary.io/contract-id']
      if (contractID !== undefined && !names.has(contractID))
        say(`namespace ${metadata.name} is of ${contractID}, which is not in force`)
    }
    for (const { metadata } of (await node.store.list(PodKind)).items) {
      const contract = metadata.annotations?.['tributary.io/contract-id']
      if (contract !== undefined && !names.has(contract)) say(`pod ${metadata.name} runs under no contract`)
    }
  }
  return wrong
}
