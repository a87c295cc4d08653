/** The plan that an intent is bought by: looked up once, and kept with the intent until it has run. */
import type { Intent } from '../objects/intent.ts'
import { controllerOf, DEFAULT_NAMESPACE } from '../objects/meta.ts'
import { PLAN_ANNOTATION, PlanKind, type PlannedPart, type PlanTerms } from '../objects/plan.ts'
import type { NodeOrchestratorOptions } from './orchestration.ts'

export type IntentPlan = NonNullable<NonNullable<Intent['status']>['plan']>

/** @returns the plan; undefined for an intent without one; a text, for people, when there is none any more */
export async function planFor(
  { store }: Pick<NodeOrchestratorOptions, 'store'>,
  intent: Intent,
): Promise<IntentPlan | string | undefined> {
  const id = intent.metadata.annotations?.[PLAN_ANNOTATION]
  if (id === undefined) return undefined
  const known = intent.status?.plan
  if (known?.id === id) return known
  const plan = await store.get(PlanKind, { name: id })
  const remedy = `make a new one, or take the annotation ${PLAN_ANNOTATION} away`
  if (plan === undefined) return `${id} is not kept any more: ${remedy}`
  const { name, namespace = DEFAULT_NAMESPACE } = intent.metadata
  const kind = controllerOf(intent)?.kind === 'Deployment' ? 'Deployment' : 'Intent'
  const found = plan.spec.plans.find(
    (each) => each.kind === kind && each.name === name && each.namespace === namespace,
  )
  return found === undefined
    ? `${id} says nothing of this intent: ${remedy}`
    : { id, met: false, parts: found.parts }
}

/**
 * @param request that is to be bought
 * @returns at what it may be bought; undefined where that is open; a text, for people, when it may not be bought
 */
export function termsFor(plan: IntentPlan | undefined, request: string): PlanTerms | string | undefined {
  if (plan === undefined || plan.met) return undefined
  const part: PlannedPart | undefined = plan.parts.find(({ name }) => name === request)
  if (part?.terms !== undefined) return part.terms
  const was = part === undefined ? 'does not know it' : 'does not buy it'
  return `${request} would have to be bought, and ${plan.id} ${was}`
}
