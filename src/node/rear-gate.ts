/**
 * Opens the listener when everything that answers has been started, and decides who may call; what is answered, the
 * routes of the parts decide.
 */
import type { EffectiveConfig } from '../config/index.ts'
import type { Contracts } from '../contract-manager/index.ts'
import type { Fabric } from '../fabric/fabric.ts'
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { NetworkManager } from '../network-manager/index.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import { openApiDocument } from '../rear/openapi.ts'
import { Problem } from '../rear/problem.ts'
import { createRearApp, type Route, type RouteAccess } from '../rear/route.ts'
import { StreamRefused, type StreamHandler, type TransportPeer } from '../rear/transport/index.ts'
import { VERSION } from '../version.ts'
import type { RearServer, RearService } from './rear-server.ts'

export interface RearGateOptions {
  readonly rearServer: Pick<RearServer, 'open' | 'close'>
  readonly config: Pick<EffectiveConfig, 'rear'>
  readonly log: Log
  readonly routes: readonly Route[]
  readonly registry: Pick<PeerRegistry, 'authorize' | 'standing'>
  readonly contracts: Pick<Contracts, 'isUser'>
  readonly networkManager: Pick<NetworkManager, 'takesStream' | 'onStream'>
  readonly fabric: Pick<Fabric, 'onStream'>
}

/** Upstream nodes prove nothing and get no credentials: they may list, reserve and buy, nothing else. */
const PLAIN_OPERATIONS: ReadonlySet<string> = new Set(['listFlavors', 'reserveFlavor', 'purchaseFlavor'])

export class RearGate implements Component {
  readonly #options: RearGateOptions
  readonly #service: RearService

  constructor(options: RearGateOptions) {
    this.#options = options
    const { routes, log, config } = options
    const open = routes.filter(({ operationId }) => PLAIN_OPERATIONS.has(operationId.split('.')[0]!))
    this.#service = {
      handler: createRearApp(routes, {
        authorize: (peer, access) => this.#authorize(peer, access),
        log,
        maxBodyBytes: config.rear.maxBodyBytes,
      }),
      plainHandler: createRearApp(open, { authorize: () => undefined, log }),
      onStream: (stream) => this.#takeStream(stream),
    }
  }

  async start(): Promise<void> {
    this.#options.rearServer.open(this.#service)
  }

  async stop(): Promise<void> {
    this.#options.rearServer.close()
  }

  #authorize(peer: TransportPeer | undefined, access: RouteAccess): Problem | undefined {
    const { registry, contracts } = this.#options
    const decision = registry.authorize(peer?.id, access)
    if (decision.allowed) return undefined
    // Who uses what we sold through others is unknown to us, but named in a contract that we signed.
    if (access === 'party' && peer !== undefined && contracts.isUser(peer.id)) return undefined
    if (decision.status === 401) return new Problem('not-authenticated', decision.reason)
    const code = decision.code === 'not-accepted' ? 'peer-not-accepted' : 'peer-unknown'
    return new Problem(code, decision.reason)
  }

  #takeStream(stream: Parameters<StreamHandler>[0]): ReturnType<StreamHandler> {
    const { registry, contracts, networkManager, fabric } = this.#options
    if (registry.standing(stream.peer.id) !== 'accepted' && !contracts.isUser(stream.peer.id))
      throw new StreamRefused(403, 'peer not accepted')
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
