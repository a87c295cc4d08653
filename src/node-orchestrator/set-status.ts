/** What an intent says of itself: its phase, along its life cycle only, with the condition Ready that follows from it. */
import { isDeepStrictEqual } from 'node:util'
import { move } from '../kernel/lifecycle.ts'
import { amendStatus } from '../kernel/reconcile/amend.ts'
import { rfc3339 } from '../kernel/system.ts'
import { IntentKind, type Intent, type IntentStatus } from '../objects/intent.ts'
import { INTENT_LIFECYCLE } from '../objects/lifecycles/intent.ts'
import { setCondition } from '../objects/meta.ts'
import type { Orchestration } from './orchestration.ts'

type Optional = 'requests' | 'endpoints' | 'url' | 'nodes' | 'specHash' | 'wish'

/** What happened to an intent, where that has a phase, and what else is to be said of it. */
export interface IntentNews extends Partial<Omit<IntentStatus, 'phase'>> {
  readonly event?: keyof typeof INTENT_LIFECYCLE.events
}

/**
 * Writes nothing at all when the event may not happen in the phase that the intent is in.
 * @param news members that are set; the others stay
 * @param removed members that are not there afterwards
 */
export async function setStatus(
  { options: { store, system, log } }: Pick<Orchestration, 'options'>,
  intent: Intent,
  { event, ...change }: IntentNews,
  removed: readonly Optional[] = [],
): Promise<void> {
  const now = rfc3339(system.clock.now())
  await amendStatus(store, IntentKind, intent, ({ metadata, status }) => {
    // Another of its name knows nothing of this.
    if (metadata.uid !== intent.metadata.uid) return undefined
    const { name } = metadata
    const from = status?.phase
    const phase = event === undefined ? from : move(INTENT_LIFECYCLE, event, { name, from, log })
    if (event !== undefined && phase === undefined) return undefined
    const next: { -readonly [K in keyof IntentStatus]: IntentStatus[K] } = {
      ...status,
      ...change,
      ...(phase === undefined ? {} : { phase }),
    }
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
