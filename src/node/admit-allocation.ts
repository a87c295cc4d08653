/** What an Allocation asks for has to be there: a contract of this node. */
import type { FieldCause } from '../kernel/validation/field-cause.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { type Allocation, AllocationKind } from '../objects/allocation.ts'
import { ContractKind, hasEnded } from '../objects/contract.ts'
import type { KindDefinition } from '../objects/kind.ts'
import { DEFAULT_NAMESPACE, inDefaultNamespace, isObjectName } from '../objects/meta.ts'

/** @returns what is wrong with the contract that an Allocation names; empty for other kinds */
export async function allocationCauses(
  store: Pick<ObjectStore, 'get'>,
  { kind }: KindDefinition,
  object: unknown,
): Promise<readonly FieldCause[]> {
  if (kind !== AllocationKind.kind) return []
  const { name, namespace = DEFAULT_NAMESPACE } = (object as Allocation).spec.contract ?? {}
  if (name === undefined)
    return [
      {
        field: 'spec.contract.name',
        message: 'Required value: which of the contracts of this node it is for',
        reason: 'FieldValueRequired',
      },
    ]
  const contract =
    isObjectName(name) && namespace === DEFAULT_NAMESPACE
      ? await store.get(ContractKind, inDefaultNamespace(name))
      : undefined
  const fault =
    contract === undefined
      ? 'this node has no such contract'
      : hasEnded(contract)
        ? `the contract is ${contract.status?.phase?.phase}`
        : undefined
  return fault === undefined
    ? []
    : [{ field: 'spec.contract.name', message: `Invalid value: ${JSON.stringify(name)}: ${fault}` }]
}
