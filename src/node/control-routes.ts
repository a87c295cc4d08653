/** What the control API serves besides objects: health, metrics, status, traces through the chain, dry runs. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { ExtraRequest, ExtraResponse, ExtraRoute } from '../api/index.ts'
import type { Informers } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import { isStoreError, type ObjectStore } from '../kernel/object-store.ts'
import type { System } from '../kernel/system.ts'
import type { NodeOrchestrator } from '../node-orchestrator/index.ts'
import { ContractKind } from '../objects/contract.ts'
import { resourceOf } from '../objects/kind.ts'
import { ALL_KINDS } from '../objects/index.ts'
import { IntentKind } from '../objects/intent.ts'
import { DEFAULT_NAMESPACE } from '../objects/meta.ts'
import { PoolKind } from '../objects/pool.ts'
import { approximate, parseQuantity } from '../quantity/index.ts'
import type { TraceGathering } from '../telemetry/index.ts'
import { mergeEvents, readableTrace, type WorkflowNumber } from '../trace/index.ts'
import type { ProcessRole } from './active-process.ts'
import type { NodeStatus } from './node-status.ts'
import { planRoutes } from './plan-routes.ts'

export interface ControlRoutesOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly log: Log
  readonly system: System
  readonly traces: TraceGathering
  readonly orchestrator: NodeOrchestrator
  readonly status: () => NodeStatus
  /** Who waits can be read, and does nothing. */
  readonly process: () => ProcessRole
}

export function controlRoutes(options: ControlRoutesOptions): readonly ExtraRoute[] {
  const { store, status } = options
  const metrics = createMetrics(options)
  const waiting = (): ExtraResponse | undefined => {
    const process = options.process()
    return process.role === 'active' ? undefined : { status: 503, body: { message: whyNotReady(process) } }
  }
  return [
    { method: 'GET', path: '/healthz', access: 'viewer', handler: async () => ({ status: 200, body: 'ok' }) },
    {
      method: 'GET',
      path: '/readyz',
      access: 'viewer',
      async handler() {
        const process = options.process()
        if (process.role !== 'active') return { status: 503, body: whyNotReady(process) }
        // The store is what everything needs; a full disk shows here.
        try {
          await store.check()
          return { status: 200, body: 'ok' }
        } catch (error) {
          if (!isStoreError(error)) throw error
          return { status: 503, body: error.message }
        }
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      access: 'viewer',
      handler: async () => ({
        status: 200,
        headers: { 'content-type': metrics.contentType },
        body: await metrics.metrics(),
      }),
    },
    {
      method: 'GET',
      path: '/tributary/v1/status',
      access: 'viewer',
      handler: async () => ({ status: 200, body: status() }),
    },
    {
      method: 'GET',
      path: '/tributary/v1/traces/:namespace/:intent',
      access: 'viewer',
      handler: async (request) => waiting() ?? wholeTrace(options, request),
    },
    ...planRoutes(options, waiting),
  ]
}

function whyNotReady(process: Exclude<ProcessRole, { readonly role: 'active' }>): string {
  if (process.role === 'starting') return 'this process is getting ready to act'
  const { active } = process
  return active === undefined
    ? 'standby: no process is active yet'
    : `standby: the active process is ${active}`
}

/** The steps of all nodes that let us see theirs. */
async function wholeTrace(
  { store, traces }: ControlRoutesOptions,
  { params, signal }: ExtraRequest,
): Promise<ExtraResponse> {
  const key = { namespace: params['namespace'] ?? DEFAULT_NAMESPACE, name: params['intent'] ?? '' }
  const intent = await store.get(IntentKind, key)
  const traceID = intent?.status?.traceID
  const events = traceID === undefined ? undefined : await traces.gather(traceID, undefined, 0, signal)
  if (traceID === undefined || events === undefined) {
    return { status: 404, body: { message: `no trace of an intent ${key.name}` } }
  }
  const own = await readableTrace(store, traceID, undefined)
  const workflow = (own?.spec.workflow ?? 1) as WorkflowNumber
  const body = {
    traceID,
    workflow,
    intent: `${key.namespace}/${key.name}`,
    events: mergeEvents([events], workflow),
  }
  return { status: 200, body }
}

function createMetrics({ informers, status }: ControlRoutesOptions): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    collect: (gauge: Gauge) => void,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset()
        collect(this)
      },
    })
  }
  gauge('tributary_info', 'What runs here; always 1.', ['version', 'role', 'domain', 'node'], (each) => {
    const { version, role, domain, name } = status()
    each.set({ version, role, domain, node: name }, 1)
  })
  gauge('tributary_objects', 'Stored objects by kind.', ['resource'], (each) => {
    for (const kind of ALL_KINDS) each.set({ resource: resourceOf(kind) }, informers.of(kind).list().length)
  })
  gauge('tributary_contracts', 'Contracts by role and phase.', ['role', 'phase'], (each) => {
    for (const { spec, status: of } of informers.of(ContractKind).list()) {
      each.inc({ role: spec.role ?? '', phase: of?.phase?.phase ?? 'Active' })
    }
  })
  gauge('tributary_intents', 'Intents by phase.', ['phase'], (each) => {
    for (const { status: of } of informers.of(IntentKind).list()) each.inc({ phase: of?.phase ?? 'Pending' })
  })
  for (const which of ['capacity', 'free'] as const) {
    gauge(`tributary_pool_${which}`, `Amounts of each pool: ${which}.`, ['pool', 'resource'], (each) => {
      for (const pool of informers.of(PoolKind).list()) {
        const amounts = which === 'capacity' ? pool.spec.capacity : (pool.status?.free ?? {})
        for (const [resource, amount] of Object.entries(amounts)) {
          each.set({ pool: pool.metadata.name, resource }, approximate(parseQuantity(amount)))
        }
      }
    })
  }
  gauge('tributary_warnings', 'Warnings in force, by code.', ['code', 'severity'], (each) => {
    for (const { code, severity } of status().warnings) each.set({ code, severity }, 1)
  })
  return registry
}
