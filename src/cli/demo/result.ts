/**
 * What a demo found out: the document that `-o json` prints.
 */
import type { TraceEvent } from '../../objects/trace.ts'

export interface StepResult {
  readonly step: number
  readonly component: string
  readonly node: string
  readonly role: string
  readonly peer?: string
  readonly message: string
  readonly outcome: TraceEvent['outcome']
  /** How long it took. */
  readonly ms: number
  /** Milliseconds since the first step. */
  readonly at: number
}

export interface DemoResult {
  readonly workflow: number
  readonly intent: string
  /** The first event of each number, in the order in which they happened. */
  readonly steps: readonly StepResult[]
  /** Whether the workload's page was there, and says that it comes from the provider. */
  readonly reachable: boolean
  readonly url?: string
  /** What was bought, of whom and for how much in all, for people. */
  readonly bought?: readonly string[]
  readonly body: string | null
  readonly tornDown: boolean
  /** From nothing to torn down. */
  readonly totalMs: number
  /** Why it failed; absent when all went well. */
  readonly error?: string
  /** With `--keep`: the nodes that go on running. */
  readonly kept?: readonly {
    readonly name: string
    readonly directory: string
    readonly controlSocket: string
    /** For those with a token. */
    readonly controlUrl: string
    readonly pid: number
  }[]
}

/** @returns the event as the document shows it; node ids become names */
export function stepResult(
  event: TraceEvent,
  startedAt: number,
  names: ReadonlyMap<string, string>,
): StepResult {
  const { step, component, node, role, peer, message, outcome, ms, at } = event
  return {
    step,
    component,
    node,
    role,
    ...(peer === undefined ? {} : { peer: names.get(peer) ?? peer }),
    message,
    outcome,
    ms: round(ms),
    at: round(at - startedAt),
  }
}

/** @returns milliseconds with microseconds, not with the noise beyond them */
export function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
