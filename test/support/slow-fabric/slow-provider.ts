/** The provider's side: wants proof that the buyer got its nonce, signs for a while, and only then gives anything. */
import type {
  Fabric,
  FabricPayload,
  PendingOffer,
  ProvidedState,
  ResourceOffer,
  SoldSlice,
} from '../../../src/fabric/fabric.ts'
import type { Component } from '../../../src/kernel/component.ts'
import { Controller } from '../../../src/kernel/controller.ts'
import type { Informers } from '../../../src/kernel/informer.ts'
import type { Log } from '../../../src/kernel/log.ts'
import { ensure, mutate, type ObjectStore, remove } from '../../../src/kernel/object-store.ts'
import { done, type ReconcileResult, requeueAfter } from '../../../src/kernel/reconcile/result.ts'
import { randomHex, type System } from '../../../src/kernel/system.ts'
import type { ObjectKey } from '../../../src/objects/meta.ts'
import { digest, type SlowSlice, SlowSliceKind } from './kinds.ts'

export interface SlowSideOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  /** What does the work in the end. */
  readonly inner: Fabric
  /** How long each thing takes, in milliseconds. */
  readonly paceMs: number
}

export class SlowProvider implements Component {
  readonly #options: SlowSideOptions
  readonly #controller: Controller<[SlowSlice]>

  /** @param changed told when what is provided under a contract may be different */
  constructor(options: SlowSideOptions, changed: (contractID: string) => void) {
    const { informers, system, log } = options
    this.#options = options
    const informer = informers.of(SlowSliceKind)
    informer.onChange(({ object }) => changed(object.metadata.name))
    this.#controller = new Controller<[SlowSlice]>({
      name: 'slow-provider',
      system,
      log,
      watches: [{ informer }],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  /** What the fabric below has done is a reason to look again. */
  look(contractID: string): void {
    this.#controller.enqueue({ name: contractID })
  }

  async offer(slice: SoldSlice, payload: FabricPayload = {}): Promise<ResourceOffer> {
    const { store, system, inner, paceMs } = this.#options
    const { contractID } = slice
    const key = { name: contractID }
    const { spec } = await ensure(store, SlowSliceKind, {
      metadata: key,
      spec: { nonce: randomHex(system.random, 8) },
    })
    if (spec.withdrawnSince !== undefined) return this.#pending(contractID, 'Withdrawing', spec.nonce)
    const { request, proof } = payload
    if (typeof request !== 'string' || proof !== digest(spec.nonce, request))
      return this.#pending(contractID, 'ProofRequired', spec.nonce)
    const now = system.clock.now()
    const signed = await mutate(store, SlowSliceKind, key, (each) =>
      each.spec.request === request
        ? undefined
        : { ...each, spec: { ...each.spec, request, requestSince: now } },
    )
    if (now - (signed?.spec.requestSince ?? now) < paceMs)
      return this.#pending(contractID, 'Signing', spec.nonce)
    const offer = await inner.offer(slice)
    return offer.status === 'Accepted'
      ? { ...offer, payload: { credential: digest(spec.nonce, request, 'signed') } }
      : offer
  }

  async withdraw(contractID: string): Promise<void> {
    const { store, system, inner } = this.#options
    const now = system.clock.now()
    const marked = await mutate(store, SlowSliceKind, { name: contractID }, (each) =>
      each.spec.withdrawnSince === undefined
        ? { ...each, spec: { ...each.spec, withdrawnSince: now } }
        : undefined,
    )
    if (marked === undefined) await inner.withdraw(contractID)
  }

  async provided(contractID: string): Promise<ProvidedState> {
    const { store, inner } = this.#options
    const slice = await store.get(SlowSliceKind, { name: contractID })
    if (slice === undefined) return inner.provided(contractID)
    return slice.spec.withdrawnSince === undefined
      ? { state: 'Provided' }
      : { state: 'Withdrawing', message: 'it takes its time' }
  }

  async #reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { store, system, inner, paceMs } = this.#options
    const contractID = key.name
    const since = (await store.get(SlowSliceKind, key))?.spec.withdrawnSince
    if (since === undefined) return done
    const left = since + paceMs - system.clock.now()
    if (left > 0) return requeueAfter(left)
    await inner.withdraw(contractID)
    if ((await inner.provided(contractID)).state !== 'Absent') return requeueAfter(paceMs)
    await remove(store, SlowSliceKind, key)
    return done
  }

  #pending(contractID: string, reason: string, nonce: string): PendingOffer {
    const { paceMs } = this.#options
    const message = 'not yet'
    return { status: 'Pending', contractID, reason, message, retryAfterMs: paceMs / 2, payload: { nonce } }
  }
}
