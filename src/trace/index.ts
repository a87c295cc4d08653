/** Trace events: what happened, step by step. Used by every component; uses only the kernel and objects. */
export { TRACE_ANNOTATION, traceAnnotations, traceFromHeaders, traceHeaders, traceOf } from './trace-context.ts'
export { Tracer, traceName, type StepDetail, type TraceContext } from './tracer.ts'
export { WORKFLOW_1, type WorkflowStep } from './workflow-steps.ts'
export { mergeEvents, readableTrace } from './trace-exchange.ts'
