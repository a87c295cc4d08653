/** The objects that a Solver has made for it: their names, whose they are, and where. */
import type { ObjectStore } from '../kernel/object-store.ts'
import { DEFAULT_NAMESPACE, type KubeObject, type ObjectKey } from '../objects/meta.ts'
import { ReservationKind, type Reservation } from '../objects/reservation.ts'
import type { Solver } from '../objects/solver.ts'

/** @returns whether an object was made for this very solver, and is to stay */
export function isOwnedBy(object: KubeObject, solver: Solver): boolean {
  const { ownerReferences, deletionTimestamp } = object.metadata
  return (
    deletionTimestamp === undefined &&
    ownerReferences?.some(({ uid }) => uid === solver.metadata.uid) === true
  )
}

/** @returns the namespace of a solver, and of all that is made for it */
export function namespaceOf({ metadata }: KubeObject): string {
  return metadata.namespace ?? DEFAULT_NAMESPACE
}

/** @returns the solver that an object was made for */
export function ofSolver({ object }: { readonly object: KubeObject }): ObjectKey | undefined {
  const owner = object.metadata.ownerReferences?.find(({ kind }) => kind === 'Solver')
  return owner && { namespace: namespaceOf(object), name: owner.name }
}

/** @returns where the question is that is asked for a solver */
export function discoveryKeyOf(solver: Solver): ObjectKey & { readonly namespace: string } {
  return { namespace: namespaceOf(solver), name: `discovery-${solver.metadata.name}` }
}

/** @returns the name of the virtual node of a contract, which is also the name of its Kubernetes node */
export function virtualNodeName(contractID: string): string {
  return `vnode-${contractID.replace(/^contract-/, '')}`
}

/** @returns the reservation that a solver waits for or has, as it is stored */
export async function reservationOf(
  store: Pick<ObjectStore, 'get'>,
  solver: Solver,
): Promise<Reservation | undefined> {
  const name = solver.status?.reservation?.name
  return name === undefined ? undefined : store.get(ReservationKind, { namespace: namespaceOf(solver), name })
}
