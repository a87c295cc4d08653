/** Trace events: what happened, step by step. Used by every component; uses only the kernel and objects. */
export { traceAnnotations, traceFromHeaders, traceHeaders, traceOf } from './trace-context.ts'
export { mergeEvents, readableTrace } from './trace-exchange.ts'
export { Recorder, traceName, type StepDetail, type TraceContext } from './recorder.ts'
export {
  NO_STEP,
  stepNumber,
  WORKFLOW_1,
  WORKFLOWS,
  type WorkflowNumber,
  type WorkflowRole,
  type WorkflowStep,
} from './workflow-steps.ts'
