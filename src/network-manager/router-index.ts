/**
 * Finds the virtual router of a contract.
 */
import type { Informer } from '../kernel/informer.ts'
import type { Informers } from '../kernel/informer.ts'
import { type VirtualRouter, VirtualRouterKind } from '../objects/virtual-router.ts'

const BY_CONTRACT = 'network-manager/contract'

export interface RouterIndex {
  readonly informer: Informer<VirtualRouter>
  of(contractID: string): VirtualRouter | undefined
}

export function createRouterIndex(informers: Informers): RouterIndex {
  const informer = informers.of(VirtualRouterKind)
  informer.addIndex(BY_CONTRACT, (router) => [router.spec.contractID])
  return { informer, of: (contractID) => informer.byIndex(BY_CONTRACT, contractID)[0] }
}
