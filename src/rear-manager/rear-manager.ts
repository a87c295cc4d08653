/** The component: the Solver controller of the consumer, and what the provider's Contract and Virtual Fabric Manager call. */
import type { HoldRequest } from '../available-resources/index.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensureFinalizer } from '../kernel/reconcile/finalizers.ts'
import { done, type ReconcileResult } from '../kernel/reconcile/result.ts'
import { ContractKind } from '../objects/contract.ts'
import { DiscoveryKind } from '../objects/discovery.ts'
import type { NodeIdentity } from '../objects/fluidos-common.ts'
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import { DEFAULT_NAMESPACE, type ObjectKey } from '../objects/meta.ts'
import { ReservationKind, type Reservation } from '../objects/reservation.ts'
import { SOLVER_FINALIZER, SolverKind, type Solver } from '../objects/solver.ts'
import { VirtualNodeKind } from '../objects/virtual-node.ts'
import type { WireContractTerms } from '../rear/wire/index.ts'
import type { Commitment } from '../spending/index.ts'
import { traceOf, type TraceContext } from '../trace/index.ts'
import { AcquisitionMemory, type AcquisitionContext, type RearManagerOptions } from './acquisition.ts'
import { considerFor, leastCommitment } from './consider-for.ts'
import type { Consideration } from './consider.ts'
import { findOffer } from './find-offer.ts'
import { judgeDraft } from './judge-draft.ts'
import { confirmPeering, reserveForPeer } from './provider-steps.ts'
import type { MoneyContext } from './ranking-context.ts'
import { releaseAcquisition } from './release-acquisition.ts'
import { sellerOf } from './seller-of.ts'
import { ofSolver, reservationOf } from './solver-objects.ts'
import { setSolverStatus } from './solver-status.ts'
import { trackReservation } from './track-reservation.ts'
import { stepBack } from './try-next-offer.ts'

export class RearManager implements Component {
  readonly #context: AcquisitionContext
  readonly #controller: Controller

  constructor(options: RearManagerOptions) {
    const { informers, system, log } = options
    const solvers = informers.of(SolverKind)
    this.#context = { ...options, memory: new AcquisitionMemory(system.clock, solvers) }
    this.#controller = new Controller({
      name: 'rear-manager',
      system,
      log,
      concurrency: 16,
      watches: [
        { informer: solvers },
        { informer: informers.of(DiscoveryKind), keys: ofSolver },
        { informer: informers.of(ReservationKind), keys: ofSolver },
        { informer: informers.of(VirtualNodeKind), keys: ofSolver },
        {
          informer: informers.of(ContractKind),
          keys: ({ object: { spec } }) =>
            spec.role === 'buyer' && spec.solverID
              ? { namespace: spec.solverNamespace ?? DEFAULT_NAMESPACE, name: spec.solverID }
              : undefined,
        },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  /** Provider, steps 16 and 17: holds a part of a pool for a buyer. */
  reserveForPeer(
    pool: ObjectKey,
    entry: HoldRequest,
    trace?: TraceContext,
  ): ReturnType<typeof reserveForPeer> {
    return reserveForPeer(this.#context, pool, entry, trace)
  }

  /** Provider, steps 24 and 25: the buyer's virtual node is there. */
  peered(contractID: string, buyer: string, trace?: TraceContext): Promise<void> {
    return confirmPeering(this.#context, contractID, buyer, trace)
  }

  /** Consumer, before it signs: whether what a seller drafted is what was chosen. */
  judgeDraft(reservation: Reservation, draft: WireContractTerms): Promise<string | undefined> {
    return judgeDraft(this.#context, reservation, draft)
  }

  /** What an acquisition for a Solver would take now, and why; takes nothing (`tributary plan`). */
  consider(solver: Solver, money?: MoneyContext): Consideration {
    return considerFor(this.#context, solver, money)
  }

  /** @returns the least that an acquisition for a Solver could cost now (`tributary plan`) */
  leastCommitment(solver: Solver): Commitment {
    return leastCommitment(this.#context, solver)
  }

  /** @returns whom an offer would be bought of now (`tributary plan`) */
  sellerOf(candidate: PeeringCandidate): Promise<NodeIdentity> {
    return sellerOf(candidate, this.#context)
  }

  async #reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { store } = this.#context
    const solver = await store.get(SolverKind, key)
    if (solver === undefined) return done
    if (solver.metadata.deletionTimestamp !== undefined) return releaseAcquisition(this.#context, solver)
    const phase = solver.status?.solverPhase?.phase
    if (phase === 'Failed') return done
    if (phase === undefined) return this.#begin(solver)
    // From the store, not the informer: acting on an older state would reserve twice.
    const reservation = await reservationOf(store, solver)
    if (reservation === undefined) return findOffer(this.#context, solver)
    if (solver.spec.reserveAndBuy === false && reservation.status?.contract === undefined)
      return stepBack(this.#context, solver, reservation)
    return trackReservation(this.#context, solver, reservation)
  }

  /** Step 4. */
  async #begin(solver: Solver): Promise<void> {
    const { store, recorder } = this.#context
    recorder.step(traceOf(solver), 'acquisition-started')
    const held = await ensureFinalizer(store, SolverKind, solver, SOLVER_FINALIZER)
    if (held)
      await setSolverStatus(this.#context, held, {}, { event: 'started', message: 'looking for an offer' })
  }
}
