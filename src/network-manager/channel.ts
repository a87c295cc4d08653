/**
 * The channel of a contract: JSON in and out, refusals as `Problem`, a deadline for every call.
 */
import type { Channel } from '../kernel/channel.ts'
import { type Clock, deadline } from '../kernel/system.ts'
import { Problem, type ProblemCode, readProblem } from '../rear/problem.ts'
import { StreamRefused, TransportError } from '../rear/transport/index.ts'
import type { Carrier } from './carrier.ts'

export interface ChannelOptions {
  readonly clock: Clock
  /** For requests, and for opening streams, in milliseconds. */
  readonly timeoutMs: number
}

/** @param carrier asked for each call: the way may change while the channel is kept */
export function createChannel(carrier: () => Carrier, options: ChannelOptions): Channel {
  const { clock, timeoutMs } = options
  return {
    async request({ method, path, body, headers, signal }) {
      const limit = deadline(clock, timeoutMs, signal)
      try {
        const response = await carrier().request({
          method,
          path,
          headers: {
            accept: 'application/json, application/problem+json',
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          signal: limit.signal,
        })
        const { status } = response
        if (status >= 400) {
          const { code, detail, document } = readProblem(response)
          throw new Problem(code ?? codeFor(status), detail, { extensions: document })
        }
        return { status, body: decode(response.body, path) }
      } finally {
        limit.done()
      }
    },
    async openStream(path, signal) {
      const limit = deadline(clock, timeoutMs, signal)
      try {
        return await carrier().openStream({ path, signal: limit.signal })
      } catch (error) {
        if (error instanceof StreamRefused)
          throw new Problem(codeFor(error.status), error.message, { cause: error })
        throw error
      } finally {
        limit.done()
      }
    },
  }
}

function decode(body: Buffer, path: string): unknown {
  if (body.length === 0) return undefined
  try {
    return JSON.parse(body.toString())
  } catch (cause) {
    throw new TransportError('protocol', `the answer to ${path} is not JSON`, { cause })
  }
}

const CODES: Readonly<Record<number, ProblemCode>> = {
  401: 'not-authenticated',
  403: 'not-a-party',
  404: 'not-found',
  409: 'conflict',
  410: 'contract-closed',
  413: 'body-too-large',
  429: 'too-many-requests',
  501: 'not-supported',
  502: 'upstream-failed',
  503: 'unavailable',
  504: 'timeout',
}

/** The code that comes nearest to a bare status. */
function codeFor(status: number): ProblemCode {
  return CODES[status] ?? (status < 500 ? 'bad-request' : 'internal-error')
}
