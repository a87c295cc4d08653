/**
 * Opens the listener when everything that answers has been started, and decides who may call; what is answered, the
 * routes of the parts decide.
 */
import type { EffectiveConfig } from '../config/index.ts'
import type { Contracts } from '../contract-manager/index.ts'
import type { Fabric } from '../fabric/fabric.ts'
import type { Component } from '../kernel/component.ts'
import type { Informers } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import type { NetworkManager } from '../network-manager/index.ts'
import type { NodeId } from '../objects/ids.ts'
import { PeerKind } from '../objects/peer.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import { openApiDocument } from '../rear/openapi.ts'
import { Problem } from '../rear/problem.ts'
import { createRearApp, type Route, type RouteAccess } from '../rear/route.ts'
import { StreamRefused, type StreamHandler, type TransportPeer } from '../rear/transport/index.ts'
import { VERSION } from '../version.ts'
import { OpenStreams } from './open-streams.ts'
import type { RearServer, RearService } from './rear-server.ts'

export interface RearGateOptions {
  readonly rearServer: Pick<RearServer, 'open' | 'close'>
  readonly config: Pick<EffectiveConfig, 'rear'>
  readonly log: Log
  readonly routes: readonly Route[]
  readonly informers: Informers
  readonly registry: Pick<PeerRegistry, 'authorize' | 'standing'>
  readonly contracts: Pick<Contracts, 'isUser'>
  readonly networkManager: Pick<NetworkManager, 'takesStream' | 'onStream' | 'cutPeer'>
  readonly fabric: Pick<Fabric, 'onStream'>
}

/** Upstream nodes prove nothing and get no credentials: they may list, reserve and buy, nothing else. */
const PLAIN_OPERATIONS: ReadonlySet<string> = new Set(['listFlavors', 'reserveFlavor', 'purchaseFlavor'])

const REJECTED = 'the operator of this node has rejected you'
/** What a rejected peer may still ask for: a contract that it has with us must be able to end. */
const CLOSING: ReadonlySet<string> = new Set(['closeContract'])

export class RearGate implements Component {
  readonly #options: RearGateOptions
  readonly #streams = new OpenStreams()
  #unsubscribe: (() => void) | undefined
  readonly #service: RearService

  constructor(options: RearGateOptions) {
    this.#options = options
    const { routes, log, config } = options
    const open = routes.filter(({ operationId }) => PLAIN_OPERATIONS.has(operationId.split('.')[0]!))
    this.#service = {
      handler: createRearApp(routes, {
        authorize: (peer, access, route) => this.#authorize(peer, access, route),
        isStranger: (peer) => this.#isStranger(peer),
        log,
        maxBodyBytes: config.rear.maxBodyBytes,
      }),
      plainHandler: createRearApp(open, {
        authorize: () => undefined,
        isStranger: () => true,
        log,
        maxBodyBytes: config.rear.maxBodyBytes,
      }),
      onStream: (stream) => this.#takeStream(stream),
    }
  }

  async start(): Promise<void> {
    const { informers, registry, rearServer, networkManager } = this.#options
    this.#unsubscribe ??= informers.of(PeerKind).onChange(({ object: { spec } }) => {
      const id = spec.nodeID as NodeId | undefined
      if (id === undefined || registry.standing(id) !== 'rejected') return
      this.#streams.cut(id, REJECTED)
      networkManager.cutPeer(id, REJECTED)
    })
    rearServer.open(this.#service)
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#options.rearServer.close()
  }

  #authorize(peer: TransportPeer | undefined, access: RouteAccess, route: Route): Problem | undefined {
    const { registry, contracts } = this.#options
    const decision = registry.authorize(peer?.id, access)
    if (decision.allowed) return undefined
    if (decision.code === 'rejected')
      return CLOSING.has(route.operationId) ? undefined : new Problem('peer-rejected', decision.reason)
    // Who uses what we sold through others is unknown to us, but named in a contract that we signed.
    if (access === 'party' && peer !== undefined && contracts.isUser(peer.id)) return undefined
    if (decision.status === 401) return new Problem('not-authenticated', decision.reason)
    const code = decision.code === 'not-accepted' ? 'peer-not-accepted' : 'peer-unknown'
    return new Problem(code, decision.reason)
  }

  #isStranger(peer: TransportPeer | undefined): boolean {
    const { registry, contracts } = this.#options
    if (peer === undefined) return true
    return registry.standing(peer.id) !== 'accepted' && !contracts.isUser(peer.id)
  }

  #takeStream(stream: Parameters<StreamHandler>[0]): ReturnType<StreamHandler> {
    const { registry, contracts, networkManager, fabric } = this.#options
    const { id } = stream.peer
    const standing = registry.standing(id)
    if (standing === 'rejected') throw new StreamRefused(403, REJECTED)
    if (standing !== 'accepted' && !contracts.isUser(id)) throw new StreamRefused(403, 'peer not accepted')
    this.#streams.add(id, stream.duplex)
    if (networkManager.takesStream(stream.path)) return networkManager.onStream(stream)
    if (!fabric.onStream(stream)) throw new StreamRefused(404, 'no such stream')
    return undefined
  }
}

/** @returns the routes, and one more, which describes them all */
export function withOpenApi(routes: readonly Route[]): readonly Route[] {
  const route: Route = {
    method: 'GET',
    path: '/api/v2/openapi.json',
    operationId: 'getOpenApi',
    summary: 'This document',
    access: 'anyone',
    responses: { 200: { description: 'An OpenAPI 3.1 document.' } },
    handle: async () => ({ status: 200, body: openApiDocument([...routes, route], VERSION) }),
  }
  return [...routes, route]
}
