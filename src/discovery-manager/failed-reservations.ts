/**
 * Tells of sellers with whom a reservation failed: what we believed of such a node (that it deals with us, at that
 * address) may be wrong by now. Decides nothing about the reservation.
 */
import type { Component } from '../kernel/component.ts'
import type { Informer } from '../kernel/informer.ts'
import type { Reservation } from '../objects/reservation.ts'

export interface FailedReservationsOptions {
  readonly informer: Informer<Reservation>
  /** Told the node id of the seller, once for each failure. */
  readonly onFailed: (sellerID: string) => void
}

export class FailedReservations implements Component {
  readonly #options: FailedReservationsOptions
  #unsubscribe: (() => void) | undefined

  constructor(options: FailedReservationsOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { informer, onFailed } = this.#options
    this.#unsubscribe ??= informer.onChange(({ object, before }) => {
      if (hasFailed(object) && !(before && hasFailed(before))) onFailed(object.spec.seller.nodeID)
    })
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }
}

function hasFailed({ status }: Reservation): boolean {
  return status?.phase.phase === 'Failed'
}
