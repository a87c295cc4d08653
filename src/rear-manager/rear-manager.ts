/** The component: the Solver controller of the consumer, and what the provider's Contract and Virtual Fabric Manager call. */
import { backOff } from '../kernel/back-off.ts'
import type { AvailableResources, HoldRequest, Refusal } from '../available-resources/index.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, mutate, mutateStatus, remove } from '../kernel/object-store.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind } from '../objects/contract.ts'
import { DiscoveryKind } from '../objects/discovery.ts'
import { k8sliceOf } from '../objects/flavor.ts'
import { DEFAULT_NAMESPACE, keyOf, keyString, ownedBy, type ObjectKey } from '../objects/meta.ts'
import type { Pool } from '../objects/pool.ts'
import { ReservationKind, type Reservation } from '../objects/reservation.ts'
import { SolverKind, type Solver, type SolverStatus } from '../objects/solver.ts'
import { VirtualNodeKind } from '../objects/virtual-node.ts'
import { catalogOf, relaysOf, seenByCatalogAt, type PeeringCandidates } from '../peering-candidates/index.ts'
import { durationSeconds } from '../quantity/price.ts'
import type { RatingsAndMetrics } from '../ratings-and-metrics/index.ts'
import { configurationFromWire, selectorToObject } from '../rear/wire/index.ts'
import { traceAnnotations, traceOf, type TraceContext } from '../trace/index.ts'
import { configurationOf } from '../rear/configured-amounts.ts'
import { consider, type Choice } from './consider.ts'
import { noOfferMessage } from './no-offer-message.ts'
import { establishPeering } from './peering.ts'
import { selectorFor } from './selector-for.ts'
import { sellerOf, workflowOf, type SellerOfOptions } from './seller-of.ts'
import { discoveryKeyOf, isOwnedBy, namespaceOf, ofSolver } from './solver-objects.ts'
import { wantedOf } from './wanted.ts'

export interface RearManagerOptions extends NodeBase, Omit<SellerOfOptions, 'self'> {
  readonly available: AvailableResources
  readonly candidates: PeeringCandidates
  readonly ratings: RatingsAndMetrics
  /** Measured round trip to a node in milliseconds. */
  readonly latencyOf: (nodeID: string) => number | undefined
  /** Asks the Contract Manager for the end of a contract. */
  readonly closeContract: (contractID: string, reason: string) => Promise<void>
}

const FINALIZER = 'tributary.io/acquisition'
/** Before asking everybody again when no offer fits. */
const RETRY_MS = 5_000
const LONGEST_RETRY_MS = 60_000
/** An offer, or a node, that just failed is not taken again for this long. */
const EXCLUDE_MS = 60_000
const DEFAULT_DURATION = '24h'
/** Until what an earlier acquisition of the same name left is gone. */
const TAKEN_RETRY_MS = 200

export class RearManager implements Component {
  readonly #options: RearManagerOptions
  readonly #controller: Controller
  /** Offers that just failed for an acquisition: solver → flavor → reason. Forgotten on restart, which is harmless. */
  readonly #excluded = new Map<string, Map<string, { readonly reason: string; readonly until: number }>>()
  /** Whom an acquisition could not reach itself, and deals with through others: solver → owner. As above. */
  readonly #unreached = new Map<string, string>()
  /** How often nobody had what an acquisition wants, and when everybody is asked again. */
  readonly #asking = new Map<string, { readonly count: number; readonly notBefore: number }>()

  constructor(options: RearManagerOptions) {
    this.#options = options
    const { informers } = options
    this.#controller = new Controller({
      name: 'rear-manager',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [
        { informer: informers.of(SolverKind) },
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
  async reserveForPeer(
    pool: ObjectKey,
    entry: HoldRequest,
    trace?: TraceContext,
  ): Promise<{ readonly pool: Pool } | { readonly refusal: Refusal; readonly pool: Pool | undefined }> {
    const { available, recorder } = this.#options
    const since = recorder.now()
    const held = await available.hold(pool, entry, trace)
    if ('refusal' in held) {
      recorder.step(trace, 'flavor-reduced', {
        peer: entry.buyer,
        since,
        outcome: 'failed',
        detail: held.refusal.detail,
      })
      return held
    }
    recorder.step(trace, 'flavor-reduced', {
      peer: entry.buyer,
      since,
      detail: JSON.stringify(entry.amounts),
    })
    recorder.step(trace, 'resources-reserved', { peer: entry.buyer })
    return held
  }

  /** Provider, steps 24 and 25: the buyer's virtual node is there. */
  async peered(contractID: string, buyer: string, trace?: TraceContext): Promise<void> {
    const { available, recorder } = this.#options
    recorder.step(trace, 'peering-informed', { role: 'provider', peer: buyer })
    const since = recorder.now()
    await available.setActive(contractID, true)
    recorder.step(trace, 'allocation-activated', { role: 'provider', peer: buyer, since })
  }

  /** What an acquisition for `wanted` would take now, and why; takes nothing (`tributary plan`). */
  consider(solver: Solver): ReturnType<typeof consider> {
    const { candidates, system, self, ratings, latencyOf } = this.#options
    const now = system.clock.now()
    const excluded = new Map(
      [...(this.#excluded.get(keyString(keyOf(solver))) ?? [])]
        .filter(([, { until }]) => until > now)
        .map(([flavor, { reason }]) => [flavor, reason]),
    )
    return consider(candidates.list(), wantedOf(solver), {
      now,
      self: self.id,
      domain: self.domain,
      ratingOf: (nodeID) => ratings.ownRatingOf(nodeID),
      latencyOf,
      excluded,
      failedLately: (nodeID, reachedThroughOthers) =>
        ratings.failedLately(nodeID, EXCLUDE_MS, reachedThroughOthers ? 'Unreachable' : undefined),
    })
  }

  async #reconcile(key: ObjectKey): Promise<{ requeueAfterMs?: number } | void> {
    const { store, recorder } = this.#options
    const solver = await store.get(SolverKind, key)
    if (solver === undefined) {
      this.#excluded.delete(keyString(key))
      this.#unreached.delete(keyString(key))
      this.#asking.delete(keyString(key))
      return
    }
    if (solver.metadata.deletionTimestamp !== undefined) return this.#unwind(solver)
    const phase = solver.status?.solverPhase?.phase
    if (phase === 'Failed') return
    if (phase === undefined) {
      recorder.step(traceOf(solver), 'acquisition-started')
      await mutate(store, SolverKind, key, (each) => ({
        ...each,
        metadata: {
          ...each.metadata,
          finalizers: [...new Set([...(each.metadata.finalizers ?? []), FINALIZER])],
        },
      }))
      await this.#setStatus(solver, { solverPhase: { phase: 'Running', message: 'looking for an offer' } })
      return
    }
    const reservation = await this.#reservationOf(solver)
    if (reservation === undefined) return this.#findAndReserve(solver)
    if (solver.spec.reserveAndBuy === false && reservation.status?.contract === undefined)
      return this.#stepBack(solver, reservation)
    return this.#follow(solver, reservation)
  }

  /** Steps 5 to 13. */
  async #findAndReserve(solver: Solver): Promise<{ requeueAfterMs?: number } | void> {
    const { store, recorder, system } = this.#options
    const wait = (this.#asking.get(keyString(keyOf(solver)))?.notBefore ?? 0) - system.clock.now()
    const trace = traceOf(solver)
    const since = recorder.now()
    const discoveryKey = discoveryKeyOf(solver)
    const discovery = await store.get(DiscoveryKind, discoveryKey)
    if (discovery && !isOwnedBy(discovery, solver)) {
      await remove(store, DiscoveryKind, discoveryKey)
      return { requeueAfterMs: TAKEN_RETRY_MS }
    }
    if (solver.spec.findCandidate === false && solver.spec.reserveAndBuy !== true) {
      return this.#finish(solver, 'no need to find a candidate')
    }
    const { considered, choices } = this.consider(solver)
    const best = choices[0]
    const discoveryOver =
      discovery?.status?.phase.phase === 'Solved' || discovery?.status?.phase.phase === 'Failed'
    if (discovery === undefined)
      recorder.step(trace, 'candidates-looked-up', { since, detail: `${considered.length} known` })
    if (best) {
      if (discovery && !discoveryOver) return
      if (discovery)
        recorder.step(trace, 'candidate-found', { since, detail: best.candidate.spec.flavor.metadata.name })
      await this.#setStatus(solver, { findCandidate: 'Solved', considered: [...considered] })
      if (solver.spec.reserveAndBuy === false) return this.#finish(solver, 'a candidate was found')
      return this.#reserve(solver, best)
    }
    if (discovery === undefined && wait > 0) return { requeueAfterMs: wait }
    if (discovery === undefined) {
      const selector = selectorFor(wantedOf(solver))
      const object = selectorToObject(selector)
      recorder.step(trace, 'selector-built', { detail: JSON.stringify(selector.filters) })
      await ensure(store, DiscoveryKind, {
        metadata: {
          ...discoveryKey,
          ownerReferences: [ownedBy(solver)],
          annotations: traceAnnotations(trace),
        },
        spec: { solverID: solver.metadata.name, subscribe: false, ...(object ? { selector: object } : {}) },
      })
      await this.#setStatus(solver, { findCandidate: 'Running', discoveryPhase: 'Running' })
      return
    }
    if (!discoveryOver) return
    // Nobody has what is wanted: say so, and ask again later.
    const count = (this.#asking.get(keyString(keyOf(solver)))?.count ?? 0) + 1
    const pause = backOff(count - 1, RETRY_MS, LONGEST_RETRY_MS)
    this.#asking.set(keyString(keyOf(solver)), { count, notBefore: system.clock.now() + pause })
    await this.#setStatus(solver, {
      findCandidate: 'Failed',
      considered: [...considered],
      solverPhase: {
        phase: 'Running',
        message: noOfferMessage(considered, selectorFor(wantedOf(solver)), discovery.status?.phase.message),
      },
    })
    await remove(store, DiscoveryKind, discoveryKey)
    return { requeueAfterMs: pause }
  }

  /** Step 13: hands the best choice to the Contract Manager. */
  async #reserve(
    solver: Solver,
    { candidate, amounts, price }: Choice,
  ): Promise<{ requeueAfterMs: number } | undefined> {
    const { store, self, system, recorder } = this.#options
    const { flavor } = candidate.spec
    const before = traceOf(solver)
    const trace = before && { ...before, workflow: workflowOf(candidate, this.#options) }
    if (trace) recorder.workflow(trace)
    const { nodeID: owner } = flavor.spec.owner
    const unreached = this.#unreached.get(keyString(keyOf(solver)))
    const seller = await sellerOf(candidate, { ...this.#options, round: unreached === owner })
    const attempt = Number(solver.status?.attempts ?? 0) + 1
    const seconds = durationSeconds(solver.spec.duration ?? DEFAULT_DURATION) ?? 86_400
    const name = `reservation-${solver.metadata.name}${attempt === 1 ? '' : `-${attempt}`}`
    const reservation = await ensure(store, ReservationKind, {
      metadata: {
        namespace: namespaceOf(solver),
        name,
        ownerReferences: [ownedBy(solver)],
        annotations: traceAnnotations(trace),
      },
      spec: {
        solverID: solver.metadata.name,
        buyer: self.identity(),
        seller,
        ...(k8sliceOf(flavor) ? { configuration: configurationFromWire(configurationOf(amounts)) } : {}),
        reserve: true,
        purchase: solver.spec.reserveOnly !== true,
        peeringCandidate: { name: candidate.metadata.name, namespace: DEFAULT_NAMESPACE },
        flavorID: flavor.metadata.name,
        owner,
        ...(seller.nodeID === owner && relaysOf(candidate).length > 0 ? { otherWay: true } : {}),
        price,
        until: rfc3339(system.clock.now() + seconds * 1000),
      },
    })
    // That of an earlier acquisition of the same name is still being given back.
    if (!isOwnedBy(reservation, solver)) return { requeueAfterMs: TAKEN_RETRY_MS }
    const seenAt = seenByCatalogAt(candidate)
    if (trace?.workflow === 4 && seenAt !== undefined) {
      recorder.step(trace, 'offers-stored', {
        role: 'catalog',
        elsewhere: { node: catalogOf(candidate) ?? '', at: seenAt },
        peer: owner,
        detail: `${flavor.metadata.name}, as the catalog says`,
      })
    }
    recorder.step(trace, 'reserve-asked', { peer: seller.nodeID, detail: flavor.metadata.name })
    await this.#setStatus(solver, {
      reserveAndBuy: 'Running',
      reservationPhase: 'Running',
      attempts: attempt,
      reservation: { name: reservation.metadata.name, namespace: namespaceOf(solver) },
      solverPhase: {
        phase: 'Running',
        message: `waiting for ${seller.nodeID} to answer the reservation`,
      },
    })
    return undefined
  }

  /** From the reservation to the virtual node: steps 19 to 29. */
  async #follow(solver: Solver, reservation: Reservation): Promise<{ requeueAfterMs?: number } | void> {
    const { store } = this.#options
    const { status } = reservation
    if (status?.phase.phase === 'Failed') return this.#tryNext(solver, reservation)
    const wantsPurchase = solver.spec.reserveOnly !== true
    if (wantsPurchase && reservation.spec.purchase !== true) {
      await mutate(store, ReservationKind, keyOf(reservation), (each) => ({
        ...each,
        spec: { ...each.spec, purchase: true },
      }))
      return
    }
    if (status?.reservePhase === 'Solved' && solver.status?.reservationPhase !== 'Solved') {
      await this.#setStatus(solver, {
        reservationPhase: 'Solved',
        ...(wantsPurchase
          ? {}
          : { solverPhase: { phase: 'Running', message: 'reserved; waiting to be bought' } }),
      })
      return
    }
    const contractID = status?.contract?.name
    if (contractID === undefined) return wantsPurchase ? undefined : this.#keepHold(solver, reservation)
    const contract = await store.get(ContractKind, { namespace: DEFAULT_NAMESPACE, name: contractID })
    const contractPhase = contract?.status?.phase?.phase
    if (contract === undefined || (contractPhase !== undefined && contractPhase !== 'Active')) {
      return this.#lost(solver, contractID, contract?.status?.phase?.message ?? 'its record is gone')
    }
    if (solver.status?.contract?.name !== contractID) {
      await this.#setStatus(solver, {
        reserveAndBuy: 'Solved',
        contract: { name: contractID, namespace: DEFAULT_NAMESPACE },
      })
      return
    }
    if (
      solver.spec.establishPeering === false ||
      contract.spec.flavor.spec.flavorType.typeIdentifier !== 'K8Slice'
    ) {
      return this.#finish(solver, 'bought')
    }
    const change = await establishPeering(this.#options, solver, contract)
    if (change) await this.#setStatus(solver, change)
  }

  /** Until somebody else says that it is to be bought; but no longer than it is held. */
  async #keepHold(solver: Solver, reservation: Reservation): Promise<{ requeueAfterMs: number } | void> {
    const { transaction } = reservation.status ?? {}
    const end = Date.parse((transaction as { expirationTime?: string } | undefined)?.expirationTime ?? '')
    const left = end - this.#options.system.clock.now()
    if (Number.isNaN(left)) return
    if (left > 0) return { requeueAfterMs: left + 1 }
    await this.#setStatus(solver, {
      reservationPhase: 'Failed',
      reserveAndBuy: 'Failed',
      solverPhase: { phase: 'Failed', message: 'the hold ended before it was bought' },
    })
  }

  /** It is only to look for an offer, for now: what it holds is given back. */
  async #stepBack(solver: Solver, reservation: Reservation): Promise<void> {
    await this.#setStatus(solver, {
      reservation: {},
      reservationPhase: 'Idle',
      reserveAndBuy: 'Idle',
      solverPhase: { phase: 'Running', message: 'gave back what it held' },
    })
    await remove(this.#options.store, ReservationKind, keyOf(reservation))
  }

  /** The seller refused or failed: the next best offer is tried, this one not again for a while. */
  async #tryNext(solver: Solver, reservation: Reservation): Promise<void> {
    const { store, candidates, system } = this.#options
    const { flavorID = '', seller, owner = seller.nodeID, otherWay } = reservation.spec
    // It is the same offer, from the one that passed it on.
    if (otherWay === true && reservation.status?.message === 'unreachable') {
      this.#unreached.set(keyString(keyOf(solver)), owner)
      return this.#again(solver, reservation, 'trying another way to the same offer')
    }
    const excluded =
      this.#excluded.get(keyString(keyOf(solver))) ?? new Map<string, { reason: string; until: number }>()
    this.#excluded.set(keyString(keyOf(solver)), excluded)
    excluded.set(flavorID, {
      reason: reservation.status?.phase.message ?? 'failed',
      until: system.clock.now() + EXCLUDE_MS,
    })
    await candidates.forget(owner, flavorID)
    await remove(store, DiscoveryKind, discoveryKeyOf(solver))
    await this.#again(solver, reservation, 'trying the next offer')
  }

  async #again(solver: Solver, reservation: Reservation, what: string): Promise<void> {
    await this.#setStatus(solver, {
      reservation: {},
      reservationPhase: 'Failed',
      reserveAndBuy: 'Running',
      solverPhase: { phase: 'Running', message: `${what}: ${reservation.status?.phase.message ?? ''}` },
    })
    await remove(this.#options.store, ReservationKind, keyOf(reservation))
  }

  /** The contract ended under a running acquisition: by expiry, or by the other side. */
  async #lost(solver: Solver, contractID: string, why: string): Promise<void> {
    await this.#setStatus(solver, {
      peering: 'Failed',
      solverPhase: { phase: 'Failed', message: `contract ${contractID} ended: ${why}` },
    })
  }

  /** Deletion: from the virtual node back to the hold. The Virtual Fabric and the Contract Manager do their parts. */
  async #unwind(solver: Solver): Promise<{ requeueAfterMs?: number } | void> {
    const { store, closeContract } = this.#options
    const contractID = solver.status?.contract?.name
    if (contractID !== undefined) {
      const contract = await store.get(ContractKind, { namespace: DEFAULT_NAMESPACE, name: contractID })
      const phase = contract?.status?.phase?.phase
      if (contract && (phase === undefined || phase === 'Active'))
        await closeContract(contractID, 'no longer needed')
      if (contract && phase !== 'Closed' && phase !== 'Expired') return
    }
    const reservation = await this.#reservationOf(solver)
    if (reservation) await remove(store, ReservationKind, keyOf(reservation))
    await mutate(store, SolverKind, keyOf(solver), (each) => ({
      ...each,
      metadata: {
        ...each.metadata,
        finalizers: (each.metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER),
      },
    }))
  }

  /** From the store, not the informer: acting on an older state would reserve twice. */
  async #reservationOf(solver: Solver): Promise<Reservation | undefined> {
    const name = solver.status?.reservation?.name
    return name === undefined
      ? undefined
      : this.#options.store.get(ReservationKind, { namespace: namespaceOf(solver), name })
  }

  async #finish(solver: Solver, message: string): Promise<void> {
    if (solver.status?.solverPhase?.phase === 'Solved') return
    await this.#setStatus(solver, { solverPhase: { phase: 'Solved', message } })
  }

  async #setStatus(solver: Solver, change: SolverStatus): Promise<void> {
    const { store, system } = this.#options
    const now = rfc3339(system.clock.now())
    await mutateStatus(store, SolverKind, keyOf(solver), ({ status }) => ({
      ...status,
      ...change,
      ...(change.solverPhase
        ? {
            solverPhase: {
              startTime: status?.solverPhase?.startTime ?? now,
              ...change.solverPhase,
              lastChangeTime: now,
            },
          }
        : {}),
    }))
  }
}
