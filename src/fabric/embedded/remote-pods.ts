/**
 * The provider's side of a virtual node: takes the pods that the buyer of a slice wants to run, checks
 * them against the contract, and has them run by the kubelet as pods of the contract's own namespace.
 */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { Component } from '../../kernel/component.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { ensure, isStoreError, type ObjectStore, remove } from '../../kernel/object-store.ts'
import { deadline, randomHex, type System } from '../../kernel/system.ts'
import { NamespaceKind } from '../../objects/core/namespace.ts'
import { type Pod, PodKind, type PodStatus } from '../../objects/core/pod.ts'
import { type PodSpec, PodSpecSchema } from '../../objects/core/pod-spec.ts'
import type { ContractId, NodeId } from '../../objects/ids.ts'
import { isObjectName } from '../../objects/meta.ts'
import { QuantityError } from '../../quantity/index.ts'
import type { TransportPeer } from '../../rear/transport/index.ts'
import { Problem } from '../../rear/problem.ts'
import type { Route, RouteCall, RouteReply } from '../../rear/route.ts'
import { StreamRefused } from '../../rear/transport/index.ts'
import type { SoldSlice } from '../fabric.ts'
import { type Fitting, fitIntoContract } from './contract-limits.ts'
import type { Kubelet } from './kubelet.ts'
import {
  BUYER_ANNOTATION,
  CONTRACT_AMOUNTS_ANNOTATION,
  CONTRACT_ANNOTATION,
  CONTRACT_LABEL,
  contractLabel,
  contractNamespace,
  ORIGIN_ANNOTATION,
  type PodIdentity,
  RUNNING_FINALIZER,
  shadowName,
} from './names.ts'
import { PodLogError } from './pod-log-error.ts'
import { contractGroup } from './pod-instance.ts'
import {
  type LogRequest,
  LONGEST_WAIT_MS,
  parseLogPath,
  POD_PATH,
  PODS_PATH,
  type RemotePod,
  RemotePodSchema,
  RemotePodsSchema,
  type RemotePodState,
  RemotePodStateSchema,
  RemovedPodSchema,
} from './pods-protocol.ts'
import type { Runner } from './runner.ts'

export interface RemotePodsOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly kubelet: Kubelet
  readonly runner: Runner
  readonly nodeName: string
  readonly allowWorkloads: boolean
  readonly contracts: {
    /** @returns what runs under the contract now; undefined when it is unknown, ended, or not ours to provide */
    sold(contractID: ContractId): SoldSlice | undefined
  }
}

/** A stream that a peer opened towards us. */
export interface IncomingPodStream {
  readonly path: string
  readonly peer: { readonly id: NodeId }
  readonly duplex: Duplex
}

const SHADOWS_INDEX = 'contract-namespace'
const WITHDRAW_LIMIT_MS = 45_000
const RESERVED_PREFIX = 'tributary.io/'

const podSpec = Compile(PodSpecSchema)

export class RemotePods implements Component {
  readonly routes: readonly Route[]
  readonly #options: RemotePodsOptions
  readonly #log: Log
  readonly #pods: Informer<Pod>
  /** Differs from life to life, so that a buyer's old revision is never mistaken for ours. */
  readonly #life: string
  readonly #revisions = new Map<string, number>()
  readonly #waiters = new Map<string, Set<() => void>>()
  /** Admissions under one contract go one after the other. */
  readonly #admissions = new Map<string, Promise<unknown>>()
  readonly #withdrawn = new Set<string>()
  #unsubscribe: (() => void) | undefined

  constructor(options: RemotePodsOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'remote-pods' })
    this.#life = randomHex(options.system.random, 6)
    this.#pods = options.informers.of(PodKind)
    this.#pods.addIndex(SHADOWS_INDEX, (pod) =>
      pod.metadata.annotations?.[ORIGIN_ANNOTATION] !== undefined ? [pod.metadata.namespace ?? ''] : [],
    )
    this.routes = this.#makeRoutes()
  }

  async start(): Promise<void> {
    this.#unsubscribe ??= this.#pods.onChange(({ object }) => {
      const { namespace, annotations } = object.metadata
      if (namespace === undefined || annotations?.[ORIGIN_ANNOTATION] === undefined) return
      this.#revisions.set(namespace, (this.#revisions.get(namespace) ?? 0) + 1)
      for (const wake of this.#waiters.get(namespace) ?? []) wake()
    })
    await this.#pods.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    // Nobody is kept waiting for news that cannot come.
    for (const waiters of this.#waiters.values()) for (const wake of waiters) wake()
    await Promise.allSettled(this.#admissions.values())
  }

  /** Makes the contract's namespace. */
  async prepare(slice: SoldSlice): Promise<void> {
    this.#withdrawn.delete(slice.contractID)
    await ensure(this.#options.store, NamespaceKind, {
      metadata: {
        name: contractNamespace(slice.contractID),
        labels: { [CONTRACT_LABEL]: contractLabel(slice.contractID) },
        annotations: { [CONTRACT_ANNOTATION]: slice.contractID, [BUYER_ANNOTATION]: slice.buyer },
      },
    })
  }

  /** Ends everything under the contract. Resolves when nothing of it runs. */
  async withdraw(contractID: ContractId): Promise<void> {
    const { store, runner, system } = this.#options
    this.#withdrawn.add(contractID)
    const namespace = contractNamespace(contractID)
    await this.#admissions.get(contractID)?.catch(() => {})
    for (const { metadata } of (await store.list(PodKind, { namespace })).items) {
      await remove(store, PodKind, metadata)
    }
    const limit = deadline(system.clock, WITHDRAW_LIMIT_MS)
    try {
      for (;;) {
        const revision = this.#revision(namespace)
        if ((await store.list(PodKind, { namespace })).items.length === 0) break
        limit.signal.throwIfAborted()
        if (this.#unsubscribe === undefined) throw new Error('stopping: nothing can be withdrawn')
        if (revision === this.#revision(namespace)) await this.#change(namespace, limit.signal)
      }
    } finally {
      limit.done()
    }
    await remove(store, NamespaceKind, { name: namespace })
    await runner.removeGroup(contractGroup(contractID))
  }

  /**
   * @returns where a port of a pod that runs here is reached; undefined unless the pod runs and declares the port
   * @param contractID of the contract under which it runs; undefined for a pod of our own
   */
  endpoint(
    contractID: ContractId | undefined,
    namespace: string,
    name: string,
    port: number,
  ): { readonly host: string; readonly port: number } | undefined {
    const pod =
      contractID === undefined
        ? this.#pods.get({ namespace, name })
        : this.#pods.get({ namespace: contractNamespace(contractID), name: shadowName(namespace, name) })
    if (pod === undefined || pod.spec.nodeName !== this.#options.nodeName) return undefined
    const host = pod.status?.podIP
    if (!host || pod.status?.phase !== 'Running') return undefined
    // Else a buyer could reach whatever listens on this machine.
    const declared = pod.spec.containers.some(({ ports }) => ports?.some((one) => one.containerPort === port))
    return declared ? { host, port } : undefined
  }

  /**
   * Serves a pod's log to the buyer.
   * @returns false when the path is none of ours
   * @throws StreamRefused when the caller may not have it
   */
  onStream({ path, peer, duplex }: IncomingPodStream): boolean {
    const request = parseLogPath(path)
    if (request === undefined) return false
    try {
      this.#serveLog(request, path, peer, duplex)
    } catch (error) {
      if (error instanceof Problem) throw new StreamRefused(error.status, error.detail, { cause: error })
      if (error instanceof PodLogError) throw new StreamRefused(404, error.message, { cause: error })
      throw error
    }
    return true
  }

  #serveLog(request: LogRequest, path: string, peer: { readonly id: NodeId }, duplex: Duplex): void {
    this.#slice(request.contractID, peer)
    const key = {
      namespace: contractNamespace(request.contractID),
      name: shadowName(request.namespace, request.name),
    }
    if (this.#pods.get(key) === undefined) {
      throw new Problem('not-found', `there is no pod ${request.namespace}/${request.name}`)
    }
    const ended = new AbortController()
    const chunks = this.#options.kubelet.logs(key, {
      follow: request.follow,
      ...(request.tailLines !== undefined && { tailLines: request.tailLines }),
      ...(request.container !== undefined && { container: request.container }),
      signal: ended.signal,
    })
    duplex.once('close', () => ended.abort())
    duplex.on('error', () => ended.abort())
    duplex.resume()
    void pour(chunks, duplex, ended.signal).catch((error: unknown) => {
      if (!ended.signal.aborted) this.#log.debug({ err: error, path }, 'a log could not be sent')
      duplex.destroy()
    })
  }

  /** @throws Problem unless the caller bought what runs under the contract */
  #slice(contractID: ContractId, peer: Pick<TransportPeer, 'id'> | undefined): SoldSlice {
    // Before the start nothing is known of the pods, and after the stop nothing changes any more.
    if (this.#unsubscribe === undefined) throw new Problem('unavailable', 'this node is starting or stopping')
    const slice = this.#withdrawn.has(contractID) ? undefined : this.#options.contracts.sold(contractID)
    if (peer === undefined) throw new Problem('not-authenticated', 'pods are for known buyers only')
    if (slice === undefined)
      throw new Problem('contract-not-found', `no contract ${contractID} is in force here`)
    if (slice.buyer !== peer.id) throw new Problem('not-a-party', 'the contract is between others')
    if (!this.#options.allowWorkloads) {
      throw new Problem('not-supported', 'this node does not run programs of others')
    }
    return slice
  }

  #makeRoutes(): readonly Route[] {
    const contract = (call: RouteCall): SoldSlice =>
      this.#slice(call.params.contractID as ContractId, call.peer)
    return [
      {
        method: 'GET',
        path: PODS_PATH,
        operationId: 'listRemotePods',
        summary: 'The pods that there are under the contract; waits for a change if asked to',
        access: 'party',
        query: [
          { name: 'since', description: 'The revision that the caller has.' },
          {
            name: 'wait',
            description: 'For how many milliseconds to wait for another one.',
            schema: Type.Integer(),
          },
        ],
        responses: { 200: { description: 'All pods.', schema: RemotePodsSchema } },
        handle: (call) => this.#list(contract(call), call),
      },
      {
        method: 'PUT',
        path: POD_PATH,
        operationId: 'putRemotePod',
        summary: 'Has a pod run under the contract',
        access: 'party',
        request: RemotePodSchema,
        responses: {
          200: { description: 'It was there already.', schema: RemotePodStateSchema },
          201: { description: 'It will run.', schema: RemotePodStateSchema },
        },
        handle: (call) => {
          const slice = contract(call)
          const before = this.#admissions.get(slice.contractID) ?? Promise.resolve()
          const admission = before.catch(() => {}).then(() => this.#put(contract(call), call))
          this.#admissions.set(slice.contractID, admission)
          void admission
            .catch(() => {})
            .finally(() => {
              if (this.#admissions.get(slice.contractID) === admission)
                this.#admissions.delete(slice.contractID)
            })
          return admission
        },
      },
      {
        method: 'DELETE',
        path: POD_PATH,
        operationId: 'deleteRemotePod',
        summary: 'Ends a pod that runs under the contract',
        access: 'party',
        query: [{ name: 'uid', description: 'Only if it is the pod with this uid.' }],
        responses: {
          200: { description: 'Nothing of it is left.', schema: RemovedPodSchema },
          202: { description: 'It is ending.', schema: RemovedPodSchema },
        },
        handle: (call) => this.#delete(contract(call), call),
      },
    ]
  }

  async #list({ contractID }: SoldSlice, { query, signal }: RouteCall): Promise<RouteReply> {
    const namespace = contractNamespace(contractID)
    const since = query.get('since')
    const wait = Math.min(LONGEST_WAIT_MS, Math.max(0, Number(query.get('wait') ?? 0) || 0))
    if (wait > 0 && since === this.#revision(namespace)) {
      const limit = deadline(this.#options.system.clock, wait, signal)
      await this.#change(namespace, limit.signal)
      limit.done()
      // The contract may have ended meanwhile; the next request finds out.
    }
    const revision = this.#revision(namespace)
    const pods = this.#pods.byIndex(SHADOWS_INDEX, namespace).map(stateOf)
    return { status: 200, body: { revision, pods } }
  }

  async #put(slice: SoldSlice, { params, body }: RouteCall): Promise<RouteReply> {
    const { store, nodeName } = this.#options
    const { uid, nodeName: virtualNode, labels = {}, annotations = {}, spec } = body as RemotePod
    const { namespace = '', name = '' } = params
    if (!isObjectName(name) || !isObjectName(namespace)) {
      throw new Problem('bad-request', `${namespace}/${name} cannot be the name of a pod`)
    }
    checkSpec(spec)
    checkStrings('labels', labels)
    checkStrings('annotations', annotations)
    const ours = contractNamespace(slice.contractID)
    const key = { namespace: ours, name: shadowName(namespace, name) }
    const existing = await store.get(PodKind, key)
    if (existing !== undefined) {
      if (stateOf(existing).uid === uid && existing.metadata.deletionTimestamp === undefined) {
        return { status: 200, body: stateOf(existing) }
      }
      // Another pod of that name has to end first; the caller comes again when the list says that it has.
      await remove(store, PodKind, key)
      throw new Problem('conflict', `an earlier pod ${namespace}/${name} is still ending`)
    }
    const others = (await store.list(PodKind, { namespace: ours })).items.map((pod) => pod.spec)
    const fitting = fit(spec, slice, others)
    if (!fitting.fits) {
      const numbers = fitting.shortages.map(
        ({ resource, wanted, available, contract }) =>
          `${resource}: ${wanted} wanted, ${available} left of ${contract}`,
      )
      throw new Problem(
        'exceeds-contract',
        `the pod does not fit into the contract (${numbers.join('; ')})`,
        {
          extensions: { shortages: fitting.shortages },
        },
      )
    }
    await this.prepare(slice)
    const origin: PodIdentity = { namespace, name, uid, nodeName: virtualNode }
    const { nodeSelector: _, affinity: __, ...wanted } = fitting.spec
    try {
      const created = await store.create(PodKind, {
        metadata: {
          ...key,
          labels: { ...withoutOurs(labels), [CONTRACT_LABEL]: contractLabel(slice.contractID) },
          annotations: {
            ...withoutOurs(annotations),
            [CONTRACT_ANNOTATION]: slice.contractID,
            [CONTRACT_AMOUNTS_ANNOTATION]: JSON.stringify(slice.amounts),
            [ORIGIN_ANNOTATION]: JSON.stringify(origin),
          },
          finalizers: [RUNNING_FINALIZER],
        },
        spec: { ...wanted, nodeName },
      })
      return { status: 201, body: stateOf(created) }
    } catch (error) {
      if (isStoreError(error, 'AlreadyExists')) throw new Problem('conflict', 'try again', { cause: error })
      throw error
    }
  }

  async #delete({ contractID }: SoldSlice, { params, query }: RouteCall): Promise<RouteReply> {
    const { store } = this.#options
    const key = {
      namespace: contractNamespace(contractID),
      name: shadowName(params.namespace ?? '', params.name ?? ''),
    }
    const pod = await store.get(PodKind, key)
    const uid = query.get('uid')
    if (pod === undefined || (uid !== null && stateOf(pod).uid !== uid))
      return { status: 200, body: { gone: true } }
    if (pod.metadata.deletionTimestamp === undefined) await remove(store, PodKind, key)
    const gone = (await store.get(PodKind, key)) === undefined
    return { status: gone ? 200 : 202, body: { gone } }
  }

  #revision(namespace: string): string {
    return `${this.#life}.${this.#revisions.get(namespace) ?? 0}`
  }

  /** Resolves at the next change under the contract, or when the signal aborts. */
  #change(namespace: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || this.#unsubscribe === undefined) {
        resolve()
        return
      }
      const waiters = this.#waiters.get(namespace) ?? new Set()
      const wake = (): void => {
        waiters.delete(wake)
        if (waiters.size === 0) this.#waiters.delete(namespace)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      waiters.add(wake)
      this.#waiters.set(namespace, waiters)
      signal.addEventListener('abort', wake, { once: true })
    })
  }
}

function stateOf(pod: Pod): RemotePodState {
  const { namespace, name, uid } = JSON.parse(pod.metadata.annotations![ORIGIN_ANNOTATION]!) as PodIdentity
  return {
    namespace,
    name,
    uid,
    ...(pod.metadata.deletionTimestamp !== undefined && { terminating: true }),
    ...(pod.status !== undefined && { status: pod.status as PodStatus }),
  }
}

function checkSpec(spec: unknown): asserts spec is PodSpec {
  if (podSpec.Check(spec)) return
  const [first] = podSpec.Errors(spec)
  const where =
    first === undefined ? '' : `${first.instancePath.replaceAll('/', '.').slice(1)}: ${first.message}`
  throw new Problem('malformed-body', `the pod's spec is not valid: ${where}`)
}

function fit(spec: PodSpec, slice: SoldSlice, others: readonly PodSpec[]): Fitting {
  try {
    return fitIntoContract(spec, slice.amounts, others)
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error
    throw new Problem('malformed-body', `the pod's resources: ${error.message}`, { cause: error })
  }
}

/** Enough for any honest pod. */
const MOST_ENTRIES = 200

function checkStrings(what: string, map: Readonly<Record<string, unknown>>): void {
  const entries = Object.entries(map)
  if (entries.length > MOST_ENTRIES || entries.some(([, value]) => typeof value !== 'string')) {
    throw new Problem('malformed-body', `${what}: at most ${MOST_ENTRIES}, and all of them strings`)
  }
}

/** What a guest says must not be mistaken for what we say. */
function withoutOurs(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !key.startsWith(RESERVED_PREFIX)))
}

async function pour(chunks: AsyncIterable<string>, duplex: Duplex, signal: AbortSignal): Promise<void> {
  for await (const chunk of chunks) {
    if (!duplex.write(chunk)) await once(duplex, 'drain', { signal })
  }
  duplex.end()
}
