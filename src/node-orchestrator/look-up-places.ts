/**
 * Step 3: looks in Available Resources and in Ratings and Metrics for a place for each request of an intent: this
 * node, or what was bought before. Reads local copies only; decides nothing that is stored.
 */
import { DeploymentKind } from '../objects/core/deployment.ts'
import { PodKind } from '../objects/core/pod.ts'
import type { PodSpec } from '../objects/core/pod-spec.ts'
import { isAccepted, type Intent } from '../objects/intent.ts'
import { deploymentManifests } from '../objects/manifest.ts'
import { DEFAULT_NAMESPACE, keyOf } from '../objects/meta.ts'
import { isOfAnIntent, SolverKind } from '../objects/solver.ts'
import { VirtualNodeKind } from '../objects/virtual-node.ts'
import { addAmounts, type Amounts } from '../quantity/amounts.ts'
import { judgeIntent } from '../service-handler/index.ts'
import { NEUTRAL_RATING } from '../ratings-and-metrics/index.ts'
import { deploymentAmounts, type WantedDeployment, type WorkloadRequest } from './decompose.ts'
import { findPlace, lacking, type Capacity, type Place } from './find-place.ts'
import type { Orchestration } from './orchestration.ts'
import { promisedAmounts, type PlacedWorkload } from './promised-amounts.ts'
import { solverKey } from './solver-of-request.ts'

type Sources = Pick<Orchestration, 'options' | 'recent'>

export interface FoundPlaces {
  /** For each request, in their order; undefined where there is none. */
  readonly places: readonly (Place | undefined)[]
  /** What was looked at, for people. */
  readonly consulted: string
  /** What this node has too little of for a request, for people. */
  shortageOf(request: WorkloadRequest): string
}

/**
 * @param requests of the intent; each counts on those before it
 * @param deployments that the requests are made of
 */
export function lookUpPlaces(
  sources: Sources,
  intent: Pick<Intent, 'metadata' | 'spec'>,
  requests: readonly WorkloadRequest[],
  deployments: readonly WantedDeployment[],
): FoundPlaces {
  const { cluster, self } = sources.options
  const promised = new Map(promisesToOthers(sources, intent))
  const bought = ratedPurchases(sources, intent)
  const capacity: Capacity = {
    domain: self.domain,
    nodes: cluster.nodes(),
    obstacle: (spec, node) => cluster.obstacle(spec, node),
    promised,
    bought,
  }
  const podSpecOf = ({ workload }: WorkloadRequest): PodSpec =>
    deployments.find(({ metadata }) => metadata.name === workload)?.spec.template.spec ?? { containers: [] }
  const places = requests.map((request) => {
    const { amounts } = request
    const place = findPlace(intent, { amounts, podSpec: podSpecOf(request) }, capacity)
    if (place) promised.set(place.node, addAmounts(promised.get(place.node) ?? {}, amounts))
    return place
  })
  const own = capacity.nodes.filter(({ origin }) => origin.type === 'own').map(({ name }) => name)
  const allocations = [...bought].map(([node, rating]) => `${node} (its provider is rated ${rating})`)
  return {
    places,
    consulted: `own: ${own.join(', ')}; bought before: ${allocations.join(', ') || 'nothing that is active'}`,
    shortageOf: (request) => shortage(capacity, request, podSpecOf(request)),
  }
}

/** The active allocations that others than their buyer may use, by virtual node, with what the provider is rated. */
function ratedPurchases(sources: Sources, intent: Pick<Intent, 'metadata'>): ReadonlyMap<string, number> {
  const { options } = sources
  const used = new Set(
    sources.recent
      .others(keyOf(intent))
      .flatMap(({ status }) => status?.requests?.map(({ node }) => node) ?? []),
  )
  const rated = options.bought().flatMap(({ spec }): readonly (readonly [string, number])[] => {
    const node = spec.virtualNode
    const virtualNode = node && options.informers.of(VirtualNodeKind).byIndex('name', node)[0]
    if (node === undefined || !virtualNode) return []
    // Bought for an intent that does not show yet that it uses it: none of it is free.
    if (!used.has(node) && isForAnIntent(options, virtualNode.metadata.namespace, virtualNode.spec.solver))
      return []
    return [[node, options.ratingOf(virtualNode.spec.provider) ?? NEUTRAL_RATING]]
  })
  return new Map(rated)
}

function isForAnIntent(
  { informers }: Orchestration['options'],
  namespace = DEFAULT_NAMESPACE,
  solver: string | undefined,
): boolean {
  if (solver === undefined) return false
  const known = informers.of(SolverKind).get({ namespace, name: solver })
  return known === undefined || isOfAnIntent(known)
}

/** What other intents were promised and do not use yet, by node. */
function promisesToOthers(sources: Sources, except: Pick<Intent, 'metadata'>): ReadonlyMap<string, Amounts> {
  const placed = sources.recent.others(keyOf(except)).flatMap((intent) => placedBy(sources, intent))
  return promisedAmounts(placed, sources.options.informers.of(PodKind).list())
}

function placedBy({ options: { informers } }: Sources, intent: Intent): readonly PlacedWorkload[] {
  const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
  // One that was spoilt after it was placed is known by what runs for it.
  const isReadable = isAccepted(intent) || judgeIntent(intent).length === 0
  const manifests = isReadable ? deploymentManifests(intent) : []
  return (intent.status?.requests ?? []).flatMap(({ workload, node: known, solver }) => {
    const deployment = informers.of(DeploymentKind).get({ namespace, name: workload })
    const wanted = manifests.find(({ metadata }) => metadata.name === workload)
    const bought = solver && informers.of(SolverKind).get(solverKey(intent, solver))?.status?.virtualNode
    const node = bought ? bought.name : known
    const source = wanted ?? deployment
    return node === undefined || source === undefined
      ? []
      : [{ node, amounts: deploymentAmounts(source), deployment }]
  })
}

function shortage(
  { nodes, obstacle, promised }: Capacity,
  { name, amounts }: WorkloadRequest,
  podSpec: PodSpec,
): string {
  const own = nodes.filter(({ origin }) => origin.type === 'own')
  const reasons = own.flatMap((node) => {
    const against = obstacle(podSpec, node)
    if (against !== undefined) return [against]
    return lacking(node, amounts, promised.get(node.name) ?? {}).map(
      (each) => `${name} needs ${each.resource} ${each.wanted}, free is ${each.available}`,
    )
  })
  return reasons.join('; ') || `${name} requires what this node is not`
}
