/**
 * What other nodes reach: the REAR listener and, where it is configured, one without TLS for upstream nodes.
 * Decides who may call; what is answered, the components' routes decide.
 *
 * It listens before the tables are loaded, because the address is part of what they hold; until they are, and again
 * while they are taken down, it answers 503 and says when to come back.
 */
import type { Config } from '../config/index.ts'
import type { Contracts } from '../contract-manager/index.ts'
import type { EmbeddedFabric } from '../fabric/embedded/index.ts'
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { System } from '../kernel/system.ts'
import type { NetworkManager } from '../network-manager/index.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import { openApiDocument } from '../rear/openapi.ts'
import { Problem, problemResponse } from '../rear/problem.ts'
import { createRearApp, type Route, type RouteAccess } from '../rear/route.ts'
import {
  createPlainListener,
  StreamRefused,
  type Listener,
  type RearHandler,
  type StreamHandler,
  type Transport,
  type TransportPeer,
} from '../rear/transport/index.ts'
import { VERSION } from '../version.ts'
import { DEFAULT_LISTEN, parseListen } from './listen-address.ts'

export interface RearServerOptions {
  readonly config: Config
  readonly transport: Transport
  readonly system: System
  readonly log: Log
  readonly routes: readonly Route[]
  readonly registry: PeerRegistry
  readonly contracts: Contracts
  readonly networkManager: Pick<NetworkManager, 'takesStream' | 'onStream'>
  readonly fabric: Pick<EmbeddedFabric, 'onStream'>
}

export interface RearServer extends Component {
  /** To be started when everything that answers has been started: from then on callers are answered. */
  readonly gate: Component
  readonly handler: RearHandler
  readonly onStream: StreamHandler
  /** host:port; undefined while it does not listen. */
  readonly address: string | undefined
  /** host:port of the listener without TLS; undefined where there is none. */
  readonly plainAddress: string | undefined
}

/** Upstream nodes prove nothing and get no credentials: they may list, reserve and buy, nothing else. */
const PLAIN_OPERATIONS: ReadonlySet<string> = new Set(['listFlavors', 'reserveFlavor', 'purchaseFlavor'])

const NOT_READY = 'this node is starting or stopping'

export function createRearServer(options: RearServerOptions): RearServer {
  const { config, transport, system, log, routes, registry, contracts, networkManager, fabric } = options
  let listener: Listener | undefined
  let plain: Listener | undefined
  let isOpen = false

  function authorize(peer: TransportPeer | undefined, access: RouteAccess): Problem | undefined {
    const decision = registry.authorize(peer?.id, access)
    if (decision.allowed) return undefined
    // Who uses what we sold through others is unknown to us, but named in a contract that we signed.
    if (access === 'party' && peer !== undefined && contracts.isUser(peer.id)) return undefined
    if (decision.status === 401) return new Problem('not-authenticated', decision.reason)
    const code = decision.code === 'not-accepted' ? 'peer-not-accepted' : 'peer-unknown'
    return new Problem(code, decision.reason)
  }

  const onceOpen =
    (answer: RearHandler): RearHandler =>
    async (request) =>
      isOpen ? answer(request) : problemResponse(notReady())

  const handler = onceOpen(
    createRearApp(routes, {
      authorize,
      log,
      ...(config.rear?.maxBodyBytes === undefined ? {} : { maxBodyBytes: config.rear.maxBodyBytes }),
    }),
  )

  const onStream: StreamHandler = (stream) => {
    if (!isOpen) throw new StreamRefused(503, NOT_READY)
    if (registry.standing(stream.peer.id) !== 'accepted' && !contracts.isUser(stream.peer.id))
      throw new StreamRefused(403, 'this node does not deal with you')
    if (networkManager.takesStream(stream.path)) return networkManager.onStream(stream)
    if (!fabric.onStream(stream)) throw new StreamRefused(404, 'no such stream')
    return undefined
  }

  const listenPlain = async (listen: string): Promise<Listener> => {
    const open = routes.filter(({ operationId }) => PLAIN_OPERATIONS.has(operationId.split('.')[0]!))
    const handlePlain = onceOpen(createRearApp(open, { authorize: () => undefined, log }))
    const opened = await createPlainListener({ ...parseListen(listen), handler: handlePlain, system, log })
    log.warn(
      { address: opened.address },
      'PLAIN HTTP IS ON: anybody who reaches this address may list and reserve',
    )
    return opened
  }

  return {
    gate: {
      async start() {
        isOpen = true
      },
      async stop() {
        isOpen = false
      },
    },
    handler,
    onStream,
    get address() {
      return listener?.address
    },
    get plainAddress() {
      return plain?.address
    },
    async start() {
      const { listen = DEFAULT_LISTEN, plainListen } = config.rear ?? {}
      listener ??= await transport.listen({ ...parseListen(listen), handler, onStream })
      if (plainListen !== undefined) plain ??= await listenPlain(plainListen)
    },
    async stop() {
      await Promise.all([listener?.close(), plain?.close()])
      listener = undefined
      plain = undefined
    },
  }
}

function notReady(): Problem {
  return new Problem('unavailable', NOT_READY, { headers: { 'retry-after': '1' } })
}

/** The route that describes all routes. */
export function openApiRoute(routes: () => readonly Route[]): Route {
  return {
    method: 'GET',
    path: '/api/v2/openapi.json',
    operationId: 'getOpenApi',
    summary: 'This document',
    access: 'anyone',
    responses: { 200: { description: 'An OpenAPI 3.1 document.' } },
    handle: async () => ({ status: 200, body: openApiDocument(routes(), VERSION) }),
  }
}
