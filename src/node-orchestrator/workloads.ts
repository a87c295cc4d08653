/** The workloads of intents in the cluster: made, changed, followed and removed. Every call may be repeated. */
import { createHash } from 'node:crypto'
import type { Cluster } from '../fabric/cluster.ts'
import { member } from '../kernel/json.ts'
import { ensure, isStoreError, mutate } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import { DeploymentKind, type Deployment } from '../objects/core/deployment.ts'
import { PodKind, type Pod } from '../objects/core/pod.ts'
import type { Intent, IntentStatus } from '../objects/intent.ts'
import type { KindDefinition } from '../objects/kind.ts'
import {
  deploymentManifests,
  manifestsOf,
  type DeploymentManifest,
  type Manifest,
} from '../objects/manifest.ts'
import { formatHostPort } from '../objects/host-port.ts'
import {
  controllerOf,
  DEFAULT_NAMESPACE,
  isObjectName,
  keyOf,
  ownedBy,
  type KubeObject,
} from '../objects/meta.ts'
import { ServiceKind } from '../objects/core/service.ts'
import { VirtualRouterKind } from '../objects/virtual-router.ts'
import type { WantedDeployment } from './decompose.ts'

export type RequestStatus = NonNullable<IntentStatus['requests']>[number]
type Endpoint = NonNullable<IntentStatus['endpoints']>[number]

/** Index of what is placed: by the uid of its controller. */
const BY_CONTROLLER = 'controller'
/** What an intent may be made of. */
const PLACED_KINDS: readonly KindDefinition[] = [DeploymentKind, ServiceKind]
/** Annotation of what we made: a digest of the manifest, so that a change of it is seen and one by others is left. */
const APPLIED = 'tributary.io/applied'
/** Annotation of a Deployment of the user's: what it said of its place before we placed it. */
const UNPLACED = 'tributary.io/unplaced'

interface Unplaced {
  readonly strategy?: Deployment['spec']['strategy']
  readonly nodeSelector?: Readonly<Record<string, string>> | undefined
  /** null: there were none. */
  readonly tolerations?: unknown
}

export interface WorkloadState {
  readonly ready: boolean
  /** What is waited for, for people. */
  readonly message: string
  readonly endpoints: readonly Endpoint[]
}

export interface WorkloadsOptions extends NodeBase {
  readonly cluster: Pick<Cluster, 'pin' | 'endpoints'>
}

export class Workloads {
  readonly #base: WorkloadsOptions

  constructor(base: WorkloadsOptions) {
    this.#base = base
    base.informers.of(PodKind)
    base.informers.of(VirtualRouterKind)
    for (const kind of PLACED_KINDS)
      base.informers.of(kind).addIndex(BY_CONTROLLER, (object) => {
        const controller = controllerOf(object)
        return controller === undefined ? [] : [controller.uid]
      })
  }

  /** @returns the Deployments of an intent as they are to be; undefined when one that it refers to is gone */
  async wanted(intent: Intent): Promise<readonly WantedDeployment[] | undefined> {
    const ref = intent.spec.workloadRef
    if (ref === undefined) return deploymentManifests(intent)
    const found = await this.#base.store.get(DeploymentKind, {
      namespace: intent.metadata.namespace ?? DEFAULT_NAMESPACE,
      name: ref.name,
    })
    return found && [found]
  }

  /** @returns what is in the way of an intent: an object of the same name that is not its own */
  async obstacle(intent: Intent): Promise<string | undefined> {
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    for (const manifest of manifestsOf(intent)) {
      const kind = kindOf(manifest)
      const { name } = manifest.metadata
      const stored = kind && (await this.#base.store.get(kind, { namespace, name }))
      if (stored && !isOf(intent, stored))
        return `${manifest.kind} ${name} exists and is not owned by this intent`
    }
    return undefined
  }

  /**
   * Step 32: what is not there is made, what the user changed in the intent is changed, the rest goes.
   * @returns the Deployments that were written, which an informer may not show yet
   */
  async deploy(intent: Intent, placed: readonly RequestStatus[]): Promise<readonly Deployment[]> {
    const { store } = this.#base
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    const nodeOf = (name: string): string | undefined =>
      placed.find(({ workload }) => workload === name)?.node
    if (intent.spec.workloadRef) {
      const { name } = intent.spec.workloadRef
      const node = nodeOf(name)
      const known = this.#base.informers.of(DeploymentKind).get({ namespace, name })
      if (node === undefined || (known && this.#pinned(known, node) === undefined)) return []
      const stored = await mutate(store, DeploymentKind, { namespace, name }, (each) => {
        const next = this.#pinned(each, node)
        return next && remembering(each, next)
      })
      return stored ? [stored] : []
    }
    const wanted = new Set<string>()
    const written: KubeObject[] = []
    for (const manifest of manifestsOf(intent)) {
      const kind = kindOf(manifest)
      if (kind === undefined) continue
      const made = owned(intent, manifest)
      wanted.add(`${manifest.kind} ${manifest.metadata.name}`)
      const node = manifest.kind === 'Deployment' ? nodeOf(manifest.metadata.name) : undefined
      written.push(...(await this.#apply(intent, kind, made, node)))
    }
    for (const [kind, objects] of this.#knownOwned(intent))
      for (const object of objects)
        if (!wanted.has(`${kind.kind} ${object.metadata.name}`)) await this.#removeOne(kind, object)
    return written.filter((object): object is Deployment => object.kind === DeploymentKind.kind)
  }

  /** Removes what was made for an intent. What it only refers to is the user's: it stays, as it was before. */
  async remove(intent: Intent): Promise<void> {
    await this.#removeOwned(intent)
    const name = member(member(intent.spec, 'workloadRef'), 'name')
    if (typeof name !== 'string' || !isObjectName(name)) return
    const { namespace = DEFAULT_NAMESPACE } = intent.metadata
    await mutate(this.#base.store, DeploymentKind, { namespace, name }, unpinned)
  }

  /**
   * @param deployed what was just written, where the local copies may be behind
   * @returns whether it runs, and where it answers
   */
  track(intent: Intent, placed: readonly RequestStatus[], deployed: readonly Deployment[]): WorkloadState {
    const { informers } = this.#base
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    const stored = placed.map(({ workload }) => {
      const known = informers.of(DeploymentKind).get({ namespace, name: workload })
      const written = deployed.find(({ metadata }) => metadata.name === workload)
      const isBehind =
        known?.metadata.uid !== written?.metadata.uid ||
        (known?.metadata.generation ?? 0) < (written?.metadata.generation ?? 0)
      return written !== undefined && isBehind ? written : known
    })
    const index = stored.findIndex((each) => !isAvailable(each))
    const waiting = stored[index]
    const uids = new Set(stored.flatMap((each) => (each ? [each.metadata.uid] : [])))
    const pods = informers
      .of(PodKind)
      .list()
      .filter((pod) => pod.metadata.ownerReferences?.some(({ uid }) => uids.has(uid)))
    const names = new Set(pods.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`))
    const remote = informers
      .of(VirtualRouterKind)
      .list()
      .flatMap(({ status }) => status?.endpoints ?? [])
      .filter((each) => names.has(`${each.namespace}/${each.pod}`))
      .map(({ pod, port, url }) => ({ name: pod, port, url }))
    const local = pods.flatMap((pod) => this.#endpoints(pod))
    return {
      ready: index < 0,
      message:
        index < 0
          ? 'running'
          : `waiting for ${placed[index]!.workload}: ${waiting?.status?.availableReplicas ?? 0} of ${waiting?.spec.replicas ?? 1} replicas are available`,
      endpoints: [...remote, ...local].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1)),
    }
  }

  /** Of a pod that runs in this cluster; what others run for us is reached through a router. */
  #endpoints({ metadata: { namespace = DEFAULT_NAMESPACE, name } }: Pod): readonly Endpoint[] {
    return this.#base.cluster
      .endpoints({ namespace, name })
      .flatMap(({ containerPort, ...at }) =>
        'path' in at ? [] : [{ name, port: containerPort, url: `http://${formatHostPort(at)}` }],
      )
  }

  /** @returns the Deployment with its pods bound to a node; undefined when they are */
  #pinned<T extends Pick<Deployment, 'spec'>>(deployment: T, node: string): T | undefined {
    const { template, strategy } = deployment.spec
    const patch = this.#base.cluster.pin(template.spec, node)
    if (patch === undefined) return undefined
    return {
      ...deployment,
      spec: {
        ...deployment.spec,
        // What was bought has room for just so many pods: new ones fit when the old ones are gone.
        strategy: strategy ?? { type: 'Recreate' },
        template: { ...template, spec: { ...template.spec, ...patch } },
      },
    }
  }

  /** @returns the object as it was written; none when the local copy is as it should be */
  async #apply(
    intent: Intent,
    kind: KindDefinition,
    object: Manifest,
    node: string | undefined,
  ): Promise<readonly KubeObject[]> {
    const { store, informers } = this.#base
    const { [APPLIED]: digest } = object.metadata.annotations ?? {}
    const isCurrent = (stored: KubeObject): boolean =>
      isOf(intent, stored) &&
      stored.metadata.deletionTimestamp === undefined &&
      stored.metadata.annotations?.[APPLIED] === digest &&
      (node === undefined || this.#pinned(stored as Deployment, node) === undefined)
    const known = informers.of(kind).get(keyOf(object))
    if (known !== undefined && isCurrent(known)) return []
    const first = node === undefined ? object : this.#pinned(object as DeploymentManifest, node)
    // A manifest passed the schema of its kind when the intent was accepted.
    const stored = await ensure(store, kind, first ?? object)
    // Found out before anything was bought; what came later is not touched.
    if (!isOf(intent, stored)) return []
    if (isCurrent(stored)) return [stored]
    const changed = await mutate(store, kind, keyOf(stored), (each) => {
      const next =
        each.metadata.annotations?.[APPLIED] === digest
          ? each
          : {
              ...each,
              ...object,
              metadata: {
                ...each.metadata,
                labels: { ...each.metadata.labels, ...object.metadata.labels },
                annotations: { ...each.metadata.annotations, ...object.metadata.annotations },
              },
            }
      return node === undefined ? next : (this.#pinned(next as Deployment, node) ?? next)
    })
    return changed ? [changed] : []
  }

  /** What an intent is made of now is looked up; what it was made of before is known from the local copies. */
  async #removeOwned(intent: Intent): Promise<void> {
    const { store } = this.#base
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    for (const { kind: kindName, name } of namesIn(intent)) {
      const kind = PLACED_KINDS.find((each) => each.kind === kindName)
      const stored = kind && (await store.get(kind, { namespace, name }))
      // What is not ours only has the same name.
      if (kind && stored && isOf(intent, stored)) await this.#removeOne(kind, stored)
    }
    for (const [kind, objects] of this.#knownOwned(intent))
      for (const object of objects) await this.#removeOne(kind, object)
  }

  #knownOwned(intent: Intent): readonly (readonly [KindDefinition, readonly KubeObject[]])[] {
    return PLACED_KINDS.map((kind) => [
      kind,
      this.#base.informers
        .of(kind)
        .byIndex(BY_CONTROLLER, intent.metadata.uid)
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined),
    ])
  }

  async #removeOne(kind: KindDefinition, object: KubeObject): Promise<void> {
    try {
      await this.#base.store.delete(kind, keyOf(object), { uid: object.metadata.uid })
    } catch (error) {
      // Gone already, and another of its name may be there.
      if (!isStoreError(error, 'NotFound', 'Conflict')) throw error
    }
  }
}

/** @returns the manifest as it is stored: the intent's, with its digest */
function owned(intent: Intent, manifest: Manifest): Manifest {
  const { metadata } = manifest
  const digest = createHash('sha256').update(JSON.stringify(manifest)).digest('hex').slice(0, 16)
  return {
    ...manifest,
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [APPLIED]: digest },
      namespace: intent.metadata.namespace ?? DEFAULT_NAMESPACE,
      ownerReferences: [ownedBy(intent)],
    },
  }
}

/** @returns what an intent is made of, which may have become wrong since it was accepted */
function namesIn({ spec }: Intent): readonly { readonly kind: string; readonly name: string }[] {
  const workload: unknown = member(spec, 'workload')
  return (Array.isArray(workload) ? (workload as readonly unknown[]) : []).flatMap((manifest) => {
    const kind = member(manifest, 'kind')
    const name = member(member(manifest, 'metadata'), 'name')
    return typeof kind === 'string' && typeof name === 'string' && isObjectName(name) ? [{ kind, name }] : []
  })
}

function isOf(intent: Intent, object: KubeObject): boolean {
  return controllerOf(object)?.uid === intent.metadata.uid
}

function kindOf(manifest: Manifest): KindDefinition | undefined {
  return PLACED_KINDS.find(({ kind }) => kind === manifest.kind)
}

/** Whether all of its pods are those that are wanted now, and answer. */
function isAvailable(deployment: Deployment | undefined): boolean {
  if (deployment === undefined) return false
  const { spec, status, metadata } = deployment
  const wanted = spec.replicas ?? 1
  return (
    (status?.observedGeneration ?? 0) >= metadata.generation &&
    (status?.updatedReplicas ?? 0) >= wanted &&
    (status?.availableReplicas ?? 0) >= wanted
  )
}

/** @returns the user's Deployment with what it said of its place and its rollout before we did */
function remembering(before: Deployment, pinned: Deployment): Deployment {
  if (before.metadata.annotations?.[UNPLACED] !== undefined) return pinned
  const { strategy, template } = before.spec
  const { nodeSelector, tolerations } = template.spec
  const unplaced: Unplaced = { strategy, nodeSelector, tolerations: tolerations ?? null }
  const annotations = { ...pinned.metadata.annotations, [UNPLACED]: JSON.stringify(unplaced) }
  return { ...pinned, metadata: { ...pinned.metadata, annotations } }
}

/** @returns the user's Deployment as it was before it was placed; undefined when it was not */
function unpinned(deployment: Deployment): Deployment | undefined {
  const { [UNPLACED]: noted, ...annotations } = deployment.metadata.annotations ?? {}
  if (noted === undefined) return undefined
  const { strategy, nodeSelector, tolerations } = unplacedOf(noted)
  const { strategy: _s, template, ...spec } = deployment.spec
  const { nodeSelector: _n, tolerations: current, ...podSpec } = template.spec
  // Where nothing was noted of them, they were left alone.
  const tolerated = tolerations === undefined ? current : (tolerations ?? undefined)
  return {
    ...deployment,
    metadata: { ...deployment.metadata, annotations },
    spec: {
      ...spec,
      ...(strategy === undefined ? {} : { strategy }),
      template: {
        ...template,
        spec: {
          ...podSpec,
          ...(nodeSelector === undefined ? {} : { nodeSelector }),
          ...(tolerated === undefined ? {} : { tolerations: tolerated }),
        },
      },
    },
  }
}

/** The user may have written into it; then they have to say themselves where it is to run. */
function unplacedOf(noted: string): Unplaced {
  try {
    return JSON.parse(noted) as Unplaced
  } catch {
    return {}
  }
}

function orderOf({ name, port }: Endpoint): string {
  return `${name}:${port}`
}
