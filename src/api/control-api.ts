/**
 * The control API: serves an ObjectStore as a Kubernetes-style REST API, so that `kubectl`, the CLI and the
 * dashboard are plain clients of it.
 *
 * Nothing of it is for strangers. It listens on a Unix socket in the node's directory, where the file system says who
 * may open it, and, for other clients, on HTTPS, where a token says who asks (`access/`).
 */
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import type { System } from '../kernel/system.ts'
import { Turns } from '../kernel/turns.ts'
import type { KindDefinition } from '../objects/kind.ts'
import type { AccessTokens } from './access/access-tokens.ts'
import { tokenRoutes } from './access/token-routes.ts'
import { createApp } from './app.ts'
import type { Admit, ApiContext, PodLogs } from './context.ts'
import type { ExtraRoute } from './extra-route.ts'
import { listenOnSocket, socketServer } from './listen/control-socket.ts'
import { listenSecurely } from './listen/secure-server.ts'
import { createResources } from './resources.ts'

export interface ControlApiOptions {
  readonly store: ObjectStore
  readonly kinds: readonly KindDefinition[]
  readonly system: System
  readonly log: Log
  /** Path of the socket; where it is too long for one, the socket is elsewhere: see `address`. */
  readonly socket: string
  /** The user's own directory for sockets, if there is one (`$XDG_RUNTIME_DIR`). */
  readonly runtimeDirectory?: string | undefined
  /** HTTPS with tokens; only the socket unless given. */
  readonly secure?: SecureOptions
  /** Of the program. */
  readonly version: string
  readonly extra?: readonly ExtraRoute[]
  readonly admit?: Admit
  readonly podLogs?: PodLogs
  /** 1 MiB unless given. */
  readonly maxBodyBytes?: number
  /** Names under which clients reach this API, besides loopback ones and the address it listens on. */
  readonly allowedHosts?: readonly string[]
}

export interface SecureOptions {
  /** Port 0: any. */
  readonly listen: { readonly host: string; readonly port: number }
  readonly tokens: AccessTokens
  /** Of the node; the certificates are in `control/` there. */
  readonly directory: string
  readonly nodeName: string
}

/** Where the API listens. */
export interface ControlAddress {
  /** Path of the socket. */
  readonly socket: string
  readonly secure: SecureAddress | undefined
}

export interface SecureAddress {
  readonly host: string
  readonly port: number
  /** `https://…` */
  readonly url: string
  /** Whom clients are to trust, PEM. */
  readonly authority: string
}

const DEFAULT_MAX_BODY_BYTES = 1024 * 1024

export class ControlApi implements Component {
  readonly #options: ControlApiOptions
  #running: Promise<Running> | undefined
  #address: ControlAddress | undefined

  constructor(options: ControlApiOptions) {
    this.#options = options
  }

  /** @throws Error before it has started */
  get address(): ControlAddress {
    if (!this.#address) throw new Error('the control API does not listen')
    return this.#address
  }

  /** undefined before it has started */
  get listening(): ControlAddress | undefined {
    return this.#address
  }

  async start(): Promise<void> {
    this.#running ??= start(this.#options)
    try {
      this.#address = (await this.#running).address
    } catch (error) {
      this.#running = undefined
      throw error
    }
  }

  async stop(): Promise<void> {
    const stopping = this.#running
    this.#running = undefined
    this.#address = undefined
    await (await stopping?.catch(() => undefined))?.stop()
  }
}

interface Running {
  readonly address: ControlAddress
  stop(): Promise<void>
}

async function start(options: ControlApiOptions): Promise<Running> {
  const { store, system, log, secure, admit, podLogs, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options
  const resources = createResources(options.kinds, { podLogs: podLogs !== undefined })
  const turns = new Turns(system.clock)
  const context: ApiContext = { store, resources, system, log, admit, podLogs, turns, maxBodyBytes }
  const stopping = new AbortController()
  let secureAddress: SecureAddress | undefined
  const allowedHosts = [
    ...(secure === undefined ? [] : [secure.listen.host]),
    ...(options.allowedHosts ?? []),
  ]
  const app = await createApp({
    context,
    extra: [
      ...(options.extra ?? []),
      ...(secure === undefined ? [] : tokenRoutes(secure.tokens, () => secureAddress)),
    ],
    version: options.version,
    lookUp: async (token) => secure?.tokens.authenticate(token),
    allowedHosts,
    stopping: stopping.signal,
  })
  /** In reverse order. */
  const closers: (() => Promise<void>)[] = [() => app.close()]
  const stop = async (): Promise<void> => {
    stopping.abort()
    for (const close of closers.toReversed()) await close()
  }
  try {
    const local = socketServer((request, response) => app.handle(request, response, true))
    const socket = await listenOnSocket(local, options.socket, options.runtimeDirectory)
    closers.push(socket.close)
    if (secure !== undefined) {
      await secure.tokens.start()
      closers.push(() => secure.tokens.stop())
      const server = await listenSecurely({
        ...secure,
        names: allowedHosts,
        system,
        log,
        handle: (request, response) => app.handle(request, response, false),
      })
      closers.push(server.close)
      secureAddress = server.address
    }
    log.info({ socket: socket.path, url: secureAddress?.url }, 'the control API listens')
    return { address: { socket: socket.path, secure: secureAddress }, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
