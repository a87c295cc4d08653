/** What an intent says of itself: its phase, with the condition Ready that follows from it. */
import { isDeepStrictEqual } from 'node:util'
import { amendStatus } from '../kernel/reconcile/amend.ts'
import { rfc3339 } from '../kernel/system.ts'
import { IntentKind, type Intent, type IntentStatus } from '../objects/intent.ts'
import { setCondition } from '../objects/meta.ts'
import type { Orchestration } from './orchestration.ts'

type Optional = 'requests' | 'endpoints' | 'url' | 'nodes' | 'specHash' | 'wish'

/**
 * @param change members that are set; the others stay
 * @param removed members that are not there afterwards
 */
export async function setStatus(
  { options: { store, system } }: Pick<Orchestration, 'options'>,
  intent: Intent,
  change: Partial<IntentStatus>,
  removed: readonly Optional[] = [],
): Promise<void> {
  const now = rfc3339(system.clock.now())
  await amendStatus(store, IntentKind, intent, ({ metadata, status }) => {
    // Another of its name knows nothing of this.
    if (metadata.uid !== intent.metadata.uid) return undefined
    const next: { -readonly [K in keyof IntentStatus]: IntentStatus[K] } = { ...status, ...change }
    for (const member of removed) delete next[member]
    const condition = {
      type: 'Ready',
      status: next.phase === 'Running' ? ('True' as const) : ('False' as const),
      reason: next.phase ?? 'Pending',
      message: next.message ?? '',
    }
    const changed = { ...next, conditions: [...setCondition(status?.conditions, condition, now)] }
    return isDeepStrictEqual(changed, status) ? undefined : changed
  })
}
