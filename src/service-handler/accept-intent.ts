/** Step 1: says of an intent whether it is one, and gives one that is a trace. May be repeated. */
import { rfc3339 } from '../kernel/system.ts'
import { move } from '../kernel/lifecycle.ts'
import { withFinalizer } from '../kernel/reconcile/finalizers.ts'
import { causeText, type FieldCause } from '../kernel/validation/field-cause.ts'
import type { NodeBase } from '../node-base.ts'
import { DeploymentKind } from '../objects/core/deployment.ts'
import {
  ACCEPTED,
  acceptedCondition,
  INTENT_FINALIZER,
  IntentKind,
  type Intent,
  type IntentStatus,
} from '../objects/intent.ts'
import { INTENT_LIFECYCLE } from '../objects/lifecycles/intent.ts'
import { keyString, setCondition, type ObjectKey } from '../objects/meta.ts'
import { traceAnnotations, traceOf } from '../trace/index.ts'
import { isDerived, judgeDeployment } from './intent-of-deployment.ts'
import { judgeIntent } from './judge-intent.ts'

type IntentEvent = keyof typeof INTENT_LIFECYCLE.events

type Verdict =
  | { readonly status: 'True'; readonly reason: 'Valid'; readonly message: string }
  | {
      readonly status: 'False'
      readonly reason: 'InvalidSpec' | 'InvalidAnnotations'
      readonly message: string
    }

/** As many wrong fields are named in the status; the first is what the user mends first. */
const NAMED_CAUSES = 5

/**
 * Judges an intent again whenever it or what it follows from may have changed, and writes what it found if that is
 * new. It looks at the spec as it is stored, not at how it came there.
 * @throws StoreError `Conflict` when somebody wrote meanwhile: it is to be looked at again
 */
export async function acceptIntent(base: NodeBase, key: ObjectKey): Promise<void> {
  const { store, informers } = base
  const known = informers.of(IntentKind).get(key)
  // Most calls come after a change of the status by others, and have nothing to do.
  if (known !== undefined && isJudged(known, await judge(base, known, 'informed'))) return
  const intent = await store.get(IntentKind, key)
  if (intent === undefined || intent.metadata.deletionTimestamp !== undefined) return
  const verdict = await judge(base, intent, 'stored')
  if (isJudged(intent, verdict)) return
  await (verdict.status === 'True' ? accept(base, intent, verdict) : reject(base, intent, verdict))
}

async function accept(base: NodeBase, intent: Intent, verdict: Verdict): Promise<void> {
  const { recorder } = base
  const since = recorder.now()
  const isNew = intent.status?.traceID === undefined
  const traced = traceOf(intent) ? intent : await beginTrace(base, intent)
  const trace = traceOf(traced)!
  if (isNew) {
    recorder.intent(trace, keyString(intent.metadata))
    // The root of the trace: what follows, here and on other nodes, hangs below it.
    recorder.step(trace, 'intent-accepted', { since, detail: intent.metadata.name, span: trace })
  }
  const event = eventOf(intent)
  const message = event === undefined ? intent.status?.message : 'accepted'
  await setVerdict(base, traced, verdict, event, { message: message ?? '', traceID: trace.traceID })
}

/** One that was rejected and is right now goes on where it was: with what it has, or from the beginning. */
function eventOf(intent: Intent): IntentEvent | undefined {
  const { phase, requests } = intent.status ?? {}
  if (phase !== undefined && acceptedCondition(intent)?.status !== 'False') return undefined
  return phase === undefined || requests === undefined ? 'accepted' : 'resumed'
}

async function reject(base: NodeBase, intent: Intent, verdict: Verdict): Promise<void> {
  const { namespace, name } = intent.metadata
  base.log.info(
    { intent: name, namespace, reason: verdict.reason, problem: verdict.message },
    'intent rejected',
  )
  await setVerdict(base, intent, verdict, 'rejected', { message: verdict.message })
}

/** Writes nothing when the event may not happen in the phase that the intent is in. */
async function setVerdict(
  base: NodeBase,
  intent: Intent,
  verdict: Verdict,
  event: IntentEvent | undefined,
  change: Omit<IntentStatus, 'phase'>,
): Promise<void> {
  const { log } = base
  const from = intent.status?.phase
  const { name } = intent.metadata
  const phase = event === undefined ? from : move(INTENT_LIFECYCLE, event, { name, from, log })
  if (phase === undefined) return

  const now = rfc3339(base.system.clock.now())
  const { generation } = intent.metadata
  const condition = { type: ACCEPTED, ...verdict, observedGeneration: generation }
  const conditions = [...setCondition(intent.status?.conditions, condition, now)]
  const status: IntentStatus = { ...intent.status, ...change, phase, conditions }
  await base.store.update(IntentKind, { ...intent, status }, { subresource: 'status' })
}

function beginTrace({ store, recorder }: NodeBase, intent: Intent): Promise<Intent> {
  const annotations = { ...intent.metadata.annotations, ...traceAnnotations(recorder.begin()) }
  // Held at once: one write less for whoever places it.
  const traced = { ...intent, metadata: { ...intent.metadata, annotations } }
  return store.update(IntentKind, withFinalizer(traced, INTENT_FINALIZER))
}

/** @param source where a Deployment is looked up that an intent follows from: what decides comes from the store */
async function judge(base: NodeBase, intent: Intent, source: 'informed' | 'stored'): Promise<Verdict> {
  const ofSpec = judgeIntent(intent)
  if (ofSpec.length > 0) return { status: 'False', reason: 'InvalidSpec', message: textOf(ofSpec) }
  const name = isDerived(intent) ? intent.spec.workloadRef?.name : undefined
  if (name !== undefined) {
    const { store, informers } = base
    const key = { ...intent.metadata, name }
    const deployment =
      source === 'stored' ? await store.get(DeploymentKind, key) : informers.of(DeploymentKind).get(key)
    const ofAnnotations = deployment === undefined ? [] : judgeDeployment(deployment)
    if (ofAnnotations.length > 0)
      return { status: 'False', reason: 'InvalidAnnotations', message: textOf(ofAnnotations) }
  }
  return { status: 'True', reason: 'Valid', message: 'the intent is well-formed' }
}

function isJudged(intent: Intent, verdict: Verdict): boolean {
  if (intent.metadata.deletionTimestamp !== undefined) return true
  const said = acceptedCondition(intent)
  return (
    said?.status === verdict.status &&
    said.message === verdict.message &&
    said.observedGeneration === intent.metadata.generation
  )
}

function textOf(causes: readonly FieldCause[]): string {
  const named = causes.slice(0, NAMED_CAUSES).map(causeText).join('; ')
  const left = causes.length - NAMED_CAUSES
  return left > 0 ? `${named}; and ${left} more` : named
}
