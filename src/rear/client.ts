/**
 * The REAR client: asks another node, reads what it answers.
 *
 * One call is one exchange with a deadline of its own, repeated within it only where the other node says that it has
 * not begun and when to come back. All other repeating, choosing and believing is for the callers.
 */
import type { Log } from '../kernel/log.ts'
import { deadline, sleep, type System } from '../kernel/system.ts'
import { parseNodeId, type NodeId } from '../objects/ids.ts'
import type { RouteMethod } from './route.ts'
import { Problem, PROBLEMS, readProblem, type ProblemCode } from './problem.ts'
import { TransportError, type Transport, type TransportTarget } from './transport/index.ts'

export interface RearCall {
  readonly method: RouteMethod
  /** With the query. */
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds until the call is given up. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface RearAnswer {
  readonly status: number
  /** Decoded JSON; undefined when there was no body. */
  readonly body: unknown
  /** Who answered, proved. */
  readonly peer: NodeId
  readonly headers: Readonly<Record<string, string>>
}

/** An upstream node takes ten seconds for a purchase; we wait for it. */
export const DEFAULT_TIMEOUT_MS = 30_000

/** Which addresses are called because somebody else named them. */
export interface HearsayPolicy {
  mayDial(address: string, isVouchedFor: boolean): boolean
  /** Whether names have to be looked at again when they are resolved. */
  readonly guarded: boolean
}

export class RearClient {
  readonly #transport: Transport
  readonly #system: System
  readonly #log: Log
  readonly #addressOf: (nodeID: string) => string | undefined
  readonly #hearsay: HearsayPolicy | undefined

  /**
   * @param options.addressOf where a node is now, if that is better known than what messages say of it
   * @param options.hearsay which of the addresses that messages say are called; all unless given
   */
  constructor(options: {
    readonly transport: Transport
    readonly system: System
    readonly log: Log
    readonly addressOf?: (nodeID: string) => string | undefined
    readonly hearsay?: HearsayPolicy
  }) {
    this.#hearsay = options.hearsay
    this.#addressOf = options.addressOf ?? (() => undefined)
    this.#transport = options.transport
    this.#system = options.system
    this.#log = options.log.child({ part: 'rear-client' })
  }

  /**
   * Calls a node that is named in an offer or contract. Those say under which address it advertised itself;
   * a peer that we know is called where we met it.
   * @throws as `call`; TransportError `unreachable` when the address is not one that is called on somebody's word
   */
  async callNode(
    node: { readonly nodeID: string; readonly ip: string },
    call: RearCall,
  ): Promise<RearAnswer> {
    const id = parseNodeId(node.nodeID)
    const address = this.#addressOf(node.nodeID)
    if (address !== undefined) return this.call({ address, id }, call)
    if (this.#hearsay?.mayDial(node.ip, true) === false)
      throw new TransportError(
        'unreachable',
        `${node.ip.slice(0, 200)} is an address of this machine or its link: it is not called because a message says so`,
      )
    return this.call({ address: node.ip, id, isHearsay: this.#hearsay?.guarded ?? false }, call)
  }

  /**
   * @throws TransportError when the node cannot be reached or does not answer in time
   * @throws Problem when it refuses: its own code where it sent one, else `upstream-failed`
   */
  async call(target: TransportTarget, call: RearCall): Promise<RearAnswer> {
    const timeoutMs = call.timeoutMs ?? DEFAULT_TIMEOUT_MS
    const end = this.#system.clock.monotonic() + timeoutMs
    const limit = deadline(this.#system.clock, timeoutMs, call.signal)
    try {
      for (;;) {
        const response = await this.#exchange(target, call, limit.signal)
        if (response.status < 400) {
          return {
            status: response.status,
            body: response.body.length === 0 ? undefined : parse(response.body),
            peer: response.peer,
            headers: response.headers,
          }
        }
        const problem = refusal(response)
        const pauseMs = problem.code === 'unavailable' ? retryAfterMs(response.headers) : undefined
        if (pauseMs === undefined || this.#system.clock.monotonic() + pauseMs >= end) throw problem
        await sleep(this.#system.clock, pauseMs, limit.signal)
      }
    } catch (error) {
      this.#log.debug(
        { err: error, address: target.address, method: call.method, path: call.path },
        'call failed',
      )
      throw error
    } finally {
      limit.done()
    }
  }

  #exchange(target: TransportTarget, call: RearCall, signal: AbortSignal): ReturnType<Transport['request']> {
    return this.#transport.request(target, {
      method: call.method,
      path: call.path,
      headers: {
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal,
    })
  }
}

/** @returns milliseconds, when the other node says when to come back, and means soon */
function retryAfterMs(headers: Readonly<Record<string, string>>): number | undefined {
  const seconds = headers['retry-after']
  return seconds !== undefined && /^[0-9]$/.test(seconds) ? Math.max(200, Number(seconds) * 1000) : undefined
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new Problem('upstream-failed', 'the other node did not answer with JSON', { cause })
  }
}

function refusal(response: { readonly status: number; readonly body: Buffer }): Problem {
  const received = readProblem(response)
  const code: ProblemCode =
    received.code ??
    (response.status === 404 ? 'not-found' : response.status === 409 ? 'conflict' : 'upstream-failed')
  return new Problem(code, received.detail || PROBLEMS[code].title, { extensions: received.document })
}
