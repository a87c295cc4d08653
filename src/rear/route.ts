/**
 * Routes, and the application that serves them: finds the route, asks whether the caller may, reads the
 * body, calls the handler, and turns whatever goes wrong into a problem document.
 *
 * Knows nothing of what the routes do. A caller that may not is refused before its body is looked at.
 */
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import type { Log } from '../kernel/log.ts'
import type { RearHandler, RearRequest, RearResponse, RequestHead, TransportPeer } from './transport/index.ts'
import { Problem, problemResponse } from './problem.ts'
import { decodeAs } from './wire/codec.ts'
import { parseJson } from './wire/json.ts'
import { SelectorError } from './wire/selector.ts'
import { WireError } from './wire/wire-error.ts'

/**
 * Who may call a route: anybody, who is known or vouched for, who was accepted, or a party to what the path
 * names. That a caller is a party only the handler can tell; until then `party` is checked as `accepted`.
 */
export type RouteAccess = 'anyone' | 'known' | 'accepted' | 'party'

export type RouteMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What a handler gets. */
export interface RouteCall {
  /** The parts of the path, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** What stands behind the `?`, undecoded; empty when there is none. */
  readonly rawQuery: string
  /** The decoded and validated body; undefined when the route takes none. */
  readonly body: unknown
  readonly peer: TransportPeer | undefined
  /** The address that the request comes from, without a port; undefined where it is not known. */
  readonly from: string | undefined
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** What a handler answers. */
export interface RouteReply {
  readonly status: number
  /** Sent as JSON. */
  readonly body?: unknown
  /** In place of `body`: JSON that was encoded before, in parts that belong one behind the other. */
  readonly encoded?: readonly Buffer[]
  readonly headers?: Readonly<Record<string, string>>
}

export interface RouteResponse {
  readonly description: string
  readonly schema?: TSchema
  /** By name, for the OpenAPI document. */
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: TSchema }>>
}

/** One operation of the protocol. */
export interface Route {
  readonly method: RouteMethod
  /** With parameters in braces: `/api/v2/transactions/{transactionID}/purchase`. */
  readonly path: string
  /** Unique; names the operation in the OpenAPI document. */
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly access: RouteAccess
  /** Query parameters, for the OpenAPI document. */
  readonly query?: readonly {
    readonly name: string
    readonly description: string
    readonly schema?: TSchema
  }[]
  /** The body. Read as messages are: names in any case, aliases, defaults. */
  readonly request?: TSchema
  /** How large a body may be, in bytes; `DEFAULT_MESSAGE_BYTES` unless given. */
  readonly maxBodyBytes?: number
  /** Whether no body is as good as `{}`. */
  readonly bodyOptional?: boolean
  readonly responses: Readonly<Record<number, RouteResponse>>
  handle(call: RouteCall): Promise<RouteReply>
}

export interface RearAppOptions {
  /** @returns why the peer may not, or undefined when it may. */
  readonly authorize: (
    peer: TransportPeer | undefined,
    access: RouteAccess,
    route: Route,
  ) => Problem | undefined
  /** Whether nobody vouches for the caller: it gets less than others. Nobody is one unless given. */
  readonly isStranger?: (peer: TransportPeer | undefined) => boolean
  readonly log: Log
  /** Larger bodies are refused. */
  readonly maxBodyBytes?: number
}

/** What a body may have, in bytes, where neither the configuration nor the route says less. */
const DEFAULT_MAX_BODY_BYTES = 1024 * 1024

/** Most messages are of two kilobytes; what is stored of one is bounded by this, whatever member it is in. */
export const DEFAULT_MESSAGE_BYTES = 16 * 1024

/** @returns how large a body the route takes, in bytes */
export function bodyLimitOf({ request, maxBodyBytes = DEFAULT_MESSAGE_BYTES }: Route): number {
  return request === undefined ? 0 : maxBodyBytes
}

interface CompiledRoute {
  readonly route: Route
  readonly segments: readonly string[]
  readonly validator: Validator | undefined
}

/**
 * @returns what answers requests; it never rejects
 * @throws Error when two routes have the same method and path, or the same operation id
 */
export function createRearApp(
  routes: readonly Route[],
  options: RearAppOptions,
): RearHandler & Required<Pick<RearHandler, 'admit' | 'isStranger'>> {
  const compiled = routes.map(compileRoute).sort(literalsFirst)
  refuseDuplicates(compiled)
  const literals = new Map(
    compiled.flatMap((one) =>
      one.segments.some(isParameter) ? [] : [[`${one.route.method} ${one.route.path}`, one]],
    ),
  )
  const maxBodyBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES

  /** @throws Problem when there is no such route, or it is not for this caller */
  function authorized({ method, path: target, peer }: RequestHead) {
    const question = target.indexOf('?')
    const path = question < 0 ? target : target.slice(0, question)
    const rawQuery = question < 0 ? '' : target.slice(question + 1)
    const literal = literals.get(`${method} ${path}`)
    const { found, params } = literal ? { found: literal, params: NO_PARAMS } : find(compiled, method, path)
    const { route } = found
    const refusal = options.authorize(peer, route.access, route)
    if (refusal) throw refusal
    return { found, params, rawQuery, limit: Math.min(maxBodyBytes, bodyLimitOf(route)) }
  }

  async function answer(request: RearRequest): Promise<RearResponse> {
    const { found, params, rawQuery, limit } = authorized(request)
    const { route } = found
    const body = readBody(found, request, limit)
    const call = new Call(request, { params, rawQuery, body })
    return responseOf(await route.handle(call))
  }

  const handle = async (request: RearRequest): Promise<RearResponse> => {
    try {
      return await answer(request)
    } catch (error) {
      return problemResponse(problemOf(error, request, options.log))
    }
  }
  const isStranger = options.isStranger ?? (() => false)
  const admit: NonNullable<RearHandler['admit']> = (head) => {
    try {
      const { found, limit: most } = authorized(head)
      // Where none is expected it is not looked at.
      const limit = found.route.request === undefined ? DEFAULT_MESSAGE_BYTES : most
      const isUnknown = isStranger(head.peer)
      return {
        maxBodyBytes: limit,
        tooLarge: () => problemResponse(tooLarge(limit)),
        isStranger: isUnknown,
      }
    } catch (error) {
      if (error instanceof Problem) return { refusal: problemResponse(error) }
      throw error
    }
  }
  return Object.assign(handle, { admit, isStranger })
}

/** A class, because objects that are made with getters of their own are slow to make. */
class Call implements RouteCall {
  readonly params: RouteCall['params']
  readonly rawQuery: string
  readonly body: unknown
  readonly #request: RearRequest

  constructor(request: RearRequest, read: Pick<RouteCall, 'params' | 'rawQuery' | 'body'>) {
    this.#request = request
    this.params = read.params
    this.rawQuery = read.rawQuery
    this.body = read.body
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.rawQuery)
  }

  get peer(): TransportPeer | undefined {
    return this.#request.peer
  }

  get from(): string | undefined {
    return this.#request.from
  }

  get headers(): RouteCall['headers'] {
    return this.#request.headers
  }

  get signal(): AbortSignal {
    return this.#request.signal
  }
}

function compileRoute(route: Route): CompiledRoute {
  return {
    route,
    segments: route.path.split('/').slice(1),
    validator: route.request ? Compile(route.request) : undefined,
  }
}

const NO_PARAMS: Readonly<Record<string, string>> = {}

const isParameter = (segment: string): boolean => segment.startsWith('{') && segment.endsWith('}')

/** `/flavors/k8slice` before `/flavors/{flavorID}`. */
function literalsFirst(a: CompiledRoute, b: CompiledRoute): number {
  const count = ({ segments }: CompiledRoute): number => segments.filter(isParameter).length
  return count(a) - count(b)
}

function refuseDuplicates(routes: readonly CompiledRoute[]): void {
  const seen = new Set<string>()
  for (const { route, segments } of routes) {
    const shape = segments.map((segment) => (isParameter(segment) ? '{}' : segment)).join('/')
    for (const name of [`${route.method} /${shape}`, `operation ${route.operationId}`]) {
      if (seen.has(name)) throw new Error(`two routes are ${name}`)
      seen.add(name)
    }
  }
}

function find(
  routes: readonly CompiledRoute[],
  method: string,
  path: string,
): { readonly found: CompiledRoute; readonly params: Readonly<Record<string, string>> } {
  const segments = path.split('/').slice(1)
  const here = routes.filter((one) => fits(one.segments, segments))
  const found = here.find((one) => one.route.method === method)
  if (found) return { found, params: paramsOf(found.segments, segments) }
  if (here.length === 0) throw new Problem('route-not-found', `no route matches ${path.slice(0, 200)}`)
  const allow = here.map((one) => one.route.method).join(', ')
  throw new Problem('method-not-allowed', `only ${allow} here`, { headers: { allow } })
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false
  return pattern.every((part, index) =>
    isParameter(part) ? segments[index] !== '' : part === segments[index],
  )
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Readonly<Record<string, string>> {
  const params: Record<string, string> = {}
  for (const [index, part] of pattern.entries()) {
    if (!isParameter(part)) continue
    try {
      params[part.slice(1, -1)] = decodeURIComponent(segments[index]!)
    } catch (cause) {
      throw new Problem('bad-request', 'the path is not properly percent-encoded', { cause })
    }
  }
  return params
}

function tooLarge(maxBodyBytes: number): Problem {
  return new Problem('body-too-large', `at most ${maxBodyBytes} bytes`, { extensions: { maxBodyBytes } })
}

const JSON_MEDIA_TYPE = /^\s*application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i

function readBody(found: CompiledRoute, request: RearRequest, maxBodyBytes: number): unknown {
  const schema = found.route.request
  if (!schema) return undefined
  const bytes = request.body
  if (bytes === undefined || bytes.length === 0) {
    if (!found.route.bodyOptional) throw new Problem('malformed-body', 'a body is required')
    return decodeBody(schema, found.validator, {})
  }
  if (bytes.length > maxBodyBytes) {
    throw tooLarge(maxBodyBytes)
  }
  const mediaType = request.headers['content-type']
  if (mediaType !== undefined && !JSON_MEDIA_TYPE.test(mediaType)) {
    throw new Problem('unsupported-media-type', 'the body must be application/json')
  }
  try {
    return decodeBody(schema, found.validator, parseJson(bytes))
  } catch (error) {
    if (error instanceof WireError) throw problemOfWire(error)
    throw error
  }
}

function decodeBody(schema: TSchema, validator: Validator | undefined, json: unknown): unknown {
  const message = decodeAs<unknown>(schema, json)
  if (validator && !validator.Check(message)) {
    const errors = validator
      .Errors(message)
      .slice(0, 10)
      .map((error) => ({ path: `$${error.instancePath.replaceAll('/', '.')}`, message: error.message }))
    const first = errors[0]
    throw new Problem(
      'malformed-body',
      first ? `${first.path}: ${first.message}` : 'not the expected message',
      {
        extensions: { errors },
      },
    )
  }
  return message
}

function problemOfWire(error: WireError): Problem {
  const code = error.path.startsWith('$.configuration') ? 'wrong-configuration' : 'malformed-body'
  const { path, message } = error
  return new Problem(code, message, {
    cause: error,
    extensions: { errors: [{ path, message, code: error.code }] },
  })
}

/** @returns the problem that an unusable selector is; the routes that parse selectors need not catch. */
export function problemOfSelector(error: SelectorError): Problem {
  return new Problem('bad-selector', error.message, {
    cause: error,
    extensions: { reason: error.code, filter: error.filter },
  })
}

function responseOf(reply: RouteReply): RearResponse {
  const { status, body, encoded, headers = {} } = reply
  if (body === undefined && encoded === undefined) return { status, headers, body: undefined }
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: encoded ?? JSON.stringify(body),
  }
}

function problemOf(error: unknown, request: RearRequest, log: Log): Problem {
  if (error instanceof Problem) {
    if (error.status >= 500)
      log.warn({ err: error, path: request.path, peer: request.peer?.id }, 'request failed')
    return error
  }
  if (error instanceof SelectorError) return problemOfSelector(error)
  if (request.signal.aborted) return new Problem('unavailable', 'the request was cancelled', { cause: error })
  log.error({ err: error, path: request.path, peer: request.peer?.id }, 'request failed unexpectedly')
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new Problem('timeout', 'the operation timed out', { cause: error })
  }
  return new Problem('internal-error', 'internal error', { cause: error })
}
