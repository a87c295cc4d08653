/** The Solver that acquires what one request of an intent needs. Pure. */
import type { Intent } from '../objects/intent.ts'
import type { LabelSelector } from '../objects/label-selector.ts'
import { DEFAULT_NAMESPACE, type NewObject, type ObjectKey } from '../objects/meta.ts'
import type { Solver, SolverSpec } from '../objects/solver.ts'
import { traceAnnotations, type TraceContext } from '../trace/index.ts'
import type { WorkloadRequest } from './decompose.ts'

/** Label of solvers: the intent that they work for. */
const INTENT_LABEL = 'tributary.io/intent'

/** @returns the name of the solver of a request */
export function solverName(intent: Pick<Intent, 'metadata'>, request: string): string {
  const { name } = intent.metadata
  return name === request ? name : `${name}-${request}`.slice(0, 200)
}

/** @returns the key of a solver of an intent */
export function solverKey(intent: Pick<Intent, 'metadata'>, name: string): ObjectKey {
  return { namespace: namespaceOf(intent), name }
}

/** @returns the intent that a solver works for */
export function intentOfSolver(solver: Solver): ObjectKey {
  const name = solver.metadata.labels?.[INTENT_LABEL] ?? solver.spec.intentID
  return { namespace: solver.metadata.namespace ?? DEFAULT_NAMESPACE, name }
}

/** @returns whether a solver was made for an intent, and not by hand */
export function isOfAnIntent({ metadata }: Solver): boolean {
  return metadata.labels?.[INTENT_LABEL] !== undefined
}

/** @returns the labels of all solvers of an intent, in its namespace */
export function solverSelector({ metadata }: Pick<Intent, 'metadata'>): LabelSelector {
  return { matchLabels: { [INTENT_LABEL]: metadata.name } }
}

/**
 * @param together whether it is one of several: then it only looks for an offer at first
 * @param trace undefined for a dry run
 */
export function solverOf(
  intent: Pick<Intent, 'metadata' | 'spec'>,
  request: WorkloadRequest,
  together: boolean,
  trace: TraceContext | undefined,
): NewObject<Solver> {
  const { requirements, weights, duration } = intent.spec
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
    ...(together ? { reserveOnly: true } : {}),
  }
  return {
    metadata: {
      namespace: namespaceOf(intent),
      name: solverName(intent, request.name),
      annotations: traceAnnotations(trace),
      labels: { [INTENT_LABEL]: intent.metadata.name },
    },
    spec,
  }
}

function namespaceOf({ metadata }: Pick<Intent, 'metadata'>): string {
  return metadata.namespace ?? DEFAULT_NAMESPACE
}
