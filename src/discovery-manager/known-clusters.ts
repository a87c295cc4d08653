/**
 * KnownClusters that the user wrote, as upstream has it: addresses to ask. Each becomes a Peer, as if it stood under
 * `peers` in the configuration. Those that were heard on the local network are not taken: upstream nodes, which
 * speak plain HTTP, are noted there for people to see, and nobody proved anything.
 */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import type { NodeBase } from '../node-base.ts'
import { KnownClusterKind } from '../objects/known-cluster.ts'
import type { ObjectKey } from '../objects/meta.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import { isPeerAddress } from './peer-address.ts'
import { wasHeard } from './upstream-multicast.ts'

export interface KnownClustersOptions extends NodeBase {
  readonly registry: Pick<PeerRegistry, 'configure' | 'list'>
}

export class KnownClusters implements Component {
  readonly #options: KnownClustersOptions
  readonly #controller: Controller

  constructor(options: KnownClustersOptions) {
    this.#options = options
    this.#controller = new Controller({
      name: 'known-clusters',
      system: options.system,
      log: options.log,
      watches: [{ informer: options.informers.of(KnownClusterKind) }],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  async #reconcile(key: ObjectKey): Promise<void> {
    const { informers, registry, log } = this.#options
    const cluster = informers.of(KnownClusterKind).get(key)
    if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined || wasHeard(cluster)) return
    const { address } = cluster.spec
    if (!isPeerAddress(address)) {
      log.warn({ knownCluster: key.name, address }, 'the address of a KnownCluster is not host:port')
      return
    }
    // Who is there may be known already, from whatever source.
    if (registry.list().some(({ spec }) => spec.address === address)) return
    await registry.configure({ address })
  }
}
