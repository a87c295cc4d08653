/** What ends with a contract at this side: what runs, the peering, the capacity, and the contract of the next hop. */
import type { AvailableResources } from '../available-resources/index.ts'
import { remove } from '../kernel/object-store.ts'
import type { Contract } from '../objects/contract.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { ReservationKind } from '../objects/reservation.ts'
import { TransactionKind } from '../objects/transaction.ts'
import { ContractKind } from '../objects/contract.ts'
import { contractIdOf } from './contract-ids.ts'
import type { Contracts } from './contracts.ts'
import { FORWARDS } from './extra-information.ts'
import { FORWARDING_LABEL, forwardingName } from './forwarding-names.ts'
import { requestClose, type RequestCloseOptions } from './request-close.ts'

export interface TakeDownOptions extends RequestCloseOptions {
  readonly available: AvailableResources
  readonly contracts: Contracts
  /** Seller: stops what runs under the contract. @returns whether nothing runs any more */
  readonly withdraw: (contractID: string) => Promise<boolean>
  /** Buyer: whether the virtual node of the contract is gone. */
  readonly detached: (contractID: string) => Promise<boolean>
}

/** Stops, takes down, gives back; may be repeated. @returns false while something of it is still going on */
export function takeDown(options: TakeDownOptions, contract: Contract): Promise<boolean> {
  if (contract.spec.role !== 'seller') return takeDownBought(options, contract)
  const forwards = contract.spec.extraInformation?.[FORWARDS]
  return forwards === undefined
    ? takeDownSold(options, contract)
    : takeDownForwarded(options, contract, forwards)
}

/** We only stood in between: the next hop is told, and does the rest. */
async function takeDownForwarded(
  options: TakeDownOptions,
  contract: Contract,
  forwards: string,
): Promise<boolean> {
  const { available, store } = options
  const { transactionID } = contract.spec
  await requestClose(options, forwards, contract.status?.phase?.message ?? 'closed by the hop before')
  await available.removeAllocation(contract.metadata.name)
  await remove(store, ReservationKind, inDefaultNamespace(forwardingName(transactionID)))
  await remove(store, TransactionKind, inDefaultNamespace(transactionID))
  return true
}

async function takeDownSold(
  { available, store, withdraw }: TakeDownOptions,
  contract: Contract,
): Promise<boolean> {
  if (!(await withdraw(contract.metadata.name))) return false
  await available.release(contract.metadata.name)
  await remove(store, TransactionKind, inDefaultNamespace(contract.spec.transactionID))
  return true
}

async function takeDownBought(options: TakeDownOptions, contract: Contract): Promise<boolean> {
  const contractID = contract.metadata.name
  const before = await contractBefore(options, contract)
  if (before === 'being-made') return false
  if (before) {
    await requestClose(options, before, contract.status?.phase?.message ?? 'closed by the next hop')
    return true
  }
  if (!(await options.detached(contractID))) return false
  await options.available.removeAllocation(contractID)
  return true
}

/**
 * From the store where the contract says for which transaction it was bought: a contract that ends at once after it
 * was made may not be in any informer yet.
 * @returns the id of our contract with the hop before, for which this one was bought; `being-made` while it is signed
 *   and not there; undefined when we bought for ourselves
 */
async function contractBefore(
  { store, contracts }: TakeDownOptions,
  contract: Contract,
): Promise<string | 'being-made' | undefined> {
  const transactionID = contract.metadata.labels?.[FORWARDING_LABEL]
  if (transactionID === undefined) return contracts.forwardedFor(contract.metadata.name)?.metadata.name
  const contractID = contractIdOf(transactionID)
  if (await store.get(ContractKind, inDefaultNamespace(contractID))) return contractID
  const transaction = await store.get(TransactionKind, inDefaultNamespace(transactionID))
  return typeof transaction?.spec.buyerSignature === 'string' ? 'being-made' : undefined
}
