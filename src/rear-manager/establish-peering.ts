/** Steps 20 to 29: from the contract to the virtual node. */
import { allocationName } from '../available-resources/index.ts'
import { ensure } from '../kernel/object-store.ts'
import type { Contract } from '../objects/contract.ts'
import { inDefaultNamespace, ownedBy, type ObjectKey } from '../objects/meta.ts'
import type { Solver } from '../objects/solver.ts'
import { VIRTUAL_NODE_FINALIZER, VirtualNodeKind } from '../objects/virtual-node.ts'
import { contractAmounts } from '../rear/configured-amounts.ts'
import { traceAnnotations, traceOf } from '../trace/index.ts'
import type { AcquisitionContext } from './acquisition.ts'
import { namespaceOf, virtualNodeName } from './solver-objects.ts'
import { setSolverStatus } from './solver-status.ts'

type VirtualNodeKey = ObjectKey & { readonly namespace: string }

/**
 * Brings the peering of a contract forward. May be called as often as one likes.
 * @param contract in force, for a slice
 */
export async function establishPeering(
  context: AcquisitionContext,
  solver: Solver,
  contract: Contract,
): Promise<void> {
  const { store, closeContract } = context
  const contractID = contract.metadata.name
  const key = { namespace: namespaceOf(solver), name: virtualNodeName(contractID) }
  const virtualNode = await store.get(VirtualNodeKind, key)
  if (virtualNode === undefined) return askForPeering(context, solver, contract, key)
  const { phase, message = '' } = virtualNode.status ?? {}
  if (phase === 'Denied') {
    await closeContract(contractID, `peering denied: ${message}`)
    return
  }
  if (phase === 'Ready' && solver.status?.peering !== 'Solved')
    await completePeering(context, solver, contract, key)
}

/** Steps 20 and 21. */
async function askForPeering(
  context: AcquisitionContext,
  solver: Solver,
  contract: Contract,
  key: VirtualNodeKey,
): Promise<void> {
  const { store, available, recorder } = context
  const contractID = contract.metadata.name
  const provider = contract.spec.flavor.spec.owner.nodeID
  const trace = traceOf(solver)
  const amounts = contractAmounts(contract)
  const since = recorder.now()
  await available.ensureBought(contractID, amounts, key.name, trace)
  recorder.step(trace, 'allocation-created', { since, detail: contractID })
  const asked = recorder.step(trace, 'peering-asked', { peer: provider, detail: key.name })
  await ensure(store, VirtualNodeKind, {
    metadata: {
      ...key,
      ownerReferences: [ownedBy(solver)],
      annotations: traceAnnotations(asked),
      finalizers: [VIRTUAL_NODE_FINALIZER],
    },
    spec: { contractID, provider, resources: amounts, solver: solver.metadata.name },
  })
  const message = `waiting for ${provider} to set up the peering`
  const running = { peering: 'Running', virtualNode: key }
  await setSolverStatus(context, solver, running, { event: 'peering-asked', message })
}

/** Steps 27 to 29. */
async function completePeering(
  context: AcquisitionContext,
  solver: Solver,
  contract: Contract,
  key: VirtualNodeKey,
): Promise<void> {
  const { available, recorder } = context
  const contractID = contract.metadata.name
  const trace = traceOf(solver)
  const peer = contract.spec.flavor.spec.owner.nodeID
  recorder.step(trace, 'peering-informed', { role: 'consumer', peer })
  const since = recorder.now()
  await available.activate(contractID)
  recorder.step(trace, 'allocation-activated', { role: 'consumer', since, detail: contractID })
  recorder.step(trace, 'acquisition-complete', { detail: key.name })
  await setSolverStatus(
    context,
    solver,
    {
      peering: 'Solved',
      consumePhase: 'Solved',
      // Again: a crash may have come between the making of the virtual node and the word of it.
      virtualNode: key,
      allocation: inDefaultNamespace(allocationName(contractID)),
    },
    { event: 'completed', message: `virtual node ${key.name} is ready` },
  )
}
