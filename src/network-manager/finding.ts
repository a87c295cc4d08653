/** What was found out about the way of a virtual router, and how its status says so. Pure. */
import { rfc3339 } from '../kernel/system.ts'
import { setCondition } from '../objects/meta.ts'
import type { VirtualRouterPhase, VirtualRouterStatus } from '../objects/virtual-router.ts'

/** What is found out about a way. */
export interface Finding {
  readonly phase: VirtualRouterPhase
  /** Of the condition `Reachable`; stable, CamelCase. */
  readonly reason: string
  readonly message: string
  readonly roundTripMs?: number
}

/** A status that says the same is written again this often, so that `lastProbe` is not all too old. */
const REFRESH_MS = 300_000

/** Whether a finding differs from the status so much that it is worth writing. */
export function isNews(status: VirtualRouterStatus | undefined, finding: Finding, now: number): boolean {
  if (status?.phase !== finding.phase) return true
  // Ready is ready, whichever way that was found out.
  if (finding.phase !== 'Ready' && status.message !== finding.message) return true
  if (status.lastProbe === undefined || now - Date.parse(status.lastProbe) >= REFRESH_MS) return true
  if (finding.roundTripMs === undefined) return false
  if (status.roundTripMs === undefined) return true
  const change = Math.abs(finding.roundTripMs - status.roundTripMs)
  return change > 5 && change > status.roundTripMs / 2
}

/** @param now milliseconds since 1970 */
export function statusWith(
  status: VirtualRouterStatus | undefined,
  { phase, reason, message, roundTripMs }: Finding,
  now: number,
): VirtualRouterStatus {
  const reachable = phase === 'Ready' ? 'True' : phase === 'Pending' ? 'Unknown' : 'False'
  return {
    ...status,
    phase,
    message,
    lastProbe: rfc3339(now),
    ...(roundTripMs !== undefined && { roundTripMs: Math.round(roundTripMs * 10) / 10 }),
    conditions: [
      ...setCondition(
        status?.conditions,
        { type: 'Reachable', status: reachable, reason, message },
        rfc3339(now),
      ),
    ],
  }
}
