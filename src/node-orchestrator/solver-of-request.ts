/** The Solver that acquires what one request of an intent needs. Pure. */
import { createHash } from 'node:crypto'
import type { Intent } from '../objects/intent.ts'
import type { LabelSelector } from '../objects/label-selector.ts'
import { DEFAULT_NAMESPACE, type NewObject, type ObjectKey } from '../objects/meta.ts'
import type { PlanTerms } from '../objects/plan.ts'
import { INTENT_LABEL, SOLVER_FINALIZER, type Solver, type SolverSpec } from '../objects/solver.ts'
import { traceAnnotations, type TraceContext } from '../trace/index.ts'
import type { WorkloadRequest } from './decompose.ts'

/** Kubernetes' limits. */
const LONGEST_LABEL = 63
const LONGEST_NAME = 253

/** @returns the text, or as much of it as there is room for and what tells it from others that begin so */
function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return `${text.slice(0, longest - hash.length - 1).replace(/[^a-z0-9]+$/, '')}-${hash}`
}

/** @returns the name of the solver of a request */
export function solverName(intent: Pick<Intent, 'metadata'>, request: string): string {
  const { name } = intent.metadata
  return name === request ? name : shortened(`${name}-${request}`, LONGEST_NAME)
}

/** @returns the key of a solver of an intent */
export function solverKey(intent: Pick<Intent, 'metadata'>, name: string): ObjectKey {
  return { namespace: namespaceOf(intent), name }
}

/** @returns the intent that a solver works for */
export function intentOfSolver(solver: Solver): ObjectKey {
  return { namespace: solver.metadata.namespace ?? DEFAULT_NAMESPACE, name: solver.spec.intentID }
}

/** @returns the labels of all solvers of an intent, in its namespace */
export function solverSelector({ metadata }: Pick<Intent, 'metadata'>): LabelSelector {
  return { matchLabels: { [INTENT_LABEL]: shortened(metadata.name, LONGEST_LABEL) } }
}

/**
 * @param together whether it is one of several: then it only looks for an offer at first
 * @param trace undefined for a dry run
 * @param terms that a plan showed
 */
export function solverOf(
  intent: Pick<Intent, 'metadata' | 'spec'>,
  request: WorkloadRequest,
  together: boolean,
  trace: TraceContext | undefined,
  terms?: PlanTerms,
): NewObject<Solver> {
  const { weights, duration } = intent.spec
  const requirements =
    request.images === true ? { ...intent.spec.requirements, images: true } : intent.spec.requirements
  const { cpu, memory, pods, storage } = request.amounts
  const spec: SolverSpec = {
    intentID: intent.metadata.name,
    findCandidate: true,
    reserveAndBuy: !together,
    establishPeering: true,
    request: {
      ...(cpu === undefined ? {} : { cpu }),
      ...(memory === undefined ? {} : { memory }),
      ...(pods === undefined ? {} : { pods }),
      ...(storage === undefined ? {} : { storage }),
    },
    ...(requirements ? { requirements } : {}),
    ...(weights ? { weights } : {}),
    ...(duration === undefined ? {} : { duration }),
    ...(terms ? { terms } : {}),
    ...(together ? { reserveOnly: true } : {}),
  }
  return {
    metadata: {
      namespace: namespaceOf(intent),
      name: solverName(intent, request.name),
      annotations: traceAnnotations(trace),
      finalizers: [SOLVER_FINALIZER],
      labels: { [INTENT_LABEL]: shortened(intent.metadata.name, LONGEST_LABEL) },
    },
    spec,
  }
}

function namespaceOf({ metadata }: Pick<Intent, 'metadata'>): string {
  return metadata.namespace ?? DEFAULT_NAMESPACE
}
