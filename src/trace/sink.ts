/**
 * The port between the recorder and what keeps, or passes on, what it records: objects here, other systems of
 * observation elsewhere. A sink takes what it is given at once and does its work later: nobody waits for it.
 */
import type { FactType } from '../objects/fact.ts'
import type { TraceEvent } from '../objects/trace.ts'
import type { WorkflowNumber } from './workflow-steps.ts'

/** Which trace: its id, and for whom the work is done; see `TraceContext`. */
export interface TraceRef {
  readonly traceID: string
  readonly from?: string | undefined
}

/** What becomes known of a trace as a whole. */
export interface TraceNews {
  /** `namespace/name` of the intent that it is of. */
  readonly intent?: string
  /** Which workflow it turned out to be. */
  readonly workflow?: WorkflowNumber
}

/** Something that happened in a dealing with another node. */
export interface FactRecord {
  /** Node id of the other side. */
  readonly about: string
  readonly type: FactType
  /** Milliseconds since 1970. */
  readonly at: number
  readonly contractID?: string | undefined
  /** For people. */
  readonly detail?: string | undefined
  /** What it happened to: the same thing happens to that only once, however often it is recorded. */
  readonly once?: string | undefined
}

/** Every member is optional: a sink takes what it is for. None of them throws. */
export interface RecorderSink {
  /** Takes a step that is over, as a span. */
  readonly step?: (trace: TraceRef, event: TraceEvent) => void
  readonly news?: (trace: TraceRef, news: TraceNews) => void
  readonly fact?: (fact: FactRecord) => void
  /** Resolves when what was taken so far, of one trace or of all, is where it belongs, or cannot be brought there. */
  readonly flush?: (trace?: TraceRef) => Promise<void>
  /** Takes up work again after a stop. Idempotent. */
  readonly start?: () => void
  /** Flushes, and does nothing by itself any more. Idempotent. */
  readonly stop?: () => Promise<void>
}
