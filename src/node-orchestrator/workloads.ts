/** The workloads of intents in the cluster: made, changed, followed and removed. Every call may be repeated. */
import { createHash } from 'node:crypto'
import { ensure, mutate, remove } from '../kernel/object-store.ts'
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
import { controllerOf, DEFAULT_NAMESPACE, keyOf, ownedBy, type KubeObject } from '../objects/meta.ts'
import { ServiceKind } from '../objects/core/service.ts'
import { VirtualRouterKind } from '../objects/virtual-router.ts'
import type { WantedDeployment } from './decompose.ts'

export type RequestStatus = NonNullable<IntentStatus['requests']>[number]
type Endpoint = NonNullable<IntentStatus['endpoints']>[number]

const HOSTNAME = 'kubernetes.io/hostname'
/** What an intent may be made of. */
const PLACED_KINDS: readonly KindDefinition[] = [DeploymentKind, ServiceKind]
/** Annotation of what we made: a digest of the manifest, so that a change of it is seen and one by others is left. */
const APPLIED = 'tributary.io/applied'
/** Annotation of a Deployment of the user's: what it said of its place before we placed it. */
const UNPLACED = 'tributary.io/unplaced'

interface Unplaced {
  readonly strategy?: Deployment['spec']['strategy']
  readonly nodeSelector?: Readonly<Record<string, string>> | undefined
}

export interface WorkloadState {
  readonly ready: boolean
  /** What is waited for, for people. */
  readonly message: string
  readonly endpoints: readonly Endpoint[]
}

export class Workloads {
  readonly #base: NodeBase

  constructor(base: NodeBase) {
    this.#base = base
    base.informers.of(PodKind)
    base.informers.of(VirtualRouterKind)
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
        return `there is a ${manifest.kind} ${name} already, of somebody else`
    }
    return undefined
  }

  /** Step 32: what is not there is made, what the user changed in the intent is changed, the rest goes. */
  async deploy(intent: Intent, placed: readonly RequestStatus[]): Promise<void> {
    const { store } = this.#base
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    const nodeOf = (name: string): string | undefined =>
      placed.find(({ workload }) => workload === name)?.node
    if (intent.spec.workloadRef) {
      const { name } = intent.spec.workloadRef
      const node = nodeOf(name)
      if (node !== undefined)
        await mutate(store, DeploymentKind, { namespace, name }, (each) => {
          const next = pinned(each, node)
          return next && remembering(each, next)
        })
      return
    }
    const wanted = new Set<string>()
    for (const manifest of manifestsOf(intent)) {
      const kind = kindOf(manifest)
      if (kind === undefined) continue
      const made = owned(intent, manifest)
      wanted.add(`${manifest.kind} ${manifest.metadata.name}`)
      const node = manifest.kind === 'Deployment' ? nodeOf(manifest.metadata.name) : undefined
      await this.#apply(intent, kind, made, node)
    }
    await this.#removeOwned(intent, (object) => !wanted.has(`${object.kind} ${object.metadata.name}`))
  }

  /** Removes what was made for an intent. What it only refers to is the user's: it stays, as it was before. */
  async remove(intent: Intent): Promise<void> {
    await this.#removeOwned(intent, () => true)
    const { workloadRef } = intent.spec
    if (workloadRef === undefined) return
    const { namespace = DEFAULT_NAMESPACE } = intent.metadata
    await mutate(this.#base.store, DeploymentKind, { namespace, name: workloadRef.name }, unpinned)
  }

  /** @returns whether it runs, and where it answers */
  async follow(intent: Intent, placed: readonly RequestStatus[]): Promise<WorkloadState> {
    const { store, informers, self } = this.#base
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    const stored = await Promise.all(
      placed.map(({ workload }) => store.get(DeploymentKind, { namespace, name: workload })),
    )
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
    const local = pods.filter(({ spec }) => spec.nodeName === self.name).flatMap(localEndpoints)
    return {
      ready: index < 0,
      message:
        index < 0
          ? 'running'
          : `waiting for ${placed[index]!.workload}: ${waiting?.status?.availableReplicas ?? 0} of ${waiting?.spec.replicas ?? 1} replicas are available`,
      endpoints: [...remote, ...local].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1)),
    }
  }

  async #apply(
    intent: Intent,
    kind: KindDefinition,
    object: Manifest,
    node: string | undefined,
  ): Promise<void> {
    const { store } = this.#base
    const { [APPLIED]: digest } = object.metadata.annotations ?? {}
    const first = node === undefined ? object : pinned(object as DeploymentManifest, node)
    // A manifest passed the schema of its kind when the intent was accepted.
    const stored = await ensure(store, kind, first ?? object)
    // Found out before anything was bought; what came later is not touched.
    if (!isOf(intent, stored)) return
    const current = stored.metadata.annotations?.[APPLIED] === digest
    if (current && (node === undefined || pinned(stored as Deployment, node) === undefined)) return
    await mutate(store, kind, keyOf(stored), (each) => {
      const changed =
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
      return node === undefined ? changed : (pinned(changed as Deployment, node) ?? changed)
    })
  }

  async #removeOwned(intent: Intent, goes: (object: KubeObject) => boolean): Promise<void> {
    const { store } = this.#base
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    for (const kind of PLACED_KINDS) {
      const { items } = await store.list(kind, { namespace })
      // What is not ours only has the same name.
      const ours = items.filter((each) => isOf(intent, each))
      for (const object of ours.filter(goes)) await remove(store, kind, keyOf(object))
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

/** @returns the Deployment with its pods bound to a node; undefined when they are */
function pinned<T extends Pick<Deployment, 'spec'>>(deployment: T, node: string): T | undefined {
  const { template, strategy } = deployment.spec
  const { nodeSelector } = template.spec
  if (nodeSelector?.[HOSTNAME] === node) return undefined
  const spec = { ...template.spec, nodeSelector: { ...nodeSelector, [HOSTNAME]: node } }
  return {
    ...deployment,
    spec: {
      ...deployment.spec,
      // What was bought has room for just so many pods: new ones fit when the old ones are gone.
      strategy: strategy ?? { type: 'Recreate' },
      template: { ...template, spec },
    },
  }
}

/** @returns the user's Deployment with what it said of its place and its rollout before we did */
function remembering(before: Deployment, pinned: Deployment): Deployment {
  if (before.metadata.annotations?.[UNPLACED] !== undefined) return pinned
  const { strategy, template } = before.spec
  const unplaced: Unplaced = { strategy, nodeSelector: template.spec.nodeSelector }
  const annotations = { ...pinned.metadata.annotations, [UNPLACED]: JSON.stringify(unplaced) }
  return { ...pinned, metadata: { ...pinned.metadata, annotations } }
}

/** @returns the user's Deployment as it was before it was placed; undefined when it was not */
function unpinned(deployment: Deployment): Deployment | undefined {
  const { [UNPLACED]: noted, ...annotations } = deployment.metadata.annotations ?? {}
  if (noted === undefined) return undefined
  const { strategy, nodeSelector } = unplacedOf(noted)
  const { strategy: _s, template, ...spec } = deployment.spec
  const { nodeSelector: _n, ...podSpec } = template.spec
  return {
    ...deployment,
    metadata: { ...deployment.metadata, annotations },
    spec: {
      ...spec,
      ...(strategy === undefined ? {} : { strategy }),
      template: {
        ...template,
        spec: { ...podSpec, ...(nodeSelector === undefined ? {} : { nodeSelector }) },
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

/** Pods of this machine answer on their own loopback address. */
function localEndpoints({ metadata, spec, status }: Pod): readonly Endpoint[] {
  const address = status?.podIP
  if (address === undefined) return []
  return spec.containers
    .flatMap(({ ports }) => ports ?? [])
    .map(({ containerPort: port }) => ({ name: metadata.name, port, url: `http://${address}:${port}` }))
}

function orderOf({ name, port }: Endpoint): string {
  return `${name}:${port}`
}
