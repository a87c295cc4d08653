/**
 * Where other nodes reach this one: the REAR listener and, where it is configured, one without TLS for upstream nodes.
 *
 * It listens before the tables are loaded, because the address is part of what they hold; until the gate
 * (`rear-gate.ts`) opens it, and again after that closed it, it answers 503 and says when to come back.
 */
import type { EffectiveConfig } from '../config/index.ts'
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { System } from '../kernel/system.ts'
import type { HostPort } from '../objects/host-port.ts'
import { Problem, problemResponse } from '../rear/problem.ts'
import {
  createPlainListener,
  FairTurns,
  StreamRefused,
  type Listener,
  type RearHandler,
  type RearRequest,
  type StreamHandler,
  type Transport,
} from '../rear/transport/index.ts'

export interface RearServerOptions {
  readonly config: Pick<EffectiveConfig, 'rear'>
  readonly transport: Transport
  readonly system: System
  readonly log: Log
}

type AdmittingHandler = RearHandler & Required<Pick<RearHandler, 'admit' | 'isStranger'>>

/** Who answers what comes in. */
export interface RearService {
  readonly handler: AdmittingHandler
  readonly onStream: StreamHandler
  /** Of the listener without TLS. */
  readonly plainHandler: AdmittingHandler
}

const NOT_READY = 'this node is starting or stopping'

export class RearServer implements Component {
  readonly #options: RearServerOptions
  #listener: Listener | undefined
  #plain: Listener | undefined
  #service: RearService | undefined
  #whyClosed: () => string | undefined = () => undefined

  constructor(options: RearServerOptions) {
    this.#options = options
  }

  /** host:port; undefined while it does not listen. */
  get address(): string | undefined {
    return this.#listener?.address
  }

  /** host:port of the listener without TLS; undefined where there is none. */
  get plainAddress(): string | undefined {
    return this.#plain?.address
  }

  /** From now on callers are answered, by this. */
  open(service: RearService): void {
    this.#service = service
  }

  /** From now on they are told to come back. */
  close(): void {
    this.#service = undefined
  }

  /** @param why what they are told besides; the usual when it is undefined */
  whenClosed(why: () => string | undefined): void {
    this.#whyClosed = why
  }

  readonly handler: RearHandler = this.#handlerOf(({ handler }) => handler)

  readonly onStream: StreamHandler = (stream) => {
    if (this.#service === undefined) throw new StreamRefused(503, this.#reason())
    return this.#service.onStream(stream)
  }

  async start(): Promise<void> {
    const { config, transport } = this.#options
    const { listen, plainListen } = config.rear
    const { handler, onStream } = this
    const turns = new FairTurns(this.#options.system.clock)
    this.#listener ??= await transport.listen({ ...listen, handler, onStream, turns })
    if (plainListen !== undefined) this.#plain ??= await this.#listenPlain(plainListen, turns)
  }

  async stop(): Promise<void> {
    await Promise.all([this.#listener?.close(), this.#plain?.close()])
    this.#listener = undefined
    this.#plain = undefined
  }

  async #listenPlain(listen: HostPort, turns: FairTurns): Promise<Listener> {
    const { system, log } = this.#options
    const handler = this.#handlerOf(({ plainHandler }) => plainHandler)
    const opened = await createPlainListener({ ...listen, handler, system, log, turns })
    log.warn(
      { address: opened.address },
      'PLAIN HTTP IS ON: anybody who reaches this address may list and reserve',
    )
    return opened
  }

  #handlerOf(which: (service: RearService) => AdmittingHandler): RearHandler {
    const handle = async (request: RearRequest) =>
      this.#service === undefined ? this.#notReady() : which(this.#service)(request)
    const admit: NonNullable<RearHandler['admit']> = (head) =>
      this.#service === undefined ? { refusal: this.#notReady() } : which(this.#service).admit(head)
    const isStranger: NonNullable<RearHandler['isStranger']> = (peer) =>
      this.#service === undefined || which(this.#service).isStranger(peer)
    return Object.assign(handle, { admit, isStranger })
  }

  #reason(): string {
    return this.#whyClosed() ?? NOT_READY
  }

  #notReady(): ReturnType<typeof problemResponse> {
    return problemResponse(new Problem('unavailable', this.#reason(), { headers: { 'retry-after': '1' } }))
  }
}
