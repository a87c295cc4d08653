/** Keeps the table that a supernode or catalog answers LIST_FLAVORS from, beyond its own flavors. */
import { FlavorTable } from '../available-resources/index.ts'
import type { Component } from '../kernel/component.ts'
import type { NodeBase } from '../node-base.ts'
import { PeeringCandidateKind, type PeeringCandidate } from '../objects/peering-candidate.ts'
import type { PeerRole } from '../objects/peer.ts'
import { nodeIdentityToWire } from '../rear/wire/index.ts'

export interface CandidateListingOptions extends NodeBase {
  readonly role: PeerRole
  readonly margin: string | undefined
}

export class CandidateListing implements Component {
  readonly table = new FlavorTable()
  readonly #options: CandidateListingOptions
  #unsubscribe: (() => void) | undefined

  constructor(options: CandidateListingOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    if (this.#options.role === 'node') return
    this.#unsubscribe ??= this.#options.informers.of(PeeringCandidateKind).onChange(({ type, object }) => {
      if (type === 'deleted') this.table.delete(object.metadata.name)
      else this.table.set(object.metadata.name, this.#shown(object), this.#encode(object))
    })
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }

  /** A supernode passes the offers of other domains to its own domain only. */
  #shown({ spec: { flavor } }: PeeringCandidate) {
    const { role, self } = this.#options
    const foreign = role === 'supernode' && flavor.spec.owner.domain !== self.domain
    return {
      metadata: flavor.metadata,
      spec: foreign ? { ...flavor.spec, visibility: 'internal' as const } : flavor.spec,
    }
  }

  #encode({ spec }: PeeringCandidate): string {
    const { role, self, margin } = this.#options
    const raw = spec.advertisement as { relays?: readonly unknown[] }
    if (role === 'catalog') {
      return JSON.stringify({
        ...raw,
        catalog: { ID: self.id, seenAt: spec.seenAt, validUntil: spec.validUntil, rating: spec.rating },
      })
    }
    const { ID, IP, domain } = nodeIdentityToWire(self.identity())
    const us = { ID, IP, domain, ...(margin === undefined ? {} : { margin }) }
    return JSON.stringify({ ...raw, relays: [us, ...(raw.relays ?? [])] })
  }
}
