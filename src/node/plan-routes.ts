/** Dry runs: what would be done with manifests, kept for a while, and whether it could still be done so. */
import type { ExtraRequest, ExtraResponse, ExtraRoute } from '../api/index.ts'
import { isObject } from '../kernel/json.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { randomHex, type System } from '../kernel/system.ts'
import type { NodeOrchestrator, PlannedRequest } from '../node-orchestrator/index.ts'
import { DeploymentKind, type Deployment } from '../objects/core/deployment.ts'
import { IntentKind, type Intent } from '../objects/intent.ts'
import { deploymentManifests } from '../objects/manifest.ts'
import { DEFAULT_NAMESPACE } from '../objects/meta.ts'
import { PlanKind, type PlannedPart, type PlanTerms } from '../objects/plan.ts'

export interface PlanRoutesOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly orchestrator: NodeOrchestrator
}

type Manifest = Readonly<Record<string, unknown>> & {
  readonly kind: string
  readonly metadata: Intent['metadata']
}

/** Of one Intent, or one Deployment. */
interface Planned {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly requests: readonly PlannedRequest[]
}

/** @param waiting what is answered as long as this process does not act */
export function planRoutes(
  options: PlanRoutesOptions,
  waiting: () => ExtraResponse | undefined,
): readonly ExtraRoute[] {
  return [
    {
      method: 'POST',
      path: '/tributary/v1/plan',
      // It asks other nodes, in our name.
      access: 'admin',
      handler: async (request) => waiting() ?? makePlan(options, request),
    },
    {
      method: 'POST',
      path: '/tributary/v1/plan/:id/check',
      access: 'admin',
      handler: async (request) => waiting() ?? checkPlan(options, request),
    },
  ]
}

/** The body is a manifest, or a List of them: of other kinds, too, which are applied with the plan. */
async function makePlan(options: PlanRoutesOptions, { body, signal }: ExtraRequest): Promise<ExtraResponse> {
  const items = isObject(body) && Array.isArray(body['items']) ? (body['items'] as unknown[]) : [body]
  const manifests = items.filter(isManifest).map(normalized)
  const planned: Planned[] = []
  for (const manifest of manifests.filter(isPlannable)) {
    const found = await planOf(options, manifest, signal)
    if (typeof found === 'string') return { status: 422, body: { message: found } }
    planned.push(found)
  }
  if (planned.length === 0 || manifests.length < items.length)
    return { status: 422, body: { message: 'a plan is made of an Intent or a Deployment' } }
  const { store, system } = options
  const { metadata } = await store.create(PlanKind, {
    metadata: { name: `plan-${randomHex(system.random, 5)}` },
    spec: {
      manifests,
      plans: planned.map(({ requests, ...of }) => ({ ...of, parts: requests.map(partOf) })),
    },
  })
  return { status: 200, body: { id: metadata.name, plans: planned } }
}

/** Says what could not be had any more as the plan showed it. */
async function checkPlan(
  { store, ...options }: PlanRoutesOptions,
  { params, signal }: ExtraRequest,
): Promise<ExtraResponse> {
  const id = params['id'] ?? ''
  const plan = await store.get(PlanKind, { name: id })
  if (plan === undefined)
    return { status: 404, body: { message: `there is no plan ${id}: one is kept for an hour` } }
  const changes: string[] = []
  for (const { kind, namespace, name, parts } of plan.spec.plans) {
    const manifest = plan.spec.manifests.filter(isManifest).find((each) => {
      const { metadata } = each
      return (
        each.kind === kind &&
        metadata.name === name &&
        (metadata.namespace ?? DEFAULT_NAMESPACE) === namespace
      )
    })
    if (manifest === undefined) continue
    const terms = new Map(parts.flatMap(({ name: of, terms: at }) => (at ? [[of, at] as const] : [])))
    const now = await planOf({ store, ...options }, manifest, signal, terms)
    if (typeof now === 'string') changes.push(`${kind} ${name}: ${now}`)
    else changes.push(...now.requests.flatMap((request) => changeOf(request, parts)))
  }
  return { status: 200, body: { id, manifests: plan.spec.manifests, changes } }
}

function changeOf(
  { name, decision, considered }: PlannedRequest,
  parts: readonly PlannedPart[],
): readonly string[] {
  const part = parts.find((each) => each.name === name)
  // Room that there is now costs nothing.
  if (decision === 'Local' || decision === 'ExistingVirtualNode') return []
  if (part?.terms === undefined) {
    if (part?.decision === 'None') return [`${name}: there was no place for it when it was planned`]
    return [`${name}: there is no room for it on this node any more, and the plan buys nothing`]
  }
  if (decision === 'Purchase') return []
  const { owner } = part.terms
  const why = considered.find(({ providerID, reason }) => providerID === owner && reason !== 'stale')
  const stale = considered.find(({ providerID }) => providerID === owner)
  const { reason, detail = '' } = why ?? stale ?? {}
  if (reason === undefined) return [`${name}: ${owner} offers nothing any more`]
  return [`${name}: ${owner}: ${reason === 'not-as-planned' ? detail : `${reason}: ${detail}`}`]
}

function partOf({ name, decision, purchase }: PlannedRequest): PlannedPart {
  if (purchase === undefined) return { name, decision }
  const { provider, price, amounts, until } = purchase
  const { amount, currency, period } = price
  const terms: PlanTerms = { owner: provider.nodeID, price: { amount, currency, period }, amounts, until }
  return { name, decision, terms }
}

async function planOf(
  { store, orchestrator }: Pick<PlanRoutesOptions, 'store' | 'orchestrator'>,
  manifest: Manifest,
  signal: AbortSignal,
  terms?: ReadonlyMap<string, PlanTerms>,
): Promise<Planned | string> {
  const intent = await asIntent(store, manifest)
  if (typeof intent === 'string') return intent
  const { namespace = DEFAULT_NAMESPACE, name } = manifest.metadata
  const requests = await orchestrator.plan(intent.intent, intent.deployments, signal, terms)
  return { kind: manifest.kind, namespace, name, requests }
}

/** An Intent as it is, or a plain Deployment as the intent that it would become. */
async function asIntent(
  store: ObjectStore,
  object: Manifest,
): Promise<
  { intent: Pick<Intent, 'metadata' | 'spec'>; deployments: Parameters<NodeOrchestrator['plan']>[1] } | string
> {
  const { metadata, spec } = object as unknown as Intent
  if (object.kind === 'Deployment') {
    const deployment = object as unknown as Deployment
    return { intent: { metadata, spec: {} }, deployments: [deployment] }
  }
  const intent = { metadata, spec }
  const ref = spec.workloadRef
  if (ref) {
    const found = await store.get(DeploymentKind, {
      namespace: metadata.namespace ?? DEFAULT_NAMESPACE,
      name: ref.name,
    })
    return found ? { intent, deployments: [found] } : `there is no Deployment ${ref.name}`
  }
  return { intent, deployments: deploymentManifests(intent) }
}

/** As it would be stored. */
function normalized(manifest: Manifest): Manifest {
  return manifest.kind === 'Intent' ? (IntentKind.normalize!(manifest) as Manifest) : manifest
}

function isManifest(value: unknown): value is Manifest {
  return isObject(value) && typeof value['kind'] === 'string' && isObject(value['metadata'])
}

function isPlannable({ kind, spec }: Manifest): boolean {
  return (kind === 'Intent' || kind === 'Deployment') && spec !== undefined
}
