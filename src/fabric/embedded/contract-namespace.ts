/** The namespace in which the pods of one contract run at the provider. */
import { ensure, type ObjectStore } from '../../kernel/object-store.ts'
import { NamespaceKind } from '../../objects/core/namespace.ts'
import type { SoldSlice } from '../fabric.ts'
import {
  BUYER_ANNOTATION,
  CONTRACT_ANNOTATION,
  CONTRACT_LABEL,
  contractLabel,
  contractNamespace,
} from './names.ts'

export async function ensureContractNamespace(store: ObjectStore, slice: SoldSlice): Promise<void> {
  await ensure(store, NamespaceKind, {
    metadata: {
      name: contractNamespace(slice.contractID),
      labels: { [CONTRACT_LABEL]: contractLabel(slice.contractID) },
      annotations: { [CONTRACT_ANNOTATION]: slice.contractID, [BUYER_ANNOTATION]: slice.buyer },
    },
  })
}
