/**
 * The control API: serves an ObjectStore as a Kubernetes-style REST API, so that `kubectl`, the CLI and the
 * dashboard are plain clients of it. Local by default, without authentication; see `browser-guard.ts`.
 */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { AddressInfo } from 'node:net'
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import type { System } from '../kernel/system.ts'
import type { KindDefinition } from '../objects/kind.ts'
import { decodeBody } from './body.ts'
import { checkBrowser } from './browser-guard.ts'
import {
  type Admit,
  type ApiContext,
  type ApiRequest,
  type ApiResponse,
  jsonResponse,
  type PodLogs,
} from './context.ts'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery.ts'
import { AGGREGATED_DISCOVERY, wantsAggregatedDiscovery } from './negotiation.ts'
import { createOpenApi } from './openapi.ts'
import { parseRequestPath } from './request-path.ts'
import { handleResource, noSuchResource } from './resource-handler.ts'
import { createResources } from './resources.ts'
import { ApiError, asApiError, statusOf } from './status.ts'
import { sendChunks } from './streaming.ts'

/** What the handler of an extra route is given. */
export interface ExtraRequest {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Decoded if it is JSON or YAML, else as it came; undefined when there is none. */
  readonly body: unknown
  /** Aborts when the client is gone or the server stops. */
  readonly signal: AbortSignal
}

/** What the handler of an extra route answers. */
export interface ExtraResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON; an iterable as it comes. */
  readonly body: string | Buffer | object | AsyncIterable<Buffer | string>
}

/** An endpoint that is no object. `path` in fastify's syntax, for example `/tributary/v1/traces/:intent`. */
export interface ExtraRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly handler: (request: ExtraRequest) => Promise<ExtraResponse>
}

export interface ControlApiOptions {
  readonly store: ObjectStore
  readonly kinds: readonly KindDefinition[]
  readonly system: System
  readonly log: Log
  /** Port 0: any. */
  readonly listen: { readonly host: string; readonly port: number }
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

/** Where the API listens. */
export interface ControlAddress {
  readonly host: string
  readonly port: number
}

const DEFAULT_MAX_BODY_BYTES = 1024 * 1024
/** A request must be complete by then; only the answer may take as long as it likes. */
const REQUEST_TIMEOUT_MS = 30_000
const HEADERS_TIMEOUT_MS = 10_000
/** The Kubernetes release whose API this is a part of. */
const KUBERNETES_MINOR = '32'

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
  const { store, system, log, listen, admit, podLogs, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options
  const resources = createResources(options.kinds, { podLogs: podLogs !== undefined })
  const context: ApiContext = { store, resources, system, log, admit, podLogs, maxBodyBytes }
  const stopping = new AbortController()
  const server = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 500 },
    frameworkErrors: (error, request, reply) => {
      sendError(error, request as FastifyRequest, reply as FastifyReply, log)
    },
  })
  // Bodies are decoded by whoever knows what they should be.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  const guard = [listen.host, ...(options.allowedHosts ?? [])]
  server.addHook('onRequest', async (request) => checkBrowser(request.raw, guard))
  server.setErrorHandler((error, request, reply) => sendError(error, request, reply, log))
  server.setNotFoundHandler((request, reply) => sendError(noSuchResource(), request, reply, log))

  const serve = (
    method: string | string[],
    path: string,
    handle: (request: ApiRequest, raw: FastifyRequest) => Promise<ApiResponse> | ApiResponse,
  ): void => {
    server.route({
      method,
      url: path,
      handler: async (request, reply) => {
        const gone = new AbortController()
        reply.raw.once('close', () => gone.abort())
        const signal = AbortSignal.any([gone.signal, stopping.signal])
        const response = await handle(apiRequest(request, signal), request)
        await send(response, request, reply, context, signal)
        return reply
      },
    })
  }

  for (const { method, path, handler } of options.extra ?? []) {
    serve(method, path, async ({ contentType, body, signal }, request) => {
      const response = await handler({
        params: request.params as Record<string, string>,
        query: request.query as Record<string, string>,
        body: body && isStructured(contentType) ? decodeBody(contentType, body) : body,
        signal,
      })
      return extraResponse(response)
    })
  }
  serveFixed(serve, server, options, resources)
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
  for (const path of ['/api', '/apis', '/api/*', '/apis/*']) {
    serve(methods, path, (request, raw) => handleApi(context, request, pathOf(raw)))
  }

  await server.listen(listen)
  const { address: host, port } = server.server.address() as AddressInfo
  log.info({ host, port }, 'the control API listens')
  return {
    address: { host, port },
    async stop() {
      stopping.abort()
      await server.close()
    },
  }
}

type Serve = (
  method: string | string[],
  path: string,
  handle: (request: ApiRequest, raw: FastifyRequest) => Promise<ApiResponse> | ApiResponse,
) => void

/** Version, OpenAPI and, unless others contribute them, health checks. */
function serveFixed(
  serve: Serve,
  server: FastifyInstance,
  { version }: ControlApiOptions,
  resources: ReturnType<typeof createResources>,
): void {
  const versionInfo = {
    major: '1',
    minor: KUBERNETES_MINOR,
    gitVersion: `v1.${KUBERNETES_MINOR}.0+tributary-${version}`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: `${process.platform}/${process.arch}`,
  }
  serve('GET', '/version', () => jsonResponse(versionInfo))
  const openApi = createOpenApi(resources, version)
  serve('GET', '/openapi/v3', () => jsonResponse(openApi.index))
  serve('GET', '/openapi/v3/*', (_request, raw) => {
    const document = openApi.documents.get(pathOf(raw).slice('/openapi/v3/'.length))
    if (document === undefined) throw noSuchResource()
    return { status: 200, contentType: 'application/json', body: document }
  })
  for (const path of ['/healthz', '/livez', '/readyz']) {
    if (server.hasRoute({ method: 'GET', url: path })) continue
    serve('GET', path, () => ({ status: 200, contentType: 'text/plain; charset=utf-8', body: 'ok' }))
  }
}

async function handleApi(context: ApiContext, request: ApiRequest, path: string): Promise<ApiResponse> {
  const parsed = parseRequestPath(path)
  if (!parsed) throw noSuchResource()
  if (parsed.type === 'resource') return handleResource(context, parsed, request)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new ApiError('MethodNotAllowed', `the server does not allow ${request.method} here`)
  }
  const { resources } = context
  switch (parsed.type) {
    case 'groups': {
      if (wantsAggregatedDiscovery(request.accept)) {
        const document = aggregatedDiscovery(resources, parsed.root)
        return { ...jsonResponse(document), contentType: AGGREGATED_DISCOVERY }
      }
      return jsonResponse(parsed.root === 'api' ? apiVersions() : apiGroupList(resources))
    }
    case 'group': {
      const group = apiGroup(resources, parsed.group)
      if (!group) throw noSuchResource()
      return jsonResponse(group)
    }
    case 'version': {
      const list = apiResourceList(resources, parsed.apiVersion)
      if (!list) throw noSuchResource()
      return jsonResponse(list)
    }
  }
}

function apiRequest(request: FastifyRequest, signal: AbortSignal): ApiRequest {
  const url = request.raw.url ?? '/'
  const mark = url.indexOf('?')
  return {
    method: request.method,
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    accept: request.headers.accept,
    contentType: request.headers['content-type'],
    body: request.body as Buffer | undefined,
    signal,
  }
}

function pathOf(request: FastifyRequest): string {
  return (request.raw.url ?? '/').replace(/[?#].*$/s, '')
}

function isStructured(contentType: string | undefined): boolean {
  return /^\s*(application\/json|(application|text)\/(x-)?yaml)\s*(;|$)/i.test(contentType ?? '')
}

function extraResponse({ status, headers = {}, body }: ExtraResponse): ApiResponse {
  const isText = typeof body === 'string'
  const isRaw = isText || Buffer.isBuffer(body) || Symbol.asyncIterator in body
  const given = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')
  const contentType =
    given?.[1] ??
    (isText ? 'text/plain; charset=utf-8' : isRaw ? 'application/octet-stream' : 'application/json')
  const rest = Object.fromEntries(Object.entries(headers).filter((entry) => entry !== given))
  return {
    status,
    contentType,
    headers: rest,
    body: isRaw ? (body as ApiResponse['body']) : JSON.stringify(body),
  }
}

async function send(
  { status, contentType, headers = {}, body }: ApiResponse,
  request: FastifyRequest,
  reply: FastifyReply,
  { system, log }: ApiContext,
  signal: AbortSignal,
): Promise<void> {
  reply.code(status).header('content-type', contentType).header('cache-control', 'no-cache, private')
  reply.header('x-content-type-options', 'nosniff').header('vary', 'Accept')
  for (const [name, value] of Object.entries(headers)) reply.header(name, value as string | string[])
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    // As bytes, for fastify adds a charset to the media type of texts, and Kubernetes' clients compare it.
    await reply.send(Buffer.from(body as string))
    return
  }
  if (request.method === 'HEAD') {
    await body[Symbol.asyncIterator]().return?.()
    await reply.send()
    return
  }
  reply.hijack()
  reply.raw.writeHead(status, reply.getHeaders() as Record<string, string | string[]>)
  try {
    await sendChunks(reply.raw, body, system.clock, signal)
  } catch (error) {
    log.warn({ err: error, path: pathOf(request) }, 'an answer was cut short')
  }
}

function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): void {
  const answer = asApiError(error)
  if (answer.code >= 500)
    log.error({ err: error, method: request.method, path: pathOf(request) }, 'a request failed')
  const retryAfter = answer.details?.retryAfterSeconds
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  reply
    .code(answer.code)
    .header('content-type', 'application/json')
    .header('x-content-type-options', 'nosniff')
  void reply.send(Buffer.from(JSON.stringify(statusOf(answer))))
}
