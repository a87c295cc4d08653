/** Tries the ports of pods, for their probes: over whatever way they are reached. */
import { connect } from 'node:net'
import { Agent, request } from 'undici'
import type { Reach } from '../../reach.ts'
import type { ProbeTarget } from '../runner.ts'

/** For a server that does not close its side. */
const LINGER_MS = 1_000
const MOST_BODY_BYTES = 65_536

export class Prober {
  /** One for each Unix socket in use would pile up: those are made for one request. */
  #agent: Agent | undefined

  /** @returns undefined when the target answers as it should, else what is wrong */
  async probe(
    target: ProbeTarget,
    reach: Reach | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (reach === undefined) return `port ${target.port} is not declared`
    return target.kind === 'tcp' ? probeTcp(reach, signal) : this.#http(target, reach, signal)
  }

  async stop(): Promise<void> {
    await this.#agent?.destroy()
    this.#agent = undefined
  }

  async #http(
    { scheme, port, path, headers }: Extract<ProbeTarget, { kind: 'http' }>,
    reach: Reach,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const overSocket = 'path' in reach
    const url = `${scheme}://${overSocket ? 'localhost' : reach.host}:${overSocket ? port : reach.port}${path}`
    const dispatcher = overSocket ? agentFor(reach.path) : (this.#agent ??= agentFor(undefined))
    try {
      const { statusCode, body } = await request(url, { method: 'GET', headers, dispatcher, signal })
      await body.dump({ limit: MOST_BODY_BYTES, signal })
      return statusCode >= 200 && statusCode < 400
        ? undefined
        : `HTTP probe failed with statuscode: ${statusCode}`
    } catch (error) {
      return (error as Error).message
    } finally {
      if (overSocket) await dispatcher.destroy()
    }
  }
}

function agentFor(socketPath: string | undefined): Agent {
  const connect = { rejectUnauthorized: false, ...(socketPath !== undefined && { socketPath }) }
  return new Agent({ keepAliveTimeout: 1, connect })
}

function probeTcp(reach: Reach, signal: AbortSignal): Promise<string | undefined> {
  const where = 'path' in reach ? reach.path : `${reach.host}:${reach.port}`
  return new Promise((resolve) => {
    const socket = connect('path' in reach ? { path: reach.path } : reach)
    const onAbort = (): void => {
      socket.destroy()
      resolve(`${where} does not answer in time`)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort)
      // Says goodbye and reads what comes: a reset would end servers that do not expect one.
      socket.resume().unref().end()
      socket.setTimeout(LINGER_MS, () => socket.destroy())
      resolve(undefined)
    })
    socket.on('error', (error) => {
      signal.removeEventListener('abort', onAbort)
      resolve(error.message)
    })
  })
}
