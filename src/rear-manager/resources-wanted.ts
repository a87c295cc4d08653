/** What a Solver wants, from our own `request` or from upstream's selector alone. */
import type { PlanTerms } from '../objects/plan.ts'
import type { Requirements } from '../objects/requirements.ts'
import type { RankingWeights, Solver } from '../objects/solver.ts'
import type { Amounts } from '../quantity/amounts.ts'

/** How long is bought for where nobody says. */
export const DEFAULT_DURATION = '24h'

export interface Wanted {
  /** What the workload needs, by resource. */
  readonly amounts: Amounts
  readonly requirements: Requirements
  readonly weights?: RankingWeights | undefined
  /** For example `24h`. */
  readonly duration?: string | undefined
  /** That a plan showed: nothing worse is bought. */
  readonly terms?: PlanTerms | undefined
}

/**
 * The amounts that an upstream selector means, by upstream's own rule: a match is the amount, a range is its
 * minimum. A range without a minimum, where upstream buys nothing at all, leaves the amount to the offer's policy.
 */
export function wantedOf(solver: Pick<Solver, 'spec'>): Wanted {
  const { request, requirements, weights, duration, selector, terms } = solver.spec
  const amounts: Record<string, string> = {}
  for (const [resource, amount] of Object.entries(request ?? {})) {
    if (typeof amount === 'string') amounts[resource === 'gpu' ? 'gpu.cores' : resource] = amount
  }
  const filters = (selector?.filters ?? {}) as Readonly<
    Record<string, { name?: string; data?: Record<string, unknown> }>
  >
  for (const resource of ['cpu', 'memory', 'pods', 'storage']) {
    const filter = filters[`${resource}Filter`]
    const amount = filter?.data?.['value'] ?? filter?.data?.['min']
    if (amounts[resource] === undefined && typeof amount === 'string') amounts[resource] = amount
  }
  const architecture = filters['architectureFilter']?.data?.['value']
  return {
    amounts: amounts satisfies Amounts,
    requirements: {
      ...(selector?.flavorType ? { flavorType: selector.flavorType.toLowerCase() as 'k8slice' } : {}),
      ...(typeof architecture === 'string' ? { architecture } : {}),
      ...requirements,
    },
    weights,
    duration,
    terms,
  }
}
