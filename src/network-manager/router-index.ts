/**
 * Finds the virtual router of a contract.
 */
import type { Informer, Informers } from '../kernel/informer.ts'
import { type VirtualRouter, VirtualRouterKind } from '../objects/virtual-router.ts'

const BY_CONTRACT = 'network-manager/contract'

export class RouterIndex {
  readonly informer: Informer<VirtualRouter>

  constructor(informers: Informers) {
    this.informer = informers.of(VirtualRouterKind)
    this.informer.addIndex(BY_CONTRACT, (router) => [router.spec.contractID])
  }

  of(contractID: string): VirtualRouter | undefined {
    return this.informer.byIndex(BY_CONTRACT, contractID)[0]
  }
}
