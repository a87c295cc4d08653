/** Makes Peers of those that the configuration names. */
import type { EffectiveConfig } from '../config/index.ts'
import type { Component } from '../kernel/component.ts'
import { parseNodeId } from '../objects/ids.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'

export interface ConfiguredPeersOptions {
  readonly peers: EffectiveConfig['peers']
  readonly registry: Pick<PeerRegistry, 'configure'>
}

export class ConfiguredPeers implements Component {
  readonly #options: ConfiguredPeersOptions

  constructor(options: ConfiguredPeersOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { peers, registry } = this.#options
    for (const { address, id, accept, role } of peers) {
      await registry.configure({
        address,
        ...(id === undefined ? {} : { nodeId: parseNodeId(id) }),
        ...(accept === undefined ? {} : { accepted: accept }),
        ...(role === undefined ? {} : { role }),
      })
    }
  }

  async stop(): Promise<void> {}
}
