/**
 * Finds out whether the way of each virtual router works, by using it, and says so in its status.
 * It never does more than say so: what follows from a broken way is decided elsewhere.
 *
 * The consumer probes while nothing passes. The provider only listens: its consumer may be somewhere
 * that cannot be called. A relay says what came of its last attempt to pass something on.
 */
import type { Channel } from '../kernel/channel.ts'
import { Controller, type ReconcileResult } from '../kernel/controller.ts'
import type { Log } from '../kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../kernel/object-store.ts'
import { deadline, rfc3339, type System } from '../kernel/system.ts'
import { keyOf, keyString, type ObjectKey, setCondition } from '../objects/meta.ts'
import {
  type VirtualRouter,
  VirtualRouterKind,
  type VirtualRouterPhase,
  type VirtualRouterStatus,
} from '../objects/virtual-router.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { probe } from './echo.ts'
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

/** What is found out about a way. */
interface Finding {
  readonly phase: VirtualRouterPhase
  /** Of the condition `Reachable`; stable, CamelCase. */
  readonly reason: string
  readonly message: string
  readonly roundTripMs?: number
}

/** One lost probe is no reason for alarm: the next one comes soon, and decides. */
const SECOND_LOOK_MS = 1_000
/** Intervals without a sign of the consumer after which the provider calls it unreachable. */
const SILENT_INTERVALS = 4
/** A status that says the same is written again this often, so that `lastProbe` is not all too old. */
const REFRESH_MS = 300_000
const CONCURRENCY = 256

export function createHealthController(options: HealthControllerOptions): Controller<[VirtualRouter]> {
  const { store, system, routers, intervalMs } = options
  const { clock } = system
  const log = options.log.child({ controller: 'router-health' })
  /** Per router: its uid, when it was first seen (monotonic), and failed probes in a row. */
  const records = new Map<string, { readonly uid: string; readonly since: number; failures: number }>()

  function recordOf(router: VirtualRouter): { readonly since: number; failures: number } {
    const key = keyString(keyOf(router))
    let record = records.get(key)
    if (record?.uid !== router.metadata.uid) {
      record = { uid: router.metadata.uid, since: clock.monotonic(), failures: 0 }
      records.set(key, record)
      options.onNewRouter(router)
    }
    return record
  }

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const router = routers.informer.get(key)
    if (!router) {
      records.delete(keyString(key))
      return
    }
    const record = recordOf(router)
    const finding = await examine(router, record, signal)
    if (signal.aborted) return
    if (finding) await report(router, finding)
    return { requeueAfterMs: record.failures === 1 ? Math.min(SECOND_LOOK_MS, intervalMs) : intervalMs }
  }

  /** @returns undefined when there is nothing to say (yet) */
  async function examine(
    router: VirtualRouter,
    record: { readonly since: number; failures: number },
    signal: AbortSignal,
  ): Promise<Finding | undefined> {
    const { contractID, role, peer } = router.spec
    const { heardAt } = options.trafficOf(contractID)
    switch (role) {
      case 'consumer': {
        if (heardAt !== undefined && clock.monotonic() - heardAt < intervalMs && record.failures === 0) {
          return { phase: 'Ready', reason: 'TrafficPasses', message: `${peer.address} is in use` }
        }
        return examineByProbe(router, record, signal)
      }
      case 'provider': {
        const silence = clock.monotonic() - (heardAt ?? record.since)
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
        const failure = options.relayFailure(contractID)
        return failure === undefined
          ? { phase: 'Ready', reason: 'Relaying', message: 'passes on what comes' }
          : { phase: 'Unreachable', reason: 'NextHopUnreachable', message: failure }
      }
    }
  }

  async function examineByProbe(
    router: VirtualRouter,
    record: { failures: number },
    signal: AbortSignal,
  ): Promise<Finding | undefined> {
    const { contractID, peer, path } = router.spec
    const channel = options.channelFor(contractID)
    if (!channel) return undefined
    try {
      const roundTripMs = await probe(channel, contractID, system, options.timeoutMs, signal)
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
      const requestsPass = await passesRequests(channel, contractID, signal)
      const why = `${(error as Error).message}${requestsPass ? '; it does answer requests, so only the data path is blocked' : ''}`
      log.debug({ err: error, contractID, failures: record.failures }, 'probe failed')
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

  async function passesRequests(channel: Channel, contractID: string, signal: AbortSignal): Promise<boolean> {
    const limit = deadline(clock, Math.min(2_000, options.timeoutMs), signal)
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

  async function report(router: VirtualRouter, finding: Finding): Promise<void> {
    const now = clock.now()
    const stored = await mutateStatus(
      store,
      VirtualRouterKind,
      keyOf(router),
      ({ metadata, status }) =>
        metadata.uid !== router.metadata.uid || !isNews(status, finding, now)
          ? undefined
          : {
              ...status,
              phase: finding.phase,
              message: finding.message,
              lastProbe: rfc3339(now),
              ...(finding.roundTripMs !== undefined && { roundTripMs: rounded(finding.roundTripMs) }),
              conditions: [
                ...setCondition(
                  status?.conditions,
                  {
                    type: 'Reachable',
                    status:
                      finding.phase === 'Ready' ? 'True' : finding.phase === 'Pending' ? 'Unknown' : 'False',
                    reason: finding.reason,
                    message: finding.message,
                  },
                  rfc3339(now),
                ),
              ],
            },
      // The consumer is who waits for its way.
      { deferrable: router.spec.role === 'provider' },
    )
    const before = router.status?.phase
    if (stored?.status?.phase === finding.phase && before !== finding.phase) {
      const level = finding.phase === 'Unreachable' ? 'warn' : 'info'
      log[level]({ contractID: router.spec.contractID, phase: finding.phase }, finding.message)
    }
  }

  return new Controller({
    name: 'router-health',
    system,
    log: options.log,
    concurrency: CONCURRENCY,
    watches: [{ informer: routers.informer, keys: onSpecChange }],
    reconcile,
  })
}

/** Whether a finding differs from the status so much that it is worth writing. */
function isNews(status: VirtualRouterStatus | undefined, finding: Finding, now: number): boolean {
  if (status?.phase !== finding.phase) return true
  // Ready is ready, whichever way that was found out.
  if (finding.phase !== 'Ready' && status.message !== finding.message) return true
  if (status.lastProbe === undefined || now - Date.parse(status.lastProbe) >= REFRESH_MS) return true
  if (finding.roundTripMs === undefined) return false
  if (status.roundTripMs === undefined) return true
  const change = Math.abs(finding.roundTripMs - status.roundTripMs)
  return change > 5 && change > status.roundTripMs / 2
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10
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
