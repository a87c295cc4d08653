/** Steps 20 to 29: from the contract to the virtual node. */
import { allocationName, type AvailableResources } from '../available-resources/index.ts'
import { ensure } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import type { Contract } from '../objects/contract.ts'
import { DEFAULT_NAMESPACE, ownedBy } from '../objects/meta.ts'
import type { Solver, SolverStatus } from '../objects/solver.ts'
import { VirtualNodeKind } from '../objects/virtual-node.ts'
import type { RatingsAndMetrics } from '../ratings-and-metrics/index.ts'
import { traceAnnotations, traceOf } from '../trace/index.ts'
import { contractAmounts } from '../rear/configured-amounts.ts'
import { namespaceOf, virtualNodeName } from './solver-objects.ts'

export interface PeeringOptions extends NodeBase {
  readonly available: AvailableResources
  readonly ratings: RatingsAndMetrics
  readonly closeContract: (contractID: string, reason: string) => Promise<void>
}

/**
 * Brings the peering of a contract forward. May be called as often as one likes.
 * @returns what is news of the solver; undefined when nothing is
 */
export async function establishPeering(
  options: PeeringOptions,
  solver: Solver,
  contract: Contract,
): Promise<SolverStatus | undefined> {
  const { store, available, recorder, ratings, closeContract } = options
  const contractID = contract.metadata.name
  const provider = contract.spec.flavor.spec.owner.nodeID
  const trace = traceOf(solver)
  const name = virtualNodeName(contractID)
  const key = { namespace: namespaceOf(solver), name }
  const virtualNode = await store.get(VirtualNodeKind, key)
  if (virtualNode === undefined) {
    const amounts = contractAmounts(contract)
    const since = recorder.now()
    await available.ensureBought(contractID, amounts, name, trace)
    recorder.step(trace, 'allocation-created', { since, detail: contractID })
    recorder.step(trace, 'peering-asked', { peer: provider, detail: name })
    await ensure(store, VirtualNodeKind, {
      metadata: { ...key, ownerReferences: [ownedBy(solver)], annotations: traceAnnotations(trace) },
      spec: { contractID, provider, resources: amounts, solver: solver.metadata.name },
    })
    return {
      peering: 'Running',
      virtualNode: key,
      solverPhase: { phase: 'Running', message: `waiting for ${provider} to set up the peering` },
    }
  }
  const { phase, message = '' } = virtualNode.status ?? {}
  if (phase === 'Denied') {
    await ratings.record(provider, 'PeeringFailed', { contractID, once: contractID })
    await closeContract(contractID, `peering denied: ${message}`)
    return undefined
  }
  if (phase !== 'Ready' || solver.status?.peering === 'Solved') return undefined
  recorder.step(trace, 'peering-informed', { role: 'consumer', peer: provider })
  const since = recorder.now()
  await available.activate(contractID)
  recorder.step(trace, 'allocation-activated', { role: 'consumer', since, detail: contractID })
  recorder.step(trace, 'acquisition-complete', { detail: name })
  return {
    peering: 'Solved',
    consumePhase: 'Solved',
    // Again: a crash may have come between the making of the virtual node and the word of it.
    virtualNode: key,
    allocation: { name: allocationName(contractID), namespace: DEFAULT_NAMESPACE },
    solverPhase: { phase: 'Solved', message: `virtual node ${name} is ready` },
  }
}
