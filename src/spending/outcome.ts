/** What became of an entry of a ledger, from what is stored: of its reservation, its solver and its contract. */
import type { NodeBase } from '../node-base.ts'
import { ContractKind, hasEnded, type Contract } from '../objects/contract.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { ReservationKind, type Reservation } from '../objects/reservation.ts'
import { SolverKind } from '../objects/solver.ts'
import type { SpendingEntry } from '../objects/spending.ts'
import { parseMoney } from '../quantity/money.ts'
import { finalCost, plannedCost } from '../rear/contract-cost.ts'
import type { Outcome } from './ledger.ts'

type Base = Pick<NodeBase, 'store' | 'informers'>

/**
 * @param namespace of the intent, and of what is made for it
 * @returns undefined while it stays as it is
 */
export async function outcomeOf(
  base: Base,
  namespace: string,
  entry: SpendingEntry,
): Promise<Outcome | undefined> {
  return entry.contract === undefined
    ? ofReservation(base, namespace, entry)
    : ofContract(base, entry.contract, entry)
}

async function ofContract({ store }: Base, name: string, entry: SpendingEntry): Promise<Outcome | undefined> {
  const contract = await store.get(ContractKind, inDefaultNamespace(name))
  // Its record is gone: nobody can say any more that it ended early.
  if (contract === undefined) return { is: 'ended', cost: parseMoney(entry.cost) }
  return hasEnded(contract) ? { is: 'ended', cost: finalCost(contract).cost } : undefined
}

async function ofReservation(
  { store, informers }: Base,
  namespace: string,
  entry: SpendingEntry,
): Promise<Outcome | undefined> {
  // First the solver, then the reservation: once it counts the attempt there is the reservation, or it is gone for good.
  const solver = await store.get(SolverKind, { namespace, name: entry.solver })
  const reservation = await store.get(ReservationKind, { namespace, name: entry.reservation })
  const isSolver = solver?.metadata.uid === entry.solverUID
  if (reservation?.metadata.ownerReferences?.some(({ uid }) => uid === entry.solverUID) === true) {
    const { contract } = reservation.status ?? {}
    if (contract?.name !== undefined) {
      const found = await store.get(ContractKind, inDefaultNamespace(contract.name))
      return found && boughtAs(found)
    }
    const isGivenUp =
      reservation.metadata.deletionTimestamp !== undefined ||
      reservation.status?.phase.phase === 'Failed' ||
      !isSolver ||
      solver.status?.solverPhase?.phase === 'Failed'
    // Who holds something for us has nothing of us yet. Whoever may have been told that we buy it may have a contract.
    return isGivenUp && !mayBeBought(reservation) ? { is: 'gone' } : undefined
  }
  if (isSolver && Number(solver.status?.attempts ?? 0) < entry.attempt) return undefined
  // It came to a contract that was given up before anybody noted it here.
  const contract = informers
    .of(ContractKind)
    .list()
    .find(({ spec }) => spec.reservation === entry.reservation && spec.solverUID === entry.solverUID)
  return contract === undefined ? { is: 'gone' } : boughtAs(contract)
}

/** @returns the entry of what is signed now */
export function boughtAs(contract: Contract): Outcome & { readonly is: 'bought' } {
  const { price, expirationTime } = contract.spec
  return {
    is: 'bought',
    contract: contract.metadata.name,
    price: price ?? { amount: '', currency: '', period: '' },
    cost: plannedCost(contract),
    ...(expirationTime === undefined ? {} : { until: expirationTime }),
  }
}

function mayBeBought({ spec, status }: Reservation): boolean {
  return spec.purchase === true && status?.reservePhase === 'Solved'
}
