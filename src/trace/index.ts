/** Recording: what was done, step by step, and what happened. Used by every component; uses only kernel and objects. */
export {
  traceAnnotations,
  traceFromHeaders,
  traceHeaders,
  traceOf,
  type TraceContext,
} from './trace-context.ts'
export { mergeEvents, readableTrace } from './trace-exchange.ts'
export { Recorder, type StepDetail } from './recorder.ts'
export type { FactRecord, RecorderSink, TraceNews, TraceRef } from './sink.ts'
export { TraceObjects, traceName } from './trace-objects.ts'
export {
  ALONGSIDE,
  NO_STEP,
  stepNumber,
  WORKFLOW_1,
  WORKFLOWS,
  type WorkflowNumber,
  type WorkflowRole,
  type WorkflowStep,
} from './workflow-steps.ts'
