/** The component: gives every intent a trace (step 1), and makes intents of plain Deployments. */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, mutate, mutateStatus } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import { DeploymentKind } from '../objects/core/deployment.ts'
import { readFluidosAnnotations } from '../objects/fluidos-annotations.ts'
import { IntentKind, type Intent } from '../objects/intent.ts'
import { controllerOf, keyOf, keyString, ownedBy, type ObjectKey } from '../objects/meta.ts'
import { traceAnnotations, traceOf, type TraceContext } from '../trace/index.ts'

/** Set on a Deployment to keep it out of our hands. */
export const IGNORE_ANNOTATION = 'tributary.io/ignore'

export class ServiceHandler implements Component {
  readonly #base: NodeBase
  readonly #intents: Controller
  readonly #deployments: Controller

  constructor(base: NodeBase) {
    this.#base = base
    const { informers, system, log } = base
    this.#intents = new Controller({
      name: 'service-handler',
      system,
      log,
      watches: [{ informer: informers.of(IntentKind) }],
      reconcile: (key) => this.#accept(key),
    })
    this.#deployments = new Controller({
      name: 'service-handler-deployments',
      system,
      log,
      watches: [{ informer: informers.of(DeploymentKind) }],
      reconcile: (key) => this.#translate(key),
    })
  }

  async start(): Promise<void> {
    await Promise.all([this.#intents.start(), this.#deployments.start()])
  }

  async stop(): Promise<void> {
    await Promise.all([this.#intents.stop(), this.#deployments.stop()])
  }

  /** Step 1: an intent without a trace is new; one without a phase was not accepted to the end. */
  async #accept(key: ObjectKey): Promise<void> {
    const { store, recorder } = this.#base
    const intent = await store.get(IntentKind, key)
    if (intent === undefined || intent.metadata.deletionTimestamp !== undefined) return
    const trace = traceOf(intent)
    if (trace !== undefined && intent.status?.phase !== undefined) return
    const since = recorder.now()
    const accepted = trace ?? (await this.#beginTrace(intent))
    if (accepted === undefined) return
    recorder.intent(accepted, keyString(key))
    recorder.step(accepted, 'intent-accepted', { since, detail: intent.metadata.name })
    await mutateStatus(store, IntentKind, key, ({ status }) => ({
      ...status,
      phase: status?.phase ?? 'Pending',
      message: status?.message ?? 'accepted',
      traceID: accepted.traceID,
    }))
  }

  /** @returns the trace that the intent has from now on; undefined when it is gone */
  async #beginTrace(intent: Intent): Promise<TraceContext | undefined> {
    const { store, recorder } = this.#base
    const annotations = traceAnnotations(recorder.begin())
    const stored = await mutate(store, IntentKind, keyOf(intent), (each) =>
      traceOf(each)
        ? undefined
        : {
            ...each,
            metadata: { ...each.metadata, annotations: { ...each.metadata.annotations, ...annotations } },
          },
    )
    return stored && traceOf(stored)
  }

  /** A Deployment that nobody placed is an intent too: what it asks for is what it requests. */
  async #translate(key: ObjectKey): Promise<void> {
    const { store } = this.#base
    const deployment = await store.get(DeploymentKind, key)
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return
    const { annotations, name, namespace } = deployment.metadata
    if (controllerOf(deployment) !== undefined || annotations?.[IGNORE_ANNOTATION] === 'true') return
    // The user has placed it.
    const { nodeName, nodeSelector } = deployment.spec.template.spec
    if (nodeName !== undefined || (nodeSelector && Object.keys(nodeSelector).length > 0)) return
    const read = readFluidosAnnotations(annotations ?? {})
    if (read.warnings.length > 0)
      this.#base.log.warn({ deployment: name, warnings: read.warnings }, 'intent annotations')
    await ensure(store, IntentKind, {
      metadata: {
        ...keyOf(deployment),
        ...(namespace === undefined ? {} : { namespace }),
        ownerReferences: [ownedBy(deployment)],
        ...(read.warnings.length > 0
          ? { annotations: { 'tributary.io/warnings': read.warnings.join('; ').slice(0, 1000) } }
          : {}),
      },
      spec: {
        workloadRef: { apiVersion: deployment.apiVersion, kind: deployment.kind, name },
        ...(Object.keys(read.requirements).length > 0 ? { requirements: read.requirements } : {}),
        ...(read.weights ? { weights: read.weights } : {}),
      },
    })
  }
}
