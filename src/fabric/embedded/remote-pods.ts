/**
 * The provider's side of a virtual node: takes the pods that the buyer of a slice wants to run, and has
 * them run by the kubelet as pods of the contract's own namespace.
 */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Component } from '../../kernel/component.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { type ObjectStore, remove } from '../../kernel/object-store.ts'
import { deadline, type System } from '../../kernel/system.ts'
import { NamespaceKind } from '../../objects/core/namespace.ts'
import { type Pod, PodKind } from '../../objects/core/pod.ts'
import type { NodeId } from '../../objects/ids.ts'
import { Problem } from '../../rear/problem.ts'
import type { Route, RouteCall, RouteReply } from '../../rear/route.ts'
import { StreamRefused, type TransportPeer } from '../../rear/transport/index.ts'
import { ClusterError } from '../cluster.ts'
import type { FabricOptions, FabricStream, SoldSlice } from '../fabric.ts'
import type { GuestTerms } from '../../objects/guests.ts'
import type { ProvidedState } from '../states.ts'
import { ensureContractNamespace } from './contract-namespace.ts'
import { ContractRevisions } from './contract-revisions.ts'
import { ContractWithdrawals } from './contract-withdrawals.ts'
import type { Kubelet } from './kubelet.ts'
import { contractNamespace, shadowName } from './names.ts'
import { admitPod } from './pod-admission.ts'
import { type LogRequest, LONGEST_WAIT_MS, parseLogPath, type RemotePod } from './pods-protocol.ts'
import { remotePodRoutes } from './remote-pod-routes.ts'
import { isForBuyer, stateOf } from './remote-pod-state.ts'
import type { Runner } from './runner.ts'

export interface RemotePodsOptions extends Pick<FabricOptions, 'nodeName' | 'allowWorkloads' | 'contracts'> {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly kubelet: Kubelet
  readonly runner: Runner
  /** @returns what buyers get here */
  readonly terms: () => GuestTerms
  /** What is provided under a contract may be different now. */
  readonly changed: (contractID: string) => void
}

const BUYERS_INDEX = 'contract-namespace'

export class RemotePods implements Component {
  readonly routes: readonly Route[]
  readonly #options: RemotePodsOptions
  readonly #log: Log
  readonly #pods: Informer<Pod>
  readonly #revisions: ContractRevisions
  readonly #withdrawals: ContractWithdrawals
  /** Admissions under one contract go one after the other. */
  readonly #admissions = new Map<string, Promise<unknown>>()
  readonly #withdrawn = new Set<string>()

  constructor(options: RemotePodsOptions) {
    const { informers, system, changed } = options
    this.#options = options
    this.#log = options.log.child({ component: 'remote-pods' })
    this.#pods = informers.of(PodKind)
    this.#pods.addIndex(BUYERS_INDEX, (pod) => (isForBuyer(pod) ? [pod.metadata.namespace ?? ''] : []))
    this.#revisions = new ContractRevisions(this.#pods, system.random)
    this.#withdrawals = new ContractWithdrawals({
      ...options,
      log: this.#log,
      revisions: this.#revisions,
      ended: changed,
    })
    this.routes = remotePodRoutes({
      slice: (contractID, peer) => this.#slice(contractID, peer),
      list: (slice, call) => this.#list(slice, call),
      put: (slice, call) => this.#putInTurn(slice, call),
      delete: (slice, call) => this.#delete(slice, call),
    })
  }

  async start(): Promise<void> {
    this.#revisions.start()
    await this.#pods.start()
  }

  async stop(): Promise<void> {
    this.#revisions.stop()
    await Promise.allSettled(this.#admissions.values())
    await this.#withdrawals.settled()
  }

  /** Makes the contract's namespace. */
  async prepare(slice: SoldSlice): Promise<void> {
    this.#withdrawn.delete(slice.contractID)
    await ensureContractNamespace(this.#options.store, slice)
  }

  /** Begins to end everything under the contract; from now on nothing new is taken. */
  async withdraw(contractID: string): Promise<void> {
    this.#withdrawn.add(contractID)
    await this.#admissions.get(contractID)?.catch(() => {})
    if ((await this.provided(contractID)).state === 'Provided') this.#withdrawals.begin(contractID)
  }

  /** Asks the store: what is given free because of the answer must not run any more. */
  async provided(contractID: string): Promise<ProvidedState> {
    const { store } = this.#options
    if (this.#withdrawals.isRunning(contractID)) {
      return { state: 'Withdrawing', message: 'stopping what runs under the contract' }
    }
    const namespace = contractNamespace(contractID)
    const isThere =
      this.#pods.byIndex(BUYERS_INDEX, namespace).length > 0 ||
      (await store.get(NamespaceKind, { name: namespace })) !== undefined
    return { state: isThere ? 'Provided' : 'Absent' }
  }

  /** @returns the pod that the buyer calls by this name, if it is here */
  find(contractID: string, namespace: string, name: string): Pod | undefined {
    return this.#pods.get({ namespace: contractNamespace(contractID), name: shadowName(namespace, name) })
  }

  /**
   * Serves a pod's log to the buyer.
   * @returns false when the path is none of ours
   * @throws StreamRefused when the caller may not have it
   */
  onStream({ path, peer, duplex }: FabricStream): boolean {
    const request = parseLogPath(path)
    if (request === undefined) return false
    try {
      this.#serveLog(request, path, peer, duplex)
    } catch (error) {
      if (error instanceof Problem) throw new StreamRefused(error.status, error.detail, { cause: error })
      if (error instanceof ClusterError) throw new StreamRefused(404, error.message, { cause: error })
      throw error
    }
    return true
  }

  #serveLog(request: LogRequest, path: string, peer: { readonly id: NodeId }, duplex: Duplex): void {
    const { contractID, namespace, name, follow, tailLines, container } = request
    this.#slice(contractID, peer)
    const pod = this.find(contractID, namespace, name)
    if (pod === undefined) throw new Problem('not-found', `there is no pod ${namespace}/${name}`)
    const ended = new AbortController()
    const chunks = this.#options.kubelet.logs(pod.metadata, {
      follow,
      ...(tailLines !== undefined && { tailLines }),
      ...(container !== undefined && { container }),
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
  #slice(contractID: string, peer: Pick<TransportPeer, 'id'> | undefined): SoldSlice {
    if (!this.#revisions.running) throw new Problem('unavailable', 'this node is starting or stopping')
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

  async #list({ contractID }: SoldSlice, { query, signal }: RouteCall): Promise<RouteReply> {
    const namespace = contractNamespace(contractID)
    const since = query.get('since')
    const wait = Math.min(LONGEST_WAIT_MS, Math.max(0, Number(query.get('wait') ?? 0) || 0))
    if (wait > 0 && since === this.#revisions.of(namespace)) {
      const limit = deadline(this.#options.system.clock, wait, signal)
      await this.#revisions.change(namespace, limit.signal)
      limit.done()
      // The contract may have ended meanwhile; the next request finds out.
    }
    const revision = this.#revisions.of(namespace)
    const pods = this.#pods.byIndex(BUYERS_INDEX, namespace).map(stateOf)
    return { status: 200, body: { revision, pods } }
  }

  #putInTurn({ contractID }: SoldSlice, call: RouteCall): Promise<RouteReply> {
    const before = this.#admissions.get(contractID) ?? Promise.resolve()
    // Whether the caller still may is looked at when it is its turn.
    const admission = before.catch(() => {}).then(() => this.#put(this.#slice(contractID, call.peer), call))
    this.#admissions.set(contractID, admission)
    void admission
      .catch(() => {})
      .finally(() => {
        if (this.#admissions.get(contractID) === admission) this.#admissions.delete(contractID)
      })
    return admission
  }

  async #put(slice: SoldSlice, { params, body }: RouteCall): Promise<RouteReply> {
    const { store, nodeName } = this.#options
    const { namespace = '', name = '' } = params
    const terms = this.#options.terms()
    const request = { namespace, name, pod: body as RemotePod }
    const { pod, created } = await admitPod(
      store,
      nodeName,
      slice,
      request,
      terms.status === 'Taken' ? terms : undefined,
    )
    return { status: created ? 201 : 200, body: stateOf(pod) }
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
}

async function pour(chunks: AsyncIterable<string>, duplex: Duplex, signal: AbortSignal): Promise<void> {
  for await (const chunk of chunks) {
    if (!duplex.write(chunk)) await once(duplex, 'drain', { signal })
  }
  duplex.end()
}
