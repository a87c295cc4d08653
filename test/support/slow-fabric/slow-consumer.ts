/** The consumer's side: makes a key, answers the provider's nonce, and takes its time to attach and detach. */
import type {
  BoughtSlice,
  PendingOffer,
  PreparedRequest,
  VirtualNodeState,
  WantedSlice,
} from '../../../src/fabric/fabric.ts'
import type { Component } from '../../../src/kernel/component.ts'
import { Controller } from '../../../src/kernel/controller.ts'
import { ensure, mutate, remove } from '../../../src/kernel/object-store.ts'
import { done, type ReconcileResult, requeueAfter } from '../../../src/kernel/reconcile/result.ts'
import { randomHex } from '../../../src/kernel/system.ts'
import type { ObjectKey } from '../../../src/objects/meta.ts'
import { digest, type SlowNode, SlowNodeKind } from './kinds.ts'
import type { SlowSideOptions } from './slow-provider.ts'

export class SlowConsumer implements Component {
  readonly #options: SlowSideOptions
  readonly #controller: Controller<[SlowNode]>

  /** @param changed told when the state of a virtual node may be different */
  constructor(options: SlowSideOptions, changed: (nodeName: string) => void) {
    const { informers, system, log } = options
    this.#options = options
    const informer = informers.of(SlowNodeKind)
    informer.onChange(({ object }) => changed(object.metadata.name))
    this.#controller = new Controller<[SlowNode]>({
      name: 'slow-consumer',
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
  look(nodeName: string): void {
    this.#controller.enqueue({ name: nodeName })
  }

  async prepare({ nodeName }: WantedSlice, answer?: PendingOffer): Promise<PreparedRequest> {
    const { store, system, paceMs } = this.#options
    const now = system.clock.now()
    const { spec } = await ensure(store, SlowNodeKind, {
      metadata: { name: nodeName },
      spec: { key: randomHex(system.random, 8), keySince: now },
    })
    const left = spec.keySince + paceMs - now
    if (left > 0) return { status: 'Pending', reason: 'MakingKey', message: 'not yet', retryAfterMs: left }
    const nonce = answer?.payload?.['nonce']
    const proof = typeof nonce === 'string' ? { proof: digest(nonce, spec.key) } : {}
    return { status: 'Prepared', payload: { request: spec.key, ...proof } }
  }

  async attach(slice: BoughtSlice): Promise<void> {
    const { store, system } = this.#options
    const now = system.clock.now()
    await mutate(store, SlowNodeKind, { name: slice.nodeName }, (each) =>
      each.spec.wanted === undefined
        ? { ...each, spec: { ...each.spec, wanted: slice, wantedSince: now } }
        : undefined,
    )
  }

  async detach(nodeName: string): Promise<void> {
    const { store, system, inner } = this.#options
    const now = system.clock.now()
    const marked = await mutate(store, SlowNodeKind, { name: nodeName }, (each) =>
      each.spec.detachedSince === undefined
        ? { ...each, spec: { ...each.spec, detachedSince: now } }
        : undefined,
    )
    if (marked === undefined) await inner.detach(nodeName)
  }

  async observe(nodeName: string): Promise<VirtualNodeState> {
    const { store, inner } = this.#options
    const spec = (await store.get(SlowNodeKind, { name: nodeName }))?.spec
    if (spec === undefined) return inner.observe(nodeName)
    if (spec.detachedSince !== undefined) return { state: 'Detaching', message: 'it takes its time' }
    if (spec.wanted === undefined) return { state: 'Absent' }
    if (!hasCredential(spec.wanted))
      return { state: 'Failed', reason: 'NoCredential', message: 'the offer carries no credential' }
    const below = await inner.observe(nodeName)
    return below.state === 'Absent' ? { state: 'Attaching', message: 'it takes its time' } : below
  }

  async #reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { store, system, inner, paceMs } = this.#options
    const spec = (await store.get(SlowNodeKind, key))?.spec
    if (spec === undefined) return done
    const { wanted, wantedSince = 0, detachedSince } = spec
    const left = (detachedSince ?? wantedSince) + paceMs - system.clock.now()
    if ((wanted !== undefined || detachedSince !== undefined) && left > 0) return requeueAfter(left)
    if (detachedSince !== undefined) {
      await inner.detach(key.name)
      if ((await inner.observe(key.name)).state !== 'Absent') return requeueAfter(paceMs)
      await remove(store, SlowNodeKind, key)
    } else if (wanted !== undefined && hasCredential(wanted)) {
      if ((await inner.observe(key.name)).state === 'Absent') await inner.attach(wanted)
    }
    return done
  }
}

function hasCredential({ offer }: BoughtSlice): boolean {
  return typeof offer.payload?.['credential'] === 'string'
}
