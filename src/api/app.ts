/**
 * The routes of the control API behind whatever it listens on: asks each request who sends it and whether he may, then
 * hands it to who answers it.
 */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { handleReview, REVIEWS } from './access/access-reviews.ts'
import { authenticate, type TokenLookup } from './access/authenticate.ts'
import { decideOnRoute } from './access/authorize.ts'
import { READABLE_PATHS } from './access/paths.ts'
import type { Caller } from './access/caller.ts'
import { decodeBody } from './body.ts'
import { checkBrowser } from './browser-guard.ts'
import { type ApiContext, type ApiRequest, type ApiResponse, jsonResponse } from './context.ts'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery.ts'
import type { ExtraRoute } from './extra-route.ts'
import { AGGREGATED_DISCOVERY, wantsAggregatedDiscovery } from './negotiation.ts'
import { createOpenApi } from './openapi.ts'
import { parseRequestPath } from './request-path.ts'
import { handleResource, noSuchResource } from './resource-handler.ts'
import { extraResponse, pathOf, send, sendError } from './send.ts'
import { ApiError } from './status.ts'

export interface AppOptions {
  readonly context: ApiContext
  readonly extra: readonly ExtraRoute[]
  /** Of the program. */
  readonly version: string
  readonly lookUp: TokenLookup
  /** Names under which clients reach it, besides loopback ones and the address that they came in on. */
  readonly allowedHosts: readonly string[]
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal
}

/** What answers the requests of any number of servers. */
export interface App {
  /** @param local it came through the socket in the node's directory; all others need a token */
  handle(request: IncomingMessage, response: ServerResponse, local: boolean): void
  close(): Promise<void>
}

/** The Kubernetes release whose API this is a part of. */
const KUBERNETES_MINOR = '32'

export async function createApp(options: AppOptions): Promise<App> {
  const { context, stopping } = options
  const { log, maxBodyBytes } = context
  /** Whatever is not in here came from anywhere. */
  const local = new WeakSet<IncomingMessage>()
  const callers = new WeakMap<IncomingMessage, Caller>()
  const app = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    routerOptions: { maxParamLength: 500 },
    frameworkErrors: (error, request, reply) => {
      sendError(error, request as FastifyRequest, reply as FastifyReply, log)
    },
  })
  // Bodies are decoded by whoever knows what they should be.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  // Before the body is read; also of what is not found.
  app.addHook('onRequest', async ({ raw }) => {
    const isLocal = local.has(raw)
    if (!isLocal) checkBrowser(raw, options.allowedHosts)
    const caller = await authenticate({ local: isLocal, headers: raw.headers }, options.lookUp)
    if (raw.headers['impersonate-user'] !== undefined)
      throw new ApiError('Forbidden', `${caller.name} cannot act for others`)
    callers.set(raw, caller)
  })
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, log))
  app.setNotFoundHandler((request, reply) => sendError(noSuchResource(), request, reply, log))

  const serve: Serve = (method, path, handle) => {
    app.route({
      method,
      url: path,
      handler: async (request, reply) => {
        const caller = callers.get(request.raw)
        if (caller === undefined) throw new ApiError('Unauthorized', 'Unauthorized')
        const gone = new AbortController()
        reply.raw.once('close', () => gone.abort())
        const signal = AbortSignal.any([gone.signal, stopping, caller.revoked])
        const response = await handle(apiRequest(request, caller, signal), request)
        await send(response, request, reply, context, signal)
        return reply
      },
    })
  }

  for (const { method, path, access, handler } of options.extra) {
    serve(method, path, async ({ contentType, body, caller, signal }, request) => {
      const { allowed, reason } = decideOnRoute(caller, access)
      if (!allowed) throw new ApiError('Forbidden', `${caller.name} cannot ${method} ${path}: ${reason}`)
      const response = await handler({
        params: request.params as Record<string, string>,
        query: request.query as Record<string, string>,
        body: body && isStructured(contentType) ? decodeBody(contentType, body) : body,
        caller,
        signal,
      })
      return extraResponse(response)
    })
  }
  serveFixed(serve, app, options)
  const paths = [...READABLE_PATHS, ...options.extra]
  for (const name of Object.keys(REVIEWS)) {
    serve('POST', `/apis/${name}`, (request) =>
      handleReview(name, request, request.caller, { resources: context.resources, paths }),
    )
  }
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
  for (const path of ['/api', '/apis', '/api/*', '/apis/*']) {
    serve(methods, path, (request, raw) => handleApi(context, request, pathOf(raw)))
  }
  await app.ready()
  return {
    handle(request, response, isLocal) {
      if (isLocal) local.add(request)
      app.routing(request, response)
    },
    close: () => app.close(),
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
  app: FastifyInstance,
  { version, context: { resources } }: AppOptions,
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
    if (app.hasRoute({ method: 'GET', url: path })) continue
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

function apiRequest(request: FastifyRequest, caller: Caller, signal: AbortSignal): ApiRequest {
  const url = request.raw.url ?? '/'
  const mark = url.indexOf('?')
  return {
    method: request.method,
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    accept: request.headers.accept,
    contentType: request.headers['content-type'],
    body: request.body as Buffer | undefined,
    caller,
    signal,
  }
}

function isStructured(contentType: string | undefined): boolean {
  return /^\s*(application\/json|(application|text)\/(x-)?yaml)\s*(;|$)/i.test(contentType ?? '')
}
