/**
 * Finds out whether the way of each virtual router works, by using it, and says so in its status.
 * It never does more than say so: what follows from a broken way is decided elsewhere.
 *
 * The consumer probes while nothing passes. The provider only listens: its consumer may be somewhere
 * that cannot be called. A relay says what came of its last attempt to pass something on.
 */
import { requeueAfter } from '../kernel/reconcile/result.ts'
import type { Channel } from '../kernel/channel.ts'
import type { Component } from '../kernel/component.ts'
import { Controller, type ReconcileResult } from '../kernel/controller.ts'
import type { Log } from '../kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../kernel/object-store.ts'
import { deadline, type System } from '../kernel/system.ts'
import { keyOf, keyString, type ObjectKey } from '../objects/meta.ts'
import { type VirtualRouter, VirtualRouterKind } from '../objects/virtual-router.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { probe } from './echo.ts'
import { type Finding, isNews, statusWith } from './finding.ts'
import { onSpecChange } from './on-spec-change.ts'
import type { Traffic } from './stream-registry.ts'
import type { RouterIndex } from './router-index.ts'
import { pingPath } from './stream-paths.ts'

export interface HealthControllerOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  readonly routers: RouterIndex
  readonly channelFor: (contractID: string) => Channel | undefined
  readonly trafficOf: (contractID: string) => Traffic
  /** The last failure to pass something on, if that was the last thing that happened. Relays only. */
  readonly relayFailure: (contractID: string) => string | undefined
  /** A router whose status is read for the first time. */
  readonly onNewRouter: (router: VirtualRouter) => void
  /** Between two probes, in milliseconds. */
  readonly intervalMs: number
  /** How long a probe may take, in milliseconds. */
  readonly timeoutMs: number
}

/** One lost probe is no reason for alarm: the next one comes soon, and decides. */
const SECOND_LOOK_MS = 1_000
/** Intervals without a sign of the consumer after which the provider calls it unreachable. */
const SILENT_INTERVALS = 4
const CONCURRENCY = 256

/** What is remembered of a router: when it was first seen (monotonic), and failed probes in a row. */
interface RouterRecord {
  readonly uid: string
  readonly since: number
  failures: number
}

export class HealthController implements Component {
  readonly #options: HealthControllerOptions
  readonly #log: Log
  readonly #records = new Map<string, RouterRecord>()
  readonly #controller: Controller<[VirtualRouter]>

  constructor(options: HealthControllerOptions) {
    this.#options = options
    this.#log = options.log.child({ controller: 'router-health' })
    this.#controller = new Controller({
      name: 'router-health',
      system: options.system,
      log: options.log,
      concurrency: CONCURRENCY,
      watches: [{ informer: options.routers.informer, keys: onSpecChange }],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  /** Looks at a router again, now: something happened to its way. */
  enqueue(key: ObjectKey): void {
    this.#controller.enqueue(key)
  }

  #recordOf(router: VirtualRouter): RouterRecord {
    const key = keyString(keyOf(router))
    let record = this.#records.get(key)
    if (record?.uid !== router.metadata.uid) {
      record = { uid: router.metadata.uid, since: this.#options.system.clock.monotonic(), failures: 0 }
      this.#records.set(key, record)
      this.#options.onNewRouter(router)
    }
    return record
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const { intervalMs } = this.#options
    const router = this.#options.routers.informer.get(key)
    if (!router) {
      this.#records.delete(keyString(key))
      return
    }
    const record = this.#recordOf(router)
    const finding = await this.#examine(router, record, signal)
    if (signal.aborted) return
    if (finding) await this.#report(router, finding)
    return requeueAfter(record.failures === 1 ? Math.min(SECOND_LOOK_MS, intervalMs) : intervalMs)
  }

  /** @returns undefined when there is nothing to say (yet) */
  async #examine(
    router: VirtualRouter,
    record: RouterRecord,
    signal: AbortSignal,
  ): Promise<Finding | undefined> {
    const { intervalMs } = this.#options
    const { contractID, role, peer } = router.spec
    const { heardAt } = this.#options.trafficOf(contractID)
    switch (role) {
      case 'consumer': {
        if (
          heardAt !== undefined &&
          this.#options.system.clock.monotonic() - heardAt < intervalMs &&
          record.failures === 0
        ) {
          return { phase: 'Ready', reason: 'TrafficPasses', message: `${peer.address} is in use` }
        }
        return this.#examineByProbe(router, record, signal)
      }
      case 'provider': {
        const silence = this.#options.system.clock.monotonic() - (heardAt ?? record.since)
        if (silence >= SILENT_INTERVALS * intervalMs) {
          const seconds = Math.round((SILENT_INTERVALS * intervalMs) / 1_000)
          const message = `nothing was heard from the consumer for more than ${seconds} s`
          return { phase: 'Unreachable', reason: 'Silent', message }
        }
        if (heardAt !== undefined)
          return { phase: 'Ready', reason: 'Heard', message: 'the consumer uses the way' }
        // After a restart the last word stands until we know better.
        return router.status?.phase === undefined
          ? { phase: 'Pending', reason: 'Waiting', message: 'waiting for the consumer to use the way' }
          : undefined
      }
      case 'relay': {
        const failure = this.#options.relayFailure(contractID)
        return failure === undefined
          ? { phase: 'Ready', reason: 'Relaying', message: 'passes on what comes' }
          : { phase: 'Unreachable', reason: 'NextHopUnreachable', message: failure }
      }
    }
  }

  async #examineByProbe(
    router: VirtualRouter,
    record: RouterRecord,
    signal: AbortSignal,
  ): Promise<Finding | undefined> {
    const { contractID, peer, path } = router.spec
    const channel = this.#options.channelFor(contractID)
    if (!channel) return undefined
    try {
      const roundTripMs = await probe(
        channel,
        contractID,
        this.#options.system,
        this.#options.timeoutMs,
        signal,
      )
      record.failures = 0
      const hops = path === undefined || path.length === 0 ? '' : ' through relays'
      return {
        phase: 'Ready',
        reason: 'ProbeAnswered',
        message: `${peer.address} answers${hops}`,
        roundTripMs,
      }
    } catch (error) {
      if (signal.aborted) return undefined
      record.failures++
      const requestsPass = await this.#passesRequests(channel, contractID, signal)
      const why = `${(error as Error).message}${requestsPass ? '; it does answer requests, so only the data path is blocked' : ''}`
      this.#log.debug({ err: error, contractID, failures: record.failures }, 'probe failed')
      if (record.failures === 1) {
        // Not yet believed: says so only where nothing better is known.
        return router.status?.phase === undefined
          ? { phase: 'Pending', reason: 'FirstProbeFailed', message: why }
          : undefined
      }
      return {
        phase: 'Unreachable',
        reason: requestsPass ? 'DataPathBlocked' : reasonOf(error),
        message: why,
      }
    }
  }

  async #passesRequests(channel: Channel, contractID: string, signal: AbortSignal): Promise<boolean> {
    const limit = deadline(this.#options.system.clock, Math.min(2_000, this.#options.timeoutMs), signal)
    try {
      const { status } = await channel.request({
        method: 'GET',
        path: pingPath(contractID),
        signal: limit.signal,
      })
      return status === 200
    } catch {
      return false
    } finally {
      limit.done()
    }
  }

  async #report(router: VirtualRouter, finding: Finding): Promise<void> {
    const { store, system } = this.#options
    const now = system.clock.now()
    const stored = await mutateStatus(
      store,
      VirtualRouterKind,
      keyOf(router),
      ({ metadata, status }) =>
        metadata.uid !== router.metadata.uid || !isNews(status, finding, now)
          ? undefined
          : statusWith(status, finding, now),
      // The consumer is who waits for its way.
      { deferrable: router.spec.role === 'provider' },
    )
    const before = router.status?.phase
    if (stored?.status?.phase === finding.phase && before !== finding.phase) {
      const level = finding.phase === 'Unreachable' ? 'warn' : 'info'
      this.#log[level]({ contractID: router.spec.contractID, phase: finding.phase }, finding.message)
    }
  }
}

function reasonOf(error: unknown): string {
  if (isProblem(error)) return 'Refused'
  if (!isTransportError(error)) return 'ProbeFailed'
  switch (error.code) {
    case 'timeout':
      return 'Timeout'
    case 'wrong-peer':
      return 'WrongPeer'
    default:
      return 'ConnectionFailed'
  }
}
