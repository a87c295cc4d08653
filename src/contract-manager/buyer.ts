/**
 * The buying half: brings Reservations in line. RESERVE when it says `reserve`, PURCHASE when it says
 * `purchase`; both are repeated until answered, and a repeated one has no second effect.
 */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { Backoffs } from '../kernel/reconcile/backoffs.ts'
import { done, requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import type { ObjectKey } from '../objects/meta.ts'
import { ReservationKind, type Reservation } from '../objects/reservation.ts'
import type { BuyerOptions } from './buyer-options.ts'
import { giveBackHold } from './give-back-hold.ts'
import { setReservationStatus } from './reservation-status.ts'
import { failureOf } from './seller-failure.ts'
import { sendPurchase } from './send-purchase.ts'
import { sendReserve } from './send-reserve.ts'

/** A seller that does not answer this often is given up for this acquisition; the next offer is tried. */
const MOST_ATTEMPTS = 3
const RETRY_MS = 500
const LONGEST_RETRY_MS = 1_000

export class Buyer implements Component {
  readonly #options: BuyerOptions
  readonly #controller: Controller
  /** By uid: how often a message of a reservation was not answered. */
  readonly #backoffs: Backoffs

  constructor(options: BuyerOptions) {
    this.#options = options
    const { system, log, informers } = options
    const informer = informers.of(ReservationKind)
    const { clock } = system
    this.#backoffs = new Backoffs({ clock, firstMs: RETRY_MS, longestMs: LONGEST_RETRY_MS, of: informer })
    this.#controller = new Controller({
      name: 'contract-buyer',
      system,
      log,
      concurrency: 16,
      watches: [{ informer }],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const reservation = await this.#options.store.get(ReservationKind, key)
    if (reservation === undefined) return done
    if (reservation.metadata.deletionTimestamp !== undefined)
      return giveBackHold(this.#options, reservation, signal)
    const { spec, status, metadata } = reservation
    if (status?.phase.phase === 'Failed') return done
    // Our own word of a failure wakes us as well as time does.
    const wait = this.#backoffs.remainingMs(metadata.uid)
    if (wait > 0) return requeueAfter(wait)
    const reserved = status?.reservePhase === 'Solved'
    try {
      if (spec.reserve === true && !reserved) await sendReserve(this.#options, reservation, signal)
      else if (spec.purchase === true && reserved && !status.contract)
        await sendPurchase(this.#options, reservation, signal)
      else return done
      this.#backoffs.forget(metadata.uid)
    } catch (error) {
      if (signal.aborted) throw error
      return this.#failed(reservation, error)
    }
  }

  async #failed(reservation: Reservation, error: unknown): Promise<ReconcileResult> {
    const failure = failureOf(error)
    if (failure === undefined) throw error
    const { spec, status, metadata } = reservation
    const { message } = error as Error
    const attempts = this.#backoffs.failures(metadata.uid) + 1
    // A lost answer is asked for again: the key makes that safe.
    const tryRelay = spec.relayAlternative === true && status?.reservePhase !== 'Solved'
    if (failure.mayPass && attempts < MOST_ATTEMPTS && !tryRelay) {
      const pause = this.#backoffs.failed(metadata.uid)
      const waiting = `waiting for the seller: ${message} (attempt ${attempts} of ${MOST_ATTEMPTS})`
      await setReservationStatus(this.#options, reservation, 'unanswered', waiting)
      return requeueAfter(pause)
    }
    this.#backoffs.forget(metadata.uid)
    await setReservationStatus(this.#options, reservation, 'failed', message, { message: failure.code })
  }
}
