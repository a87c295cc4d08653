/**
 * A network in one process: the Transport port over function calls, with the faults of a real one, from a seed.
 *
 * Authentication is by construction: a transport is made for an identity, and that is who its peers see. Every
 * delay is on the given clock. A lost message is one that never arrives, as far as its sender can tell: the
 * caller waits until its signal ends the wait.
 */
import type { Duplex } from 'node:stream'
import type { NodeId } from '../../src/objects/ids.ts'
import type { Log } from '../../src/kernel/log.ts'
import { sleep, type System } from '../../src/kernel/system.ts'
import {
  abortedBy,
  bodyBytes,
  DEFAULT_LIMITS,
  StreamRefused,
  TransportError,
  type Listener,
  type ListenOptions,
  type OutgoingRequest,
  type ReceivedResponse,
  type Transport,
  type TransportTarget,
} from '../../src/rear/transport/index.ts'
import { SimulatedPipeEnd } from './simulated-pipe.ts'
import { randomFrom } from './simulated-system.ts'

/** What a link does to each message on it. */
export interface LinkFaults {
  /** Milliseconds one way. */
  readonly latencyMs: number
  /** Up to so many milliseconds more, at random. */
  readonly jitterMs: number
  /** 0 to 1: how likely a request or an answer is lost. */
  readonly loss: number
  /** 0 to 1: how likely a request arrives twice. */
  readonly duplication: number
}

/** A message on its way: a request, or the answer to one. */
export interface SimulatedMessage {
  readonly direction: 'request' | 'answer'
  /** Addresses; the answer's sender is `from`, too. */
  readonly from: string
  readonly to: string
  readonly method: string
  readonly path: string
  readonly body: Buffer
}

/** What becomes of a message: it passes, is lost, or arrives with another body. */
export type Interception = undefined | 'lost' | { readonly body: string | Buffer; readonly status?: number }

export interface SimulatedNetwork {
  /**
   * @param address host:port where the node listens and comes from; at most one live transport per address
   */
  transport(identity: { readonly id: NodeId }, address: string): Transport
  /** Changes the faults between two nodes, or of all links that were not changed one by one. */
  setFaults(faults: Partial<LinkFaults>, link?: readonly [string, string]): void
  /** Has somebody in the middle decide about each request and answer; undefined for nobody. Streams are not asked about. */
  intercept(interceptor: ((message: SimulatedMessage) => Interception) | undefined): void
  /** Nothing passes between two nodes; open streams between them break. */
  partition(a: string, b: string): void
  heal(a: string, b: string): void
  /**
   * Whoever calls `address` reaches what `backend` says at that moment, as behind a load balancer that asks who is
   * ready; nobody when it says undefined. Only links between the addresses of those behind it have faults.
   */
  balance(address: string, backend: () => string | undefined): void
  /** As if the process had been killed: everything open breaks, calls to it are refused, calls from it go nowhere. */
  kill(address: string): void
  /** Whatever was killed may be started again: make a new transport for the address. */
  readonly stats: { readonly requests: number; readonly lost: number; readonly duplicated: number }
}

const NO_FAULTS: LinkFaults = { latencyMs: 0, jitterMs: 0, loss: 0, duplication: 0 }

interface Host {
  readonly id: NodeId
  readonly address: string
  listening: ListenOptions | undefined
  dead: boolean
  /** Breaks what is open, on death. */
  readonly onDeath: Set<() => void>
  readonly pipes: Set<{ readonly between: string; readonly end: SimulatedPipeEnd }>
}

export function createSimulatedNetwork(options: {
  readonly system: System
  readonly seed: number
  readonly log: Log
}): SimulatedNetwork {
  const { clock } = options.system
  const random = randomFrom(options.seed)
  const chance = (): number => Buffer.from(random.bytes(4)).readUInt32LE() / 2 ** 32
  const hosts = new Map<string, Host>()
  const links = new Map<string, LinkFaults>()
  const partitions = new Set<string>()
  const balanced = new Map<string, () => string | undefined>()
  const stats = { requests: 0, lost: 0, duplicated: 0 }
  let defaults = NO_FAULTS
  let interceptor: ((message: SimulatedMessage) => Interception) | undefined

  const faultsBetween = (a: string, b: string): LinkFaults => links.get(linkOf(a, b)) ?? defaults
  const isLost = (a: string, b: string): boolean => {
    const { loss } = faultsBetween(a, b)
    const lost = partitions.has(linkOf(a, b)) || (loss > 0 && chance() < loss)
    if (lost) stats.lost++
    return lost
  }
  const travel = async (a: string, b: string, signal: AbortSignal): Promise<void> => {
    const { latencyMs, jitterMs } = faultsBetween(a, b)
    const delay = latencyMs + (jitterMs > 0 ? chance() * jitterMs : 0)
    if (delay > 0) await sleep(clock, delay, signal)
    else await Promise.resolve()
  }

  /** Finds who answers at the target, the way that connecting does. */
  const reach = async (from: Host, target: TransportTarget, signal: AbortSignal): Promise<Host> => {
    const behind = balanced.get(target.address)
    const address = behind === undefined ? target.address : (behind() ?? target.address)
    if (partitions.has(linkOf(from.address, address))) {
      await sleep(clock, DEFAULT_LIMITS.connectTimeoutMs, signal)
      throw new TransportError('timeout', `${address} does not answer`)
    }
    const host = hosts.get(address)
    if (!host?.listening || host.dead) throw new TransportError('unreachable', `nobody listens at ${address}`)
    if (target.id !== undefined && target.id !== host.id) {
      throw new TransportError('wrong-peer', `${address} is ${host.id}, not ${target.id}`)
    }
    return host
  }

  const exchange = async (
    from: Host,
    target: TransportTarget,
    sent: OutgoingRequest,
    signal: AbortSignal,
  ): Promise<ReceivedResponse> => {
    stats.requests++
    await travel(from.address, target.address, signal)
    const to = await reach(from, target, signal)
    if (isLost(from.address, to.address)) await never(signal)
    const { method, path } = sent
    const met = interceptor?.({
      ...{ direction: 'request', from: from.address, to: to.address, method, path },
      body: Buffer.from(sent.body ?? ''),
    })
    if (met === 'lost') await never(signal)
    const request = typeof met === 'object' ? { ...sent, body: met.body } : sent
    const { duplication } = faultsBetween(from.address, to.address)
    if (duplication > 0 && chance() < duplication) {
      stats.duplicated++
      // The twin takes its own time; its answer goes nowhere.
      void travel(from.address, to.address, signal)
        .then(() => serve(from, to, request, signal))
        .catch(() => undefined)
    }
    const died = onDeath(to)
    try {
      const served = await Promise.race([serve(from, to, request, signal), died.promise])
      if (isLost(to.address, from.address)) await never(signal)
      const back = interceptor?.({
        ...{ direction: 'answer', from: to.address, to: from.address, method, path },
        body: served.body,
      })
      if (back === 'lost') await never(signal)
      const response =
        typeof back === 'object'
          ? { ...served, status: back.status ?? served.status, body: Buffer.from(back.body) }
          : served
      await travel(to.address, from.address, signal)
      return response
    } finally {
      died.done()
    }
  }

  const serve = async (
    from: Host,
    to: Host,
    request: OutgoingRequest,
    signal: AbortSignal,
  ): Promise<ReceivedResponse> => {
    const listening = to.listening
    if (!listening || to.dead) throw new TransportError('unreachable', `${to.address} closed the connection`)
    const body = request.body === undefined ? undefined : Buffer.from(request.body)
    if (body && body.length > DEFAULT_LIMITS.maxRequestBytes)
      return { ...problemOf(413, 'too-large'), peer: to.id }
    try {
      const response = await listening.handler({
        method: request.method,
        path: request.path,
        headers: lowerCase(request.headers),
        body: body?.length === 0 ? undefined : body,
        peer: { id: from.id, address: from.address },
        signal,
      })
      return {
        status: response.status,
        headers: lowerCase(response.headers),
        body: bodyBytes(response.body),
        peer: to.id,
      }
    } catch (error) {
      options.log.error({ err: error, path: request.path }, 'request handler failed')
      return { ...problemOf(500, 'internal'), peer: to.id }
    }
  }

  const openPipe = async (
    from: Host,
    target: TransportTarget,
    stream: Parameters<Transport['openStream']>[1],
    signal: AbortSignal,
  ): Promise<Duplex> => {
    await travel(from.address, target.address, signal)
    const to = await reach(from, target, signal)
    const between = linkOf(from.address, to.address)
    // TCP repeats what is lost: on a stream, loss is only delay, and is left out.
    const latencyMs = (): number => faultsBetween(from.address, to.address).latencyMs
    let accept!: () => void
    const accepted = new Promise<void>((resolve) => (accept = resolve))
    const near = new SimulatedPipeEnd({ clock, latencyMs })
    const far = new SimulatedPipeEnd({ clock, latencyMs, onFirstUse: () => accept() })
    SimulatedPipeEnd.join(near, far)
    for (const [host, end] of [
      [from, near],
      [to, far],
    ] as const) {
      const pipe = { between, end }
      host.pipes.add(pipe)
      end.once('close', () => host.pipes.delete(pipe))
    }
    let open = false
    const handled = (async () => {
      try {
        await to.listening!.onStream({
          path: stream.path,
          headers: lowerCase(stream.headers),
          peer: { id: from.id, address: from.address },
          duplex: far,
        })
      } catch (error) {
        if (open) {
          far.destroy(error as Error)
          return
        }
        if (error instanceof StreamRefused) throw error
        options.log.error({ err: error }, 'stream handler failed')
        throw new StreamRefused(500, 'the node failed to take the stream', { cause: error })
      }
    })()
    const died = onDeath(to)
    try {
      await Promise.race([accepted.then(() => (open = true)), handled, died.promise, aborts(signal)])
      await travel(to.address, from.address, signal)
      handled.catch(() => undefined)
      return near
    } catch (error) {
      near.destroy()
      throw error
    } finally {
      died.done()
    }
  }

  /** Runs what a host does on the network: ends with the caller's signal, with the host, with its transport. */
  const asHost = async <T>(
    host: Host,
    closed: AbortSignal,
    address: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    if (signal.aborted) throw abortedBy(signal, address)
    if (closed.aborted) throw new TransportError('aborted', 'the transport is closed')
    if (host.dead) throw new TransportError('unreachable', `${host.address} is dead`)
    const ended = AbortSignal.any([signal, closed])
    const died = onDeath(host)
    try {
      return await Promise.race([work(ended), died.promise, aborts(ended)])
    } catch (error) {
      if (signal.aborted) throw abortedBy(signal, address)
      if (closed.aborted) throw new TransportError('aborted', 'the transport is closed')
      throw error
    } finally {
      died.done()
    }
  }

  return {
    stats,
    transport(identity, address) {
      const before = hosts.get(address)
      if (before && !before.dead) throw new Error(`${address} is taken`)
      const host: Host = {
        id: identity.id,
        address,
        listening: undefined,
        dead: false,
        onDeath: new Set(),
        pipes: new Set(),
      }
      hosts.set(address, host)
      const closing = new AbortController()
      const unlisten = (): void => {
        host.listening = undefined
        for (const { end } of host.pipes) end.cut()
      }
      return {
        listen(listenOptions): Promise<Listener> {
          if (host.listening) {
            return Promise.reject(new TransportError('unreachable', `cannot listen on ${address} twice`))
          }
          host.listening = listenOptions
          return Promise.resolve({
            address,
            close: () => {
              if (host.listening === listenOptions) unlisten()
              return Promise.resolve()
            },
          })
        },
        request: (target, request) =>
          asHost(host, closing.signal, target.address, request.signal, (signal) =>
            exchange(host, target, request, signal),
          ),
        openStream: (target, stream) =>
          asHost(host, closing.signal, target.address, stream.signal, (signal) =>
            openPipe(host, target, stream, signal),
          ),
        close() {
          if (!closing.signal.aborted) {
            closing.abort()
            unlisten()
            if (hosts.get(address) === host) hosts.delete(address)
          }
          return Promise.resolve()
        },
      }
    },
    setFaults(faults, link) {
      if (!link) defaults = { ...defaults, ...faults }
      else links.set(linkOf(...link), { ...faultsBetween(...link), ...faults })
    },
    intercept(next) {
      interceptor = next
    },
    partition(a, b) {
      const link = linkOf(a, b)
      partitions.add(link)
      for (const address of [a, b]) {
        for (const { between, end } of hosts.get(address)?.pipes ?? []) if (between === link) end.cut()
      }
    },
    heal: (a, b) => void partitions.delete(linkOf(a, b)),
    balance: (address, backend) => void balanced.set(address, backend),
    kill(address) {
      const host = hosts.get(address)
      if (!host || host.dead) return
      host.dead = true
      host.listening = undefined
      for (const { end } of host.pipes) end.cut()
      for (const die of [...host.onDeath]) die()
    },
  }

  function onDeath(host: Host): { readonly promise: Promise<never>; done(): void } {
    let die!: () => void
    const promise = new Promise<never>((_resolve, reject) => {
      die = () => reject(new TransportError('unreachable', `the connection with ${host.address} was lost`))
    })
    promise.catch(() => undefined)
    host.onDeath.add(die)
    return { promise, done: () => void host.onDeath.delete(die) }
  }
}

function linkOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

/** What a caller sees of a message that was lost: nothing, until it gives up. */
function never(signal: AbortSignal): Promise<never> {
  return aborts(signal)
}

function aborts(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error)
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

function lowerCase(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function problemOf(status: number, code: string): Omit<ReceivedResponse, 'peer'> {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: Buffer.from(JSON.stringify({ type: 'about:blank', status, code })),
  }
}
